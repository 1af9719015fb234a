// Change of image size. Which input pixels an output pixel lies between, and how far, stands in a
// table for each axis.
#include <string.h>

#include "walk.h"

void ik_scalar_resize_nearest(const ik_step *step, uint8_t *arena) {
    const ik_resize *p = step->u.parameters;
    const ik_tensor *x = &step->input, *y = &step->output;
    const size_t bytes = (size_t)x->channels * (size_t)p->element_bytes;
    const uint8_t flip = x->flip ^ y->flip;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            const uint8_t *row = ik_row(x, arena, n, p->rows[oy].low);
            uint8_t *out = ik_row(y, arena, n, oy);
            for (int32_t ox = 0; ox < y->width; ++ox, out += bytes) {
                const uint8_t *pixel = row + (size_t)p->columns[ox].low * bytes;
                for (size_t i = 0; i < bytes; ++i) out[i] = pixel[i] ^ flip;
            }
        }
    }
}

#define BILINEAR(name, type, value, result)                                                     \
    void name(const ik_step *step, uint8_t *arena) {                                            \
        const ik_resize *p = step->u.parameters;                                                \
        const ik_tensor *x = &step->input, *y = &step->output;                                  \
        const int64_t channels = x->channels;                                                   \
        for (int32_t n = 0; n < y->batches; ++n) {                                              \
            for (int32_t oy = 0; oy < y->height; ++oy) {                                        \
                const ik_resize_place v = p->rows[oy];                                          \
                const type *top = (const void *)ik_row(x, arena, n, v.low);                     \
                const type *bottom = (const void *)ik_row(x, arena, n, v.high);                 \
                type *out = (void *)ik_row(y, arena, n, oy);                                    \
                for (int32_t ox = 0; ox < y->width; ++ox) {                                     \
                    const ik_resize_place h = p->columns[ox];                                   \
                    for (int64_t c = 0; c < channels; ++c) {                                    \
                        const int64_t left = h.low * channels + c, right = h.high * channels + c; \
                        const value tl = LOAD(top[left]), tr = LOAD(top[right]);                \
                        const value bl = LOAD(bottom[left]), br = LOAD(bottom[right]);          \
                        *out++ = (type)(result);                                                \
                    }                                                                           \
                }                                                                               \
            }                                                                                   \
        }                                                                                       \
    }

#define LOAD(v) (v)
static inline float mixed(float a, float b, float weight) { return a + (b - a) * weight; }
BILINEAR(ik_scalar_resize_bilinear_f32, float, float,
    mixed(mixed(tl, tr, h.weight), mixed(bl, br, h.weight), v.weight))

/// Weights of 10 bits, half away from zero: ResizeBilinearInteger of LiteRT.
static inline int16_t mixed16(int64_t tl, int64_t tr, int64_t bl, int64_t br, int64_t h, int64_t v) {
    const int64_t sum = tl * (1024 - v) * (1024 - h) + bl * v * (1024 - h) + tr * (1024 - v) * h
        + br * v * h;
    return (int16_t)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
}
BILINEAR(ik_scalar_resize_bilinear_qs16, int16_t, int64_t,
    mixed16(tl, tr, bl, br, h.fixed, v.fixed))

#undef LOAD
#define LOAD(v) ((int8_t)((v) ^ x->flip))
/// Weights of 11 bits, half up: XNNPACK's s8-ibilinear.
static inline int32_t mixed8(int32_t tl, int32_t tr, int32_t bl, int32_t br, int32_t h, int32_t v) {
    const int32_t top = tl * 2048 + (tr - tl) * h, bottom = bl * 2048 + (br - bl) * h;
    return (top * 2048 + (bottom - top) * v + (1 << 21)) >> 22;
}
BILINEAR(ik_scalar_resize_bilinear_qs8, uint8_t, int32_t,
    (uint8_t)mixed8(tl, tr, bl, br, h.fixed, v.fixed) ^ y->flip)
