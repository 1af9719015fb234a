#pragma once
// LiteRT's integer requantization: a 32-bit multiplier and a power of two, rounded twice.

#include <limits.h>
#include <stdint.h>

/// round(a * b / 2^31), half up; saturates the one overflow. gemmlowp's
/// SaturatingRoundingDoublingHighMul.
static inline int32_t ik_high_multiply(int32_t a, int32_t b) {
    if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
    const int64_t product = (int64_t)a * b;
    const int64_t nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
    return (int32_t)((product + nudge) / ((int64_t)1 << 31));
}

/// x / 2^exponent, half away from zero. gemmlowp's RoundingDivideByPOT.
static inline int32_t ik_rounding_shift(int32_t x, int32_t exponent) {
    if (exponent == 0) return x;
    const int32_t mask = (int32_t)(((int64_t)1 << exponent) - 1);
    const int32_t remainder = x & mask;
    const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

/// MultiplyByQuantizedMultiplier with double rounding. `shift` is in [-31, 30].
static inline int32_t ik_fixed(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    const int32_t wide = (int32_t)((uint32_t)x << left);
    return ik_rounding_shift(ik_high_multiply(wide, multiplier), right);
}

/// x * multiplier * 2^(shift - 31), rounded once, half up.
static inline int32_t ik_fixed_single(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t total = 31 - shift;
    return (int32_t)(((int64_t)x * multiplier + ((int64_t)1 << (total - 1))) >> total);
}

/// MultiplyByQuantizedMultiplier of a 64-bit accumulator: the multiplier is first rounded to 15 bits.
/// `x` is below 2^47 in magnitude.
static inline int32_t ik_fixed_wide(int64_t x, int32_t multiplier, int32_t shift) {
    const int32_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
    const int32_t total = 15 - shift;
    const int64_t rounded = x * (int64_t)reduced + ((int64_t)1 << (total - 1));
    return (int32_t)(rounded >> total);
}
