// Reductions over any set of axes.
#include <math.h>
#include <string.h>

#include "fixed_point.h"
#include "requantize.h"
#include "walk.h"

void ik_scalar_reduce(const ik_step *step, uint8_t *arena) {
    const ik_reduce *p = step->u.parameters;
    const uint8_t *x = arena + step->input.offset;
    uint8_t *y = arena + step->output.offset;
    int64_t index[IK_AXES] = {0};
    do {
        p->cell(p, x, y);
    } while (
        ik_advance(index, p->extent, IK_AXES, &x, p->input_stride, NULL, NULL, &y, p->output_stride));
}

/// Runs `body` for each reduced element, innermost axis in a plain loop.
#define EACH(body)                                                                          \
    int64_t index[IK_AXES] = {0};                                                           \
    const int64_t length = p->reduced[IK_AXES - 1], stride = p->reduced_stride[IK_AXES - 1]; \
    do {                                                                                    \
        const uint8_t *e = x;                                                               \
        for (int64_t i = 0; i < length; ++i, e += stride) { body }                          \
    } while (ik_advance(                                                                    \
        index, p->reduced, IK_AXES - 1, &x, p->reduced_stride, NULL, NULL, NULL, NULL))

#define AS(type, place) (*(const type *)(const void *)(place))
#define STORE(type, value) (*(type *)(void *)y = (value))

/// q = clamp(rne(float(sum) * scale + offset)), in the domain that the tensor declares: XNNPACK's
/// rule of MEAN and SUM (reduce-nd.c). `scale` has a mean's divisor in it, `offset` both zero points.
IK_REDUCE_CELL(ik_cell_sum_qs8) {
    int32_t sum = 0;
    EACH(sum += ik_load8(e, p->input_flip););
    const float real = (float)(sum + (int32_t)p->count * p->bias) * p->scale + p->offset;
    const float q = real != real ? 0 : rintf(real);
    const float low = (float)(p->bias - 128), high = (float)(p->bias + 127);
    *y = (uint8_t)((int32_t)ik_clamp_float(q, low, high) - p->bias) ^ p->output_flip;
}

IK_REDUCE_CELL(ik_cell_max_qs8) {
    int32_t most = -128;
    EACH(const int32_t v = ik_load8(e, p->input_flip); if (v > most) most = v;);
    *y = (uint8_t)most ^ p->output_flip;
}

IK_REDUCE_CELL(ik_cell_min_qs8) {
    int32_t least = 127;
    EACH(const int32_t v = ik_load8(e, p->input_flip); if (v < least) least = v;);
    *y = (uint8_t)least ^ p->output_flip;
}

static int32_t sum16(const ik_reduce *p, const uint8_t *x) {
    int32_t sum = 0;  // of at most 2^16 elements
    EACH(sum += AS(int16_t, e););
    return sum;
}

/// Rounded once, as LiteRT's SUM of int16 answers.
IK_REDUCE_CELL(ik_cell_sum_qs16) {
    const int32_t q = ik_fixed_single(sum16(p, x), p->multiplier, p->shift);
    STORE(int16_t, (int16_t)ik_clamp(q, -32768, 32767));
}

/// Rounded twice, the divisor in the multiplier: QuantizedMeanOrSum of LiteRT's
/// kernels/internal/reference/reduce.h.
IK_REDUCE_CELL(ik_cell_mean_qs16) {
    const int32_t q = ik_fixed(sum16(p, x), p->multiplier, p->shift);
    STORE(int16_t, (int16_t)ik_clamp(q, -32768, 32767));
}

IK_REDUCE_CELL(ik_cell_max_qs16) {
    int16_t most = INT16_MIN;
    EACH(if (AS(int16_t, e) > most) most = AS(int16_t, e););
    STORE(int16_t, most);
}

IK_REDUCE_CELL(ik_cell_min_qs16) {
    int16_t least = INT16_MAX;
    EACH(if (AS(int16_t, e) < least) least = AS(int16_t, e););
    STORE(int16_t, least);
}

/// In double precision, so that the order hardly matters; `scale` is 1 or 1 / count.
IK_REDUCE_CELL(ik_cell_sum_f32) {
    double sum = 0;
    EACH(sum += (double)AS(float, e););
    STORE(float, (float)sum * p->scale);
}

IK_REDUCE_CELL(ik_cell_product_f32) {
    double product = 1;
    EACH(product *= (double)AS(float, e););
    STORE(float, (float)product);
}

IK_REDUCE_CELL(ik_cell_max_f32) {
    float most = AS(float, x);
    EACH(if (AS(float, e) > most) most = AS(float, e););
    STORE(float, most);
}

IK_REDUCE_CELL(ik_cell_min_f32) {
    float least = AS(float, x);
    EACH(if (AS(float, e) < least) least = AS(float, e););
    STORE(float, least);
}

IK_REDUCE_CELL(ik_cell_sum_i32) {
    uint32_t sum = 0;
    EACH(sum += (uint32_t)AS(int32_t, e););
    STORE(int32_t, (int32_t)sum);
}

/// Toward zero.
IK_REDUCE_CELL(ik_cell_mean_i32) {
    int64_t sum = 0;
    EACH(sum += AS(int32_t, e););
    STORE(int32_t, (int32_t)(sum / p->count));
}

IK_REDUCE_CELL(ik_cell_max_i32) {
    int32_t most = INT32_MIN;
    EACH(if (AS(int32_t, e) > most) most = AS(int32_t, e););
    STORE(int32_t, most);
}

IK_REDUCE_CELL(ik_cell_min_i32) {
    int32_t least = INT32_MAX;
    EACH(if (AS(int32_t, e) < least) least = AS(int32_t, e););
    STORE(int32_t, least);
}

static double value_of(const uint8_t *x, int64_t i, int32_t type, uint8_t flip) {
    switch (type) {
    case IK_I8:
    case IK_U8: return (int8_t)(x[i] ^ flip);
    case IK_I16: return ((const int16_t *)(const void *)x)[i];
    case IK_I32: return ((const int32_t *)(const void *)x)[i];
    default: return ((const float *)(const void *)x)[i];
    }
}

void ik_scalar_arg_extreme(const ik_step *step, uint8_t *arena) {
    const ik_arg_extreme *p = step->u.parameters;
    const uint8_t *x = arena + step->input.offset;
    uint8_t *y = arena + step->output.offset;
    for (int64_t o = 0; o < p->outer; ++o) {
        for (int64_t i = 0; i < p->inner; ++i) {
            int64_t best = 0;
            double extreme = value_of(x, o * p->axis * p->inner + i, p->type, step->input.flip);
            for (int64_t a = 1; a < p->axis; ++a) {
                const double v =
                    value_of(x, (o * p->axis + a) * p->inner + i, p->type, step->input.flip);
                if (p->is_minimum ? v < extreme : v > extreme) {
                    extreme = v;
                    best = a;
                }
            }
            const int64_t place = o * p->inner + i;
            if (p->index_bytes == 8) {
                ((int64_t *)(void *)y)[place] = best;
            } else {
                ((int32_t *)(void *)y)[place] = (int32_t)best;
            }
        }
    }
}
