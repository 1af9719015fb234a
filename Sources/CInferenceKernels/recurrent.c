// Layers that remember: their state lies in the arena and outlives the run.
#include <string.h>

#include "fixed_point.h"
#include "functions.h"
#include "requantize.h"
#include "walk.h"

// MARK: SVDF

void ik_scalar_svdf_f32(const ik_step *step, uint8_t *arena) {
    const ik_svdf *p = step->u.parameters;
    const float *x = (const void *)(arena + step->input.offset);
    float *state = (void *)(arena + step->second.offset);
    float *y = (void *)(arena + step->output.offset);
    for (int64_t b = 0; b < p->batches; ++b, x += p->inputs, y += p->units) {
        for (int64_t unit = 0; unit < p->units; ++unit) {
            float sum = p->bias[unit];
            for (int64_t rank = 0; rank < p->rank; ++rank, state += p->memory) {
                const int64_t filter = unit * p->rank + rank;
                float newest = 0;
                for (int64_t i = 0; i < p->inputs; ++i) {
                    newest += p->feature[filter * p->inputs + i] * x[i];
                }
                memmove(state, state + 1, (size_t)(p->memory - 1) * sizeof *state);
                state[p->memory - 1] = newest;
                for (int64_t t = 0; t < p->memory; ++t) {
                    sum += p->time[filter * p->memory + t] * state[t];
                }
            }
            y[unit] = ik_clamp_float(sum, p->low, p->high);
        }
    }
}

/// EvalIntegerSVDF of LiteRT's kernels/internal/reference/svdf.h.
void ik_scalar_svdf_qs8(const ik_step *step, uint8_t *arena) {
    const ik_svdf *p = step->u.parameters;
    const uint8_t *x = arena + step->input.offset;
    int16_t *state = (void *)(arena + step->second.offset);
    uint8_t *y = arena + step->output.offset;
    for (int64_t b = 0; b < p->batches; ++b, x += p->inputs, y += p->units) {
        for (int64_t unit = 0; unit < p->units; ++unit) {
            int32_t sum = p->bias_qs32[unit];
            for (int64_t rank = 0; rank < p->rank; ++rank, state += p->memory) {
                const int64_t filter = unit * p->rank + rank;
                int32_t dot = 0;
                for (int64_t i = 0; i < p->inputs; ++i) {
                    dot += p->feature_qs8[filter * p->inputs + i]
                        * (ik_load8(x + i, step->input.flip) - step->input.zero_point);
                }
                memmove(state, state + 1, (size_t)(p->memory - 1) * sizeof *state);
                state[p->memory - 1] = (int16_t)ik_clamp(
                    ik_fixed(dot, p->feature_multiplier, p->feature_shift), -32768, 32767);
                for (int64_t t = 0; t < p->memory; ++t) {
                    sum = (int32_t)((uint32_t)sum
                        + (uint32_t)(p->time_qs16[filter * p->memory + t] * state[t]));
                }
            }
            const int32_t q = ik_clamp(ik_fixed(sum, p->time_multiplier, p->time_shift),
                -65536, 65536) + step->output.zero_point;
            y[unit] = (uint8_t)ik_clamp(q, -128, 127) ^ step->output.flip;
        }
    }
}

// MARK: LSTM

static inline float logistic(float x) {
    const double e = ik_exponential(x < 0 ? x : -x);
    return (float)(x < 0 ? e / (1 + e) : 1 / (1 + e));
}

/// gate = norm(input weights * x + recurrent weights * h + peephole * c) + bias
static void compute_gate(const ik_lstm *p, int gate, const float *x, const float *h,
    const float *cell, float *result) {
    const float *input = p->input[gate], *recurrent = p->recurrent[gate];
    for (int64_t unit = 0; unit < p->units; ++unit) {
        float sum = 0;
        for (int64_t i = 0; i < p->inputs; ++i) sum += input[unit * p->inputs + i] * x[i];
        for (int64_t i = 0; i < p->outputs; ++i) sum += recurrent[unit * p->outputs + i] * h[i];
        if (p->peephole[gate]) sum += p->peephole[gate][unit] * cell[unit];
        result[unit] = sum;
    }
    if (p->norm[gate]) {
        double mean = 0, square = 0;
        for (int64_t unit = 0; unit < p->units; ++unit) {
            mean += result[unit];
            square += (double)result[unit] * result[unit];
        }
        mean /= (double)p->units;
        const double variance = square / (double)p->units - mean * mean;
        const double scale = 1 / sqrt(variance > 0 ? variance : 1e-8);
        for (int64_t unit = 0; unit < p->units; ++unit) {
            result[unit] = (float)((result[unit] - mean) * scale) * p->norm[gate][unit];
        }
    }
    for (int64_t unit = 0; unit < p->units; ++unit) result[unit] += p->bias[gate][unit];
}

enum { INPUT, FORGET, CELL, OUTPUT };

static void lstm_step(const ik_lstm *p, const float *x, float *h, float *cell, float *gates,
    float *y) {
    float *input = gates, *forget = gates + p->units, *candidate = gates + 2 * p->units;
    float *output = gates + 3 * p->units;
    if (p->input[INPUT]) compute_gate(p, INPUT, x, h, cell, input);
    compute_gate(p, FORGET, x, h, cell, forget);
    compute_gate(p, CELL, x, h, cell, candidate);
    for (int64_t unit = 0; unit < p->units; ++unit) {
        const float f = logistic(forget[unit]);
        const float i = p->input[INPUT] ? logistic(input[unit]) : 1 - f;
        const float c = f * cell[unit] + i * (float)ik_tanh(candidate[unit]);
        cell[unit] = p->cell_clip > 0 ? ik_clamp_float(c, -p->cell_clip, p->cell_clip) : c;
    }
    compute_gate(p, OUTPUT, x, h, cell, output);
    for (int64_t unit = 0; unit < p->units; ++unit) {
        output[unit] = logistic(output[unit]) * (float)ik_tanh(cell[unit]);
    }
    for (int64_t i = 0; i < p->outputs; ++i) {
        float sum = output[i < p->units ? i : 0];
        if (p->projection) {
            sum = p->projection_bias[i];
            for (int64_t unit = 0; unit < p->units; ++unit) {
                sum += p->projection[i * p->units + unit] * output[unit];
            }
            if (p->projection_clip > 0) {
                sum = ik_clamp_float(sum, -p->projection_clip, p->projection_clip);
            }
        }
        y[i] = h[i] = sum;
    }
}

void ik_scalar_lstm_f32(const ik_step *step, uint8_t *arena) {
    const ik_lstm *p = step->u.parameters;
    const float *x = (const void *)(arena + step->input.offset);
    float *h = (void *)(arena + step->second.offset);
    float *cell = h + p->batches * p->outputs, *gates = cell + p->batches * p->units;
    float *y = (void *)(arena + step->output.offset);
    for (int64_t t = 0; t < p->times; ++t) {
        for (int64_t b = 0; b < p->batches; ++b) {
            const int64_t place = p->is_time_major ? t * p->batches + b : b * p->times + t;
            lstm_step(p, x + place * p->inputs, h + b * p->outputs, cell + b * p->units, gates,
                y + place * p->outputs);
        }
    }
}
