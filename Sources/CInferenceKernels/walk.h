#pragma once
// Walks over a box of axes.

#include "operator_kernels.h"

/// Advances `index`, and `first` and `second` by their strides, over `axes` axes.
/// Returns 0 after the last cell.
static inline int ik_advance(int64_t *index, const int64_t *extent, int axes,
    const uint8_t **first, const int64_t *first_stride,
    const uint8_t **second, const int64_t *second_stride,
    uint8_t **output, const int64_t *output_stride) {
    for (int axis = axes - 1; axis >= 0; --axis) {
        *first += first_stride[axis];
        if (second) *second += second_stride[axis];
        if (output) *output += output_stride[axis];
        if (++index[axis] < extent[axis]) return 1;
        *first -= first_stride[axis] * extent[axis];
        if (second) *second -= second_stride[axis] * extent[axis];
        if (output) *output -= output_stride[axis] * extent[axis];
        index[axis] = 0;
    }
    return 0;
}

static inline int32_t ik_load8(const uint8_t *byte, uint8_t flip) { return (int8_t)(*byte ^ flip); }

static inline uint8_t *ik_row(const ik_tensor *tensor, uint8_t *arena, int32_t batch, int32_t row) {
    return arena + tensor->offset + batch * tensor->batch_stride + row * tensor->row_stride;
}

static inline float ik_clamp_float(float value, float low, float high) {
    value = value < low ? low : value;
    return value > high ? high : value;
}
