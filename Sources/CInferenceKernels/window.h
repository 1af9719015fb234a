#pragma once
// Addresses and window bounds that the scalar and float kernels share.

#include "inference_kernels.h"

static inline uint8_t *row_of(const ik_tensor *tensor, uint8_t *arena, int32_t batch, int32_t row) {
    return arena + tensor->offset + batch * tensor->batch_stride + row * tensor->row_stride;
}

/// First and one-past-last kernel index whose input coordinate lies inside [0, extent).
static inline void clip_kernel(int32_t origin, int32_t dilation, int32_t kernel, int32_t extent,
    int32_t *first, int32_t *end) {
    *first = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
    const int32_t inside = extent > origin ? (extent - origin + dilation - 1) / dilation : 0;
    *end = inside < kernel ? inside : kernel;
    if (*first > *end) *first = *end;
}
