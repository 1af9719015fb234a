// Operators on each element: of one tensor, and of two with broadcasting.
#include <string.h>

#include "fixed_point16.h"
#include "functions.h"
#include "requantize.h"
#include "walk.h"

int32_t ik_fixed_multiply(int32_t x, int32_t multiplier, int32_t shift) {
    return ik_fixed(x, multiplier, shift);
}

// MARK: One operand

void ik_scalar_table8(const ik_step *step, uint8_t *arena) {
    const uint8_t *table = step->u.parameters;
    const ik_tensor *in = &step->input, *out = &step->output;
    const int64_t count = (int64_t)in->width * in->channels;
    for (int32_t n = 0; n < in->batches; ++n) {
        for (int32_t h = 0; h < in->height; ++h) {
            const uint8_t *x = ik_row(in, arena, n, h);
            uint8_t *y = ik_row(out, arena, n, h);
            for (int64_t i = 0; i < count; ++i) y[i] = table[x[i]];
        }
    }
}

void ik_scalar_table16(const ik_step *step, uint8_t *arena) {
    const ik_table16 *p = step->u.parameters;
    const ik_tensor *in = &step->input, *out = &step->output;
    const int64_t count = (int64_t)in->width * in->channels;
    for (int32_t n = 0; n < in->batches; ++n) {
        for (int32_t h = 0; h < in->height; ++h) {
            const int16_t *x = (const void *)ik_row(in, arena, n, h);
            int16_t *y = (void *)ik_row(out, arena, n, h);
            for (int64_t i = 0; i < count; ++i) {
                const int32_t place = 256 + (x[i] >> 7), fraction = x[i] & 0x7F;
                const int32_t base = p->values[place], slope = p->values[place + 1] - base;
                y[i] = (int16_t)(base + ((slope * fraction + 64) >> 7));
            }
        }
    }
}

void ik_scalar_unary(const ik_step *step, uint8_t *arena) {
    const ik_unary *p = step->u.parameters;
    const ik_tensor *in = &step->input, *out = &step->output;
    const int64_t count = (int64_t)in->width * in->channels;
    for (int32_t n = 0; n < in->batches; ++n) {
        for (int32_t h = 0; h < in->height; ++h) {
            p->row(p, ik_row(in, arena, n, h), ik_row(out, arena, n, h), count);
        }
    }
}

#define UNARY(name, type, expression)                                          \
    IK_UNARY_ROW(name) {                                                       \
        (void)p;                                                               \
        const type *in = (const void *)x;                                      \
        type *out = (void *)y;                                                 \
        for (int64_t i = 0; i < count; ++i) {                                  \
            const type v = in[i];                                              \
            out[i] = (type)(expression);                                       \
        }                                                                      \
    }

static inline double logistic(double v) {
    const double e = ik_exponential(v < 0 ? v : -v);
    return v < 0 ? e / (1 + e) : 1 / (1 + e);
}

UNARY(ik_row_clamp_f32, float, ik_clamp_float(v, p->low, p->high))
UNARY(ik_row_logistic_f32, float, logistic(v))
UNARY(ik_row_tanh_f32, float, ik_tanh(v))
UNARY(ik_row_elu_f32, float, v < 0 ? (float)ik_expm1(v) : v)
UNARY(ik_row_leaky_relu_f32, float, v < 0 ? v * p->alpha : v)
UNARY(ik_row_hard_swish_f32, float, v * ik_clamp_float(v + 3, 0, 6) * (1.0f / 6))
UNARY(ik_row_gelu_f32, float, v * 0.5 * (1 + ik_erf(v * 0.70710678118654752440)))
UNARY(ik_row_gelu_approximate_f32, float,
    v * 0.5 * (1 + ik_tanh(0.79788456080286535588 * (v + 0.044715 * (double)v * v * v))))
