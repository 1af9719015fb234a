// Operators that only move elements.
#include <math.h>
#include <string.h>

#include "walk.h"

void ik_scalar_block_copy(const ik_step *step, uint8_t *arena) {
    const ik_block_copy *p = step->u.parameters;
    const uint8_t *from = arena + step->input.offset;
    uint8_t *to = arena + step->output.offset;
    const uint8_t flip = step->input.flip ^ step->output.flip;
    const size_t bytes = (size_t)p->block_bytes;
    int64_t index[IK_AXES] = {0};
    do {
        if (flip != 0) {
            for (size_t i = 0; i < bytes; ++i) to[i] = from[i] ^ 0x80;
        } else if (bytes == 1) {
            *to = *from;
        } else if (bytes == 4) {
            memcpy(to, from, 4);
        } else {
            memcpy(to, from, bytes);
        }
    } while (ik_advance(index, p->extent, IK_AXES, &from, p->input_stride, NULL, NULL, &to,
        p->output_stride));
}

void ik_scalar_block_fill(const ik_step *step, uint8_t *arena) {
    const ik_block_fill *p = step->u.parameters;
    uint8_t *to = arena + step->output.offset;
    int64_t index[IK_AXES] = {0};
    const uint8_t *cursor = to;
    do {
        uint8_t *block = to + (cursor - to);
        if (p->element_bytes == 1) {
            memset(block, p->element[0], (size_t)p->block_bytes);
        } else {
            for (int64_t i = 0; i < p->block_bytes; i += p->element_bytes) {
                memcpy(block + i, p->element, (size_t)p->element_bytes);
            }
        }
    } while (ik_advance(index, p->extent, IK_AXES, &cursor, p->output_stride, NULL, NULL, NULL,
        NULL));
}

void ik_scalar_gather(const ik_step *step, uint8_t *arena) {
    const ik_gather *p = step->u.parameters;
    const uint8_t flip = step->input.flip ^ step->output.flip;
    const uint8_t *indices = arena + step->second.offset;
    for (int64_t b = 0; b < p->batches; ++b) {
        for (int64_t i = 0; i < p->count; ++i) {
            int64_t index;
            const uint8_t *place = indices + (b * p->count + i) * p->index_bytes;
            if (p->index_bytes == 8) {
                memcpy(&index, place, 8);
            } else {
                int32_t narrow;
                memcpy(&narrow, place, 4);
                index = narrow;
            }
            index = index < 0 ? 0 : index >= p->axis ? p->axis - 1 : index;
            for (int64_t o = 0; o < p->outer; ++o) {
                const uint8_t *from = arena + step->input.offset + b * p->input_batch_stride
                    + o * p->input_outer_stride + index * p->block_bytes;
                uint8_t *to = arena + step->output.offset + b * p->output_batch_stride
                    + o * p->output_outer_stride + i * p->block_bytes;
                for (int64_t k = 0; k < p->block_bytes; ++k) to[k] = from[k] ^ flip;
            }
        }
    }
}

// MARK: Cast

static inline int64_t saturated(double value, double low, double high) {
    if (value != value) return 0;
    return value <= low ? (int64_t)low : value >= high ? (int64_t)high : (int64_t)value;
}

static int64_t load_integer(const uint8_t *x, int64_t i, int32_t type, uint8_t flip) {
    switch (type) {
    case IK_I8: return (int8_t)(x[i] ^ flip);
    case IK_U8: return (uint8_t)(x[i] ^ flip ^ 0x80);
    case IK_I16: return ((const int16_t *)(const void *)x)[i];
    case IK_I32: return ((const int32_t *)(const void *)x)[i];
    case IK_I64: return ((const int64_t *)(const void *)x)[i];
    default: return x[i] != 0;
    }
}

static void store_integer(uint8_t *y, int64_t i, int32_t type, uint8_t flip, int64_t value) {
    switch (type) {
    case IK_I8: y[i] = (uint8_t)value ^ flip; return;
    case IK_U8: y[i] = (uint8_t)value ^ flip ^ 0x80; return;
    case IK_I16: ((int16_t *)(void *)y)[i] = (int16_t)value; return;
    case IK_I32: ((int32_t *)(void *)y)[i] = (int32_t)value; return;
    case IK_I64: ((int64_t *)(void *)y)[i] = value; return;
    default: y[i] = value != 0; return;
    }
}

static int64_t integer_of(float value, int32_t type) {
    switch (type) {
    case IK_I8: return saturated(value, INT8_MIN, INT8_MAX);
    case IK_U8: return saturated(value, 0, UINT8_MAX);
    case IK_I16: return saturated(value, INT16_MIN, INT16_MAX);
    case IK_I32: return saturated(value, INT32_MIN, INT32_MAX);
    case IK_I64:
        if (value != value) return 0;
        return value >= 0x1p63f ? INT64_MAX : value <= -0x1p63f ? INT64_MIN : (int64_t)value;
    default: return value != 0;
    }
}

void ik_scalar_cast(const ik_step *step, uint8_t *arena) {
    const ik_cast *p = step->u.parameters;
    const ik_tensor *in = &step->input, *out = &step->output;
    const int64_t count = (int64_t)in->width * in->channels;
    for (int32_t n = 0; n < in->batches; ++n) {
        for (int32_t h = 0; h < in->height; ++h) {
            const uint8_t *x = ik_row(in, arena, n, h);
            uint8_t *y = ik_row(out, arena, n, h);
            for (int64_t i = 0; i < count; ++i) {
                if (p->from == IK_F32) {
                    const float value = ((const float *)(const void *)x)[i];
                    if (p->to == IK_F32) {
                        ((float *)(void *)y)[i] = value;
                    } else {
                        store_integer(y, i, p->to, out->flip, integer_of(value, p->to));
                    }
                } else {
                    const int64_t value = load_integer(x, i, p->from, in->flip);
                    if (p->to == IK_F32) {
                        ((float *)(void *)y)[i] = (float)value;
                    } else {
                        store_integer(y, i, p->to, out->flip, value);
                    }
                }
            }
        }
    }
}
