// Pools and softmax of the types that no instruction set has kernels of its own for.
#include "functions.h"
#include "requantize.h"
#include "walk.h"

typedef struct window {
    int32_t top, bottom, left, right;
} window;

/// The part of a window that lies inside the input.
static window window_at(const ik_window *m, const ik_tensor *x, int32_t oy, int32_t ox) {
    const int32_t top = oy * m->stride_height - m->pad_top;
    const int32_t left = ox * m->stride_width - m->pad_left;
    return (window){
        .top = top < 0 ? 0 : top,
        .bottom = top + m->kernel_height > x->height ? x->height : top + m->kernel_height,
        .left = left < 0 ? 0 : left,
        .right = left + m->kernel_width > x->width ? x->width : left + m->kernel_width};
}

#define POOL(name, type, start, each, end)                                                   \
    void name(const ik_step *step, uint8_t *arena) {                                         \
        const ik_pool *p = &step->u.pool;                                                    \
        const ik_tensor *x = &step->input, *y = &step->output;                               \
        for (int32_t n = 0; n < y->batches; ++n) {                                           \
            for (int32_t oy = 0; oy < y->height; ++oy) {                                     \
                type *out = (void *)ik_row(y, arena, n, oy);                                 \
                for (int32_t ox = 0; ox < y->width; ++ox, out += y->channels) {              \
                    const window w = window_at(&p->window, x, oy, ox);                       \
                    const int32_t count = (w.bottom - w.top) * (w.right - w.left);           \
                    (void)count;                                                             \
                    for (int32_t c = 0; c < y->channels; ++c) {                              \
                        start;                                                               \
                        for (int32_t ky = w.top; ky < w.bottom; ++ky) {                      \
                            const type *row = (const void *)ik_row(x, arena, n, ky);         \
                            for (int32_t kx = w.left; kx < w.right; ++kx) {                  \
                                const type v = row[(int64_t)kx * x->channels + c];           \
                                each;                                                        \
                            }                                                                \
                        }                                                                    \
                        out[c] = (type)(end);                                                \
                    }                                                                        \
                }                                                                            \
            }                                                                                \
        }                                                                                    \
    }

POOL(ik_scalar_average_pool_f32, float, float sum = 0, sum += v,
    ik_clamp_float(sum / (float)count, p->float_low, p->float_high))
POOL(ik_scalar_max_pool_f32, float, float most = -INFINITY, if (v > most) most = v,
    ik_clamp_float(most, p->float_low, p->float_high))
POOL(ik_scalar_average_pool_qs16, int16_t, int32_t sum = 0, sum += v,
    ik_clamp(sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count, p->clamp_low,
        p->clamp_high))
POOL(ik_scalar_max_pool_qs16, int16_t, int32_t most = -32768, if (v > most) most = v,
    ik_clamp(most, p->clamp_low, p->clamp_high))
/// Unsigned means are rounded half up: (sum + n / 2) / n of the unsigned numbers.
POOL(ik_scalar_average_pool_qu8, uint8_t, int32_t sum = 0, sum += (uint8_t)(v ^ x->flip ^ 0x80),
    (uint8_t)ik_clamp((sum + count / 2) / count - 128, p->clamp_low, p->clamp_high) ^ y->flip)

void ik_scalar_softmax_f32(const ik_step *step, uint8_t *arena) {
    const ik_softmax *p = &step->u.softmax;
    const ik_tensor *x = &step->input, *y = &step->output;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t h = 0; h < y->height; ++h) {
            const float *in = (const void *)ik_row(x, arena, n, h);
            float *out = (void *)ik_row(y, arena, n, h);
            for (int32_t w = 0; w < y->width; ++w, in += x->channels, out += y->channels) {
                float most = in[0];
                for (int32_t c = 1; c < x->channels; ++c) {
                    if (in[c] > most) most = in[c];
                }
                double sum = 0;
                for (int32_t c = 0; c < x->channels; ++c) {
                    const double e = ik_exponential(((double)in[c] - most) * p->beta);
                    out[c] = (float)e;
                    sum += e;
                }
                const float scale = (float)(1 / sum);
                for (int32_t c = 0; c < x->channels; ++c) out[c] *= scale;
            }
        }
    }
}