UNARY(ik_row_abs_f32, float, fabsf(v))
UNARY(ik_row_neg_f32, float, -v)
UNARY(ik_row_sqrt_f32, float, sqrtf(v))
UNARY(ik_row_rsqrt_f32, float, 1 / sqrtf(v))
UNARY(ik_row_square_f32, float, v * v)
UNARY(ik_row_exp_f32, float, ik_exponential(v))
UNARY(ik_row_log_f32, float, ik_log(v))
UNARY(ik_row_ceil_f32, float, ceilf(v))
UNARY(ik_row_floor_f32, float, floorf(v))
UNARY(ik_row_round_f32, float, rintf(v))
UNARY(ik_row_sign_f32, float, v > 0 ? 1 : v < 0 ? -1 : v)
UNARY(ik_row_erf_f32, float, ik_erf(v))
UNARY(ik_row_abs_i32, int32_t, v < 0 ? 0u - (uint32_t)v : (uint32_t)v)
UNARY(ik_row_neg_i32, int32_t, 0u - (uint32_t)v)

static inline int16_t narrow16(const ik_unary *p, int32_t value) {
    return (int16_t)ik_clamp(value, p->clamp_low, p->clamp_high);
}

UNARY(ik_row_rescale_qs16, int16_t, narrow16(p, ik_fixed(v, p->multiplier, p->shift)))
UNARY(ik_row_leaky_relu_qs16, int16_t,
    narrow16(p, v >= 0 ? ik_fixed(v, p->multiplier, p->shift)
                       : p->alpha < 0 ? -ik_fixed(v, p->second_multiplier, p->second_shift)
                                      : ik_fixed(v, p->second_multiplier, p->second_shift)))
UNARY(ik_row_abs_qs16, int16_t,
    narrow16(p, p->multiplier ? ik_fixed(v < 0 ? -v : v, p->multiplier, p->shift) : v < 0 ? -v : v))
UNARY(ik_row_neg_qs16, int16_t, narrow16(p, -v))

/// Arguments of 2^-12: gemmlowp's functions, which LiteRT takes there.
UNARY(ik_row_logistic_fixed_qs16, int16_t, ik_logistic16(v))
UNARY(ik_row_tanh_fixed_qs16, int16_t, ik_tanh16(v, 3))

// MARK: Two operands

void ik_scalar_binary(const ik_step *step, uint8_t *arena) {
    const ik_binary *p = step->u.parameters;
    const uint8_t *a = arena + step->input.offset, *b = arena + step->second.offset;
    uint8_t *y = arena + step->output.offset;
    int64_t index[IK_AXES] = {0};
    do {
        p->row(p, a, b, y);
    } while (ik_advance(
        index, p->extent, IK_AXES - 1, &a, p->left, &b, p->right, &y, p->output));
}

/// The loop of a row; the plain one when nothing is broadcast along it, for the vectorizer.
#define ROW(type, expression)                                                                   \
    const int64_t count = p->extent[IK_AXES - 1], sa = p->left[IK_AXES - 1];                    \
    const int64_t sb = p->right[IK_AXES - 1], sy = p->output[IK_AXES - 1];                      \
    if (sa == sizeof(type) && sb == sizeof(type) && sy == sizeof(type)) {                       \
        const type *left = (const void *)a, *right = (const void *)b;                           \
        type *out = (void *)y;                                                                  \
        for (int64_t i = 0; i < count; ++i) {                                                   \
            const type l = left[i], r = right[i];                                               \
            out[i] = (type)(expression);                                                        \
        }                                                                                       \
    } else {                                                                                    \
        for (int64_t i = 0; i < count; ++i) {                                                   \
            const type l = *(const type *)(const void *)(a + i * sa);                           \
            const type r = *(const type *)(const void *)(b + i * sb);                           \
            *(type *)(void *)(y + i * sy) = (type)(expression);                                 \
        }                                                                                       \
    }

/// `expression` of the signed values l and r is the signed result.
#define ROW8(expression)                                                                        \
    const uint8_t fl = p->left_flip, fr = p->right_flip, fy = p->output_flip;                   \
    const int64_t count = p->extent[IK_AXES - 1], sa = p->left[IK_AXES - 1];                    \
    const int64_t sb = p->right[IK_AXES - 1], sy = p->output[IK_AXES - 1];                      \
    for (int64_t i = 0; i < count; ++i) {                                                       \
        const int32_t l = ik_load8(a + i * sa, fl), r = ik_load8(b + i * sb, fr);               \
        y[i * sy] = (uint8_t)(expression) ^ fy;                                                 \
    }

