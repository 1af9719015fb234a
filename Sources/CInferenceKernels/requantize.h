#pragma once
// The one rounding rule, in its scalar form.

#include <math.h>
#include <stdint.h>

// A product that feeds a sum must not become one fused operation: it would round once, not twice.
#if defined(__clang__)
#pragma clang fp contract(off)
#endif

static inline int32_t ik_clamp(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

/// clamp(rne(value) + zero_point, low, high). Clamped before it is rounded: the bounds are whole
/// numbers, so the result is the same, and the conversion cannot overflow. NaN becomes the zero
/// point's clamped value.
static inline uint8_t ik_round(float value, int32_t zero_point, int32_t low, int32_t high) {
    const float least = (float)(low - zero_point), most = (float)(high - zero_point);
    if (value != value) value = 0;
    value = value < least ? least : value;
    value = value > most ? most : value;
    return (uint8_t)((int32_t)lrintf(value) + zero_point);
}

/// The accumulator times the channel's multiplier, one rounding to float each, then ik_round.
static inline uint8_t ik_requantize(int32_t accumulator, float multiplier, int32_t zero_point,
    int32_t low, int32_t high) {
    return ik_round((float)accumulator * multiplier, zero_point, low, high);
}
