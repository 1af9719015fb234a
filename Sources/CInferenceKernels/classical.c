// Linear models, scaling, imputation and norms of rows.
#include "classical.h"

double ik_logistic(double value, int is_double) {
    const double e = ik_exp(value < 0 ? value : -value);
    const double y = rounded(1 / rounded(1 + rounded(e, is_double), is_double), is_double);
    return value < 0 ? rounded(1 - y, is_double) : y;
}

/// Source: Winitzki's approximation of the inverse error function, as ONNX Runtime uses it.
double ik_probit(double value) {
    const float y = 2 * (float)value - 1;
    const float log_term = logf((1 - y) * (1 + y));
    const float a = 2 / (3.14159f * 0.147f) + 0.5f * log_term;
    const float root = sqrtf(-a + sqrtf(a * a - 1 / 0.147f * log_term));
    return (double)(1.41421356f * (y < 0 ? -root : root));
}

/// e^x for any x that a difference of scores can have.
static double exponential(double x) { return x > 0 ? 1 / ik_exp(-x) : ik_exp(x); }

static void softmax(double *scores, int32_t count, int is_double, int skips_zeros) {
    double largest = -INFINITY, sum = 0;
    for (int32_t i = 0; i < count; ++i) {
        if (scores[i] > largest) largest = scores[i];
    }
    for (int32_t i = 0; i < count; ++i) {
        if (skips_zeros && fabs(scores[i]) <= 1e-7) {
            scores[i] = rounded(scores[i] * rounded(exponential(-largest), is_double), is_double);
        } else {
            scores[i] = rounded(exponential(rounded(scores[i] - largest, is_double)), is_double);
            sum = rounded(sum + scores[i], is_double);
        }
    }
    for (int32_t i = 0; i < count; ++i) scores[i] = rounded(scores[i] / sum, is_double);
}

void ik_post_transform(double *scores, int32_t count, int32_t kind, int is_double) {
    switch (kind) {
        case 1:
            for (int32_t i = 0; i < count; ++i) scores[i] = ik_logistic(scores[i], is_double);
            break;
        case 2: softmax(scores, count, is_double, 0); break;
        case 3: softmax(scores, count, is_double, 1); break;
        case 4:
            for (int32_t i = 0; i < count; ++i) scores[i] = ik_probit(scores[i]);
            break;
        default: break;
    }
}

void ik_linear_model_rows(const ik_step *step, uint8_t *arena) {
    const ik_linear_model *p = step->u.parameters;
    const uint8_t *x = arena + step->input.offset;
    float *out = (float *)(arena + step->output.offset);
    int64_t *labels = (int64_t *)(arena + step->second.offset);
    for (int32_t row = 0; row < p->rows; ++row, out += p->outputs) {
        const int64_t first = (int64_t)row * p->columns;
        int32_t best = 0;
        for (int32_t t = 0; t < p->targets; ++t) {
            // In float64: within half a unit of the float32 result of any order of summation.
            double sum = (double)p->intercepts[t];
            for (int32_t i = 0; i < p->columns; ++i) {
                const float value = (float)real_at(x, p->input_type, first + i);
                sum += (double)p->coefficients[(int64_t)t * p->columns + i] * (double)value;
            }
            out[t] = (float)sum;
            if (out[t] > out[best]) best = t;
        }
        if (p->labels != NULL) {
            if (p->targets == 1) best = out[0] > 0;
            labels[row] = p->labels[best];
        }
        // At most as many as there are outputs, which the planner bounds.
        double scores[IK_LINEAR_OUTPUTS];
        for (int32_t t = 0; t < p->targets; ++t) scores[t] = (double)out[t];
        if (p->targets == 1 && p->post_transform == 4) {
            scores[0] = ik_probit(scores[0]);
        } else if (p->adds_second_class) {
            // One score of two classes is taken as it is, whatever the transform.
            scores[1] = scores[0];
            scores[0] = rounded(1 - scores[0], 0);
        } else if (p->targets > 1) {
            ik_post_transform(scores, p->targets, p->post_transform, 0);
        }
        for (int32_t t = 0; t < p->outputs; ++t) out[t] = (float)scores[t];
    }
}

static void map_row(const ik_column_map *p, const uint8_t *x, int64_t first, float *out) {
    for (int32_t i = 0; i < p->columns; ++i) {
        const float value = (float)real_at(x, p->input_type, first + i);
        switch (p->kind) {
            case IK_SCALE: out[i] = (value - p->offset[i]) * p->scale[i]; break;
            case IK_IMPUTE: {
                const int matches = p->threshold != p->threshold ? value != value
                                                                 : value == p->threshold;
                out[i] = matches ? p->offset[i] : value;
                break;
            }
            default: out[i] = value > p->threshold ? 1.0f : 0.0f; break;
        }
    }
}

/// Divides by the largest value, the sum of magnitudes, or the root of the sum of squares; a row
/// whose divisor is zero stays.
static void normalize_row(const ik_column_map *p, const uint8_t *x, int64_t first, float *out) {
    float norm = p->kind == IK_NORM_MAX ? -INFINITY : 0;
    for (int32_t i = 0; i < p->columns; ++i) {
        const float value = (float)real_at(x, p->input_type, first + i);
        out[i] = value;
        switch (p->kind) {
            case IK_NORM_MAX: norm = value > norm ? value : norm; break;
            case IK_NORM_L1: norm += fabsf(value); break;
            default: norm += value * value; break;
        }
    }
    if (norm == 0) return;
    for (int32_t i = 0; i < p->columns; ++i) {
        if (p->kind == IK_NORM_L2) {
            out[i] = copysignf(sqrtf(out[i] * out[i] / norm), out[i]);
        } else {
            out[i] /= norm;
        }
    }
}

void ik_column_map_rows(const ik_step *step, uint8_t *arena) {
    const ik_column_map *p = step->u.parameters;
    const uint8_t *x = arena + step->input.offset;
    float *out = (float *)(arena + step->output.offset);
    for (int32_t row = 0; row < p->rows; ++row, out += p->columns) {
        const int64_t first = (int64_t)row * p->columns;
        if (p->kind >= IK_NORM_MAX) {
            normalize_row(p, x, first, out);
        } else {
            map_row(p, x, first, out);
        }
    }
}