/// ((A * (l - zl) + B * (r - zr) + 2^(shift - 1)) >> shift) + z: XNNPACK's rule of ADD, and of SUB
/// with a negative B.
static inline int32_t sum8(const ik_binary *p, int32_t l, int32_t r) {
    const int32_t sum = (l - p->left_zero_point) * p->left_multiplier
        + (r - p->right_zero_point) * p->right_multiplier;
    const int32_t q = ((sum + (1 << (p->shift - 1))) >> p->shift) + p->output_zero_point;
    return ik_clamp(q, p->clamp_low, p->clamp_high);
}
IK_BINARY_ROW(ik_row_sum_qs8) { ROW8(sum8(p, l, r)) }

/// rne((l - zl) * (r - zr) * scale) + z, XNNPACK's rule of MUL.
IK_BINARY_ROW(ik_row_mul_qs8) {
    ROW8(ik_round((float)((l - p->left_zero_point) * (r - p->right_zero_point)) * p->scale,
        p->output_zero_point, p->clamp_low, p->clamp_high))
}

IK_BINARY_ROW(ik_row_min_qs8) { ROW8(l < r ? l : r) }
IK_BINARY_ROW(ik_row_max_qs8) { ROW8(l > r ? l : r) }

static inline int32_t prelu8(const ik_binary *p, int32_t l, int32_t r) {
    const int32_t v = l - p->left_zero_point;
    const int32_t scaled = v >= 0
        ? ik_fixed(v, p->left_multiplier, p->left_shift)
        : ik_fixed(v * (r - p->right_zero_point), p->right_multiplier, p->right_shift);
    return ik_clamp(scaled + p->output_zero_point, p->clamp_low, p->clamp_high);
}
IK_BINARY_ROW(ik_row_prelu_qs8) { ROW8(prelu8(p, l, r)) }

/// Both operands to a common scale, squared, to the output's scale.
static inline int32_t squared_difference8(const ik_binary *p, int32_t l, int32_t r) {
    const int32_t left = ik_fixed((l - p->left_zero_point) * (1 << p->input_shift),
        p->left_multiplier, p->left_shift);
    const int32_t right = ik_fixed((r - p->right_zero_point) * (1 << p->input_shift),
        p->right_multiplier, p->right_shift);
    const int32_t square = (left - right) * (left - right);
    const int32_t q = ik_fixed(square, p->multiplier, p->shift) + p->output_zero_point;
    return ik_clamp(q, p->clamp_low, p->clamp_high);
}
IK_BINARY_ROW(ik_row_squared_difference_qs8) { ROW8(squared_difference8(p, l, r)) }

/// 1 / x of an integer x >= 1 as a multiplier and a shift, by three Newton steps in fixed point.
/// - Source: GetReciprocal of LiteRT's kernels/internal/common.h over gemmlowp's
///   one_over_one_plus_x_for_x_in_0_1.
static int32_t reciprocal(int32_t x, int32_t *shift) {
    const int32_t headroom = __builtin_clz((uint32_t)x);
    *shift = 31 - headroom;
    const int32_t fraction = (int32_t)(((uint32_t)x << headroom) - ((uint32_t)1 << 31));
    const int32_t half_denominator = (int32_t)(((int64_t)fraction + INT32_MAX + 1) / 2);
    int32_t y = 1515870810 + ik_high_multiply(half_denominator, -1010580540);
    for (int i = 0; i < 3; ++i) {
        const int32_t rest = (1 << 29) - ik_high_multiply(half_denominator, y);
        const int64_t step = (int64_t)ik_high_multiply(y, rest) * 4;
        y += (int32_t)(step > INT32_MAX ? INT32_MAX : step < INT32_MIN ? INT32_MIN : step);
    }
    return y >= 1 << 30 ? INT32_MAX : y < -(1 << 30) ? INT32_MIN : y * 2;
}

/// A divisor of zero, where LiteRT fails, counts as the smallest positive one.
static inline int32_t divide(const ik_binary *p, int32_t l, int32_t r) {
    int32_t over = l - p->left_zero_point, under = r - p->right_zero_point;
    if (under < 0) {
        over = -over;
        under = -under;
    }
    int32_t reciprocal_shift;
    const int32_t inverse = reciprocal(under == 0 ? 1 : under, &reciprocal_shift);
    const int32_t headroom = over >= 0
        ? __builtin_clz((uint32_t)over | 1) - 1 - (over == 0 ? -1 : 0)
        : __builtin_clz(2 * (uint32_t)-over - 1);
    const int32_t quotient = ik_high_multiply((int32_t)((uint32_t)over << headroom), inverse);
    const int32_t shift = headroom + reciprocal_shift - p->shift;
    const int32_t scaled = ik_high_multiply(quotient, p->multiplier);
    const int32_t q = ik_rounding_shift(scaled, shift < 0 ? 0 : shift > 31 ? 31 : shift);
    return ik_clamp(q + p->output_zero_point, p->clamp_low, p->clamp_high);
}
IK_BINARY_ROW(ik_row_div_qs8) { ROW8(divide(p, l, r)) }

