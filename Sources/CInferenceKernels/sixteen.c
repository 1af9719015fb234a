// Changes of type and scale, and functions of 16-bit numbers, as LiteRT's built-in kernels compute
// them.
#include <stdlib.h>

#include "fixed_point.h"
#include "functions.h"
#include "requantize.h"
#include "walk.h"

static inline int32_t narrow(const ik_unary *p, int32_t value) {
    return ik_clamp(value, p->clamp_low, p->clamp_high);
}

/// 8 bits to 16: (q - zero point) rescaled.
IK_UNARY_ROW(ik_row_rescale_qs8_qs16) {
    int16_t *out = (void *)y;
    for (int64_t i = 0; i < count; ++i) {
        const int32_t v = ik_load8(x + i, p->input_flip) - p->input_zero_point;
        out[i] = (int16_t)narrow(p, ik_fixed(v, p->multiplier, p->shift));
    }
}

/// 16 bits to 8.
IK_UNARY_ROW(ik_row_rescale_qs16_qs8) {
    const int16_t *in = (const void *)x;
    for (int64_t i = 0; i < count; ++i) {
        const int32_t q = ik_fixed(in[i], p->multiplier, p->shift) + p->output_zero_point;
        y[i] = (uint8_t)narrow(p, q) ^ p->output_flip;
    }
}

/// To nearest even of x / scale. NaN is zero.
IK_UNARY_ROW(ik_row_quantize_qs16) {
    const float *in = (const void *)x;
    int16_t *out = (void *)y;
    for (int64_t i = 0; i < count; ++i) {
        const float q = rintf(in[i] / p->alpha);
        out[i] = q != q ? 0 : (int16_t)ik_clamp_float(q, -32768, 32767);
    }
}

IK_UNARY_ROW(ik_row_dequantize_qs16) {
    const int16_t *in = (const void *)x;
    float *out = (void *)y;
    for (int64_t i = 0; i < count; ++i) out[i] = (float)in[i] * p->alpha;
}

/// `table` holds 65536 * logistic(i / 24), the argument is scaled to 1 / 12288.
static inline int32_t scaled(const ik_unary *p, int16_t x) {
    const int64_t round = p->shift > 0 ? (int64_t)1 << (p->shift - 1) : 0;
    return (int32_t)(((int64_t)x * p->multiplier + round) >> p->shift);
}

IK_UNARY_ROW(ik_row_logistic_qs16) {
    const int16_t *in = (const void *)x;
    int16_t *out = (void *)y;
    const uint16_t *table = (const uint16_t *)p->table;
    for (int64_t i = 0; i < count; ++i) {
        const int32_t argument = scaled(p, in[i]);
        const uint32_t magnitude = (uint32_t)abs(argument), place = magnitude >> 9;
        uint32_t result = 0x7FFF << 10;
        if (place < 255) {
            const uint32_t a = table[place], b = table[place + 1];
            result = (a << 9) + (magnitude & 0x1FF) * (b - a);
        }
        result = argument >= 0 ? result + (1 << 9) : (1 << 25) - result + (1 << 9) - 1;
        out[i] = (int16_t)(result >> 10);
    }
}

/// 2 logistic(2 x) - 1 from the same table.
IK_UNARY_ROW(ik_row_tanh_qs16) {
    const int16_t *in = (const void *)x;
    int16_t *out = (void *)y;
    const uint16_t *table = (const uint16_t *)p->table;
    for (int64_t i = 0; i < count; ++i) {
        const int32_t argument = scaled(p, in[i]);
        const uint32_t magnitude = (uint32_t)abs(argument), place = magnitude >> 8;
        int32_t result = 0xFFFF << 8;
        if (place < 255) {
            const int32_t a = table[place], b = table[place + 1];
            result = (a << 8) + (int32_t)(magnitude & 0xFF) * (b - a);
        }
        result = argument >= 0 ? result - (1 << 23) + (1 << 7) : -result + (1 << 23) + (1 << 7) - 1;
        out[i] = (int16_t)(result >> 8);
    }
}

/// Each value is half the error of its chord in the middle above the curve.
void ik_logistic_table(uint16_t *table) {
    for (int i = 0; i < 255; ++i) {
        const double value = 65536 / (1 + ik_exponential(-i / 24.0));
        const double middle = 65536 / (1 + ik_exponential(-(i + 0.5) / 24));
        const double next = 65536 / (1 + ik_exponential(-(i + 1) / 24.0));
        table[i] = (uint16_t)(value - ((value + next) / 2 - middle) / 2 + 0.5);
    }
    table[255] = 65535;
}
