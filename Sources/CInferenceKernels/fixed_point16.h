#pragma once
// Functions of 16-bit fixed-point numbers, as gemmlowp's fixedpoint.h computes them for int16: LiteRT's
// integer LSTM is defined by them to the last bit. A number with k integer bits is raw / 2^(15 - k).

#include "fixed_point.h"

/// a * b of fixed-point numbers: the integer bits add up.
static inline int16_t ik_mul16(int16_t a, int16_t b) {
    if (a == INT16_MIN && b == INT16_MIN) return INT16_MAX;
    const int32_t product = (int32_t)a * b;
    const int32_t nudge = product >= 0 ? 1 << 14 : 1 - (1 << 14);
    return (int16_t)((product + nudge) / (1 << 15));
}

static inline int16_t ik_saturate16(int32_t x) {
    return (int16_t)(x < INT16_MIN ? INT16_MIN : x > INT16_MAX ? INT16_MAX : x);
}

/// x * 2^exponent: saturating to the left, half away from zero to the right.
static inline int16_t ik_scale16(int16_t x, int exponent) {
    if (exponent <= 0) return (int16_t)ik_rounding_shift(x, -exponent);
    return ik_saturate16((int32_t)((uint32_t)x << exponent));
}

/// A constant that gemmlowp writes with 31 fraction bits, at 15.
static inline int16_t ik_constant16(int32_t raw) { return (int16_t)ik_rounding_shift(raw, 16); }

/// e^x for x <= 0 with `bits` integer bits; none in the result.
static inline int16_t ik_exp16(int16_t x, int bits) {
    if (x == 0) return INT16_MAX;
    if (bits > 5) {
        if (x < -(1 << (15 - bits + 5))) return 0;
    }
    // x = -(whole quarters) + (a part in [-1/4, 0)).
    const int fraction = 15 - bits;
    const int16_t quarter = (int16_t)(1 << (fraction - 2));
    const int16_t part = (int16_t)((x & (quarter - 1)) - quarter);
    const uint16_t quarters = (uint16_t)(part - x);
    // A Taylor series around -1/8.
    const int16_t centre = ik_constant16(1895147668), third = ik_constant16(715827883);
    const int16_t r = (int16_t)(ik_scale16(part, bits) + (1 << 12));
    const int16_t r2 = ik_mul16(r, r), r3 = ik_mul16(r2, r), r4 = ik_mul16(r2, r2);
    const int16_t inner = (int16_t)(ik_mul16((int16_t)(ik_scale16(r4, -2) + r3), third) + r2);
    const int16_t series = ik_scale16(inner, -1);
    int16_t result = ik_saturate16(centre + ik_mul16(centre, (int16_t)(r + series)));
    // Times e^-(2^exponent) for each bit of the quarters.
    static const int32_t powers[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    for (int exponent = -2; exponent < bits && exponent <= 4; ++exponent) {
        if (quarters >> (fraction + exponent) & 1) {
            result = ik_mul16(result, ik_constant16(powers[exponent + 2]));
        }
    }
    return result;
}

/// 1 / ((1 + x) / 2) with two integer bits, for x in [0, 1] with none: three steps of Newton's method.
static inline int16_t ik_reciprocal16(int16_t x) {
    const int32_t sum = (int32_t)x + INT16_MAX;
    const int16_t half = (int16_t)((sum + (sum >= 0 ? 1 : -1)) / 2);
    int16_t y = (int16_t)(ik_constant16(1515870810) + ik_mul16(half, ik_constant16(-1010580540)));
    for (int step = 0; step < 3; ++step) {
        const int16_t error = (int16_t)((1 << 13) - ik_mul16(half, y));
        y = (int16_t)(y + ik_scale16(ik_mul16(y, error), 2));
    }
    return y;
}

/// 1 / (1 + e^-x) for x with three integer bits; none in the result.
static inline int16_t ik_logistic16(int16_t x) {
    if (x == 0) return 1 << 14;
    const int16_t negative = x > 0 ? (int16_t)-x : x;
    const int16_t result = ik_scale16(ik_reciprocal16(ik_exp16(negative, 3)), 1);
    return x > 0 ? result : (int16_t)(INT16_MAX - result);
}

/// The hyperbolic tangent of x with `bits` integer bits; none in the result.
static inline int16_t ik_tanh16(int16_t x, int bits) {
    if (x == 0) return 0;
    const int16_t negative = x < 0 ? x : (int16_t)-x;
    const int16_t y = ik_reciprocal16(ik_exp16(negative, bits + 1));
    const int16_t result = ik_scale16((int16_t)(y - (1 << 13)), 2);
    return x < 0 ? (int16_t)-result : result;
}