/// LiteRT's ADD and SUB of int16 with any scales: each operand shifted left by 15, scaled, summed, scaled.
static inline int32_t sum16(const ik_binary *p, int32_t l, int32_t r) {
    const int32_t left = ik_fixed(l * (1 << p->input_shift), p->left_multiplier, p->left_shift);
    const int32_t right = ik_fixed(r * (1 << p->input_shift),
        p->right_multiplier < 0 ? -p->right_multiplier : p->right_multiplier, p->right_shift);
    const int32_t sum = p->right_multiplier < 0 ? left - right : left + right;
    return ik_clamp(ik_fixed(sum, p->multiplier, p->shift), p->clamp_low, p->clamp_high);
}
IK_BINARY_ROW(ik_row_sum_qs16) { ROW(int16_t, sum16(p, l, r)) }
IK_BINARY_ROW(ik_row_mul_qs16) {
    ROW(int16_t, ik_clamp(ik_fixed((int32_t)l * r, p->multiplier, p->shift), p->clamp_low,
        p->clamp_high))
}
IK_BINARY_ROW(ik_row_div_qs16) { ROW(int16_t, divide(p, l, r)) }
IK_BINARY_ROW(ik_row_min_qs16) { ROW(int16_t, l < r ? l : r) }
IK_BINARY_ROW(ik_row_max_qs16) { ROW(int16_t, l > r ? l : r) }

IK_BINARY_ROW(ik_row_add_f32) { ROW(float, ik_clamp_float(l + r, p->low, p->high)) }
IK_BINARY_ROW(ik_row_sub_f32) { ROW(float, ik_clamp_float(l - r, p->low, p->high)) }
IK_BINARY_ROW(ik_row_mul_f32) { ROW(float, ik_clamp_float(l * r, p->low, p->high)) }
IK_BINARY_ROW(ik_row_div_f32) { ROW(float, ik_clamp_float(l / r, p->low, p->high)) }
IK_BINARY_ROW(ik_row_min_f32) { ROW(float, l < r ? l : r) }
IK_BINARY_ROW(ik_row_max_f32) { ROW(float, l > r ? l : r) }
IK_BINARY_ROW(ik_row_prelu_f32) { ROW(float, l < 0 ? l * r : l) }
IK_BINARY_ROW(ik_row_squared_difference_f32) { ROW(float, (l - r) * (l - r)) }

static inline int32_t clamp32(const ik_binary *p, uint32_t value) {
    return ik_clamp((int32_t)value, p->clamp_low, p->clamp_high);
}
IK_BINARY_ROW(ik_row_add_i32) { ROW(int32_t, clamp32(p, (uint32_t)l + (uint32_t)r)) }
IK_BINARY_ROW(ik_row_sub_i32) { ROW(int32_t, clamp32(p, (uint32_t)l - (uint32_t)r)) }
IK_BINARY_ROW(ik_row_mul_i32) { ROW(int32_t, clamp32(p, (uint32_t)l * (uint32_t)r)) }
/// Toward zero; by zero it is zero.
IK_BINARY_ROW(ik_row_div_i32) {
    ROW(int32_t, clamp32(p, r == 0 ? 0u : r == -1 ? 0u - (uint32_t)l : (uint32_t)(l / r)))
}
IK_BINARY_ROW(ik_row_min_i32) { ROW(int32_t, l < r ? l : r) }
IK_BINARY_ROW(ik_row_max_i32) { ROW(int32_t, l > r ? l : r) }
IK_BINARY_ROW(ik_row_squared_difference_i32) {
    ROW(int32_t, ((uint32_t)l - (uint32_t)r) * ((uint32_t)l - (uint32_t)r))
}
