// The float32 kernels. Plain loops over output channels, which the compiler vectorizes without
// changing the order of any sum.
#include "inference_kernels.h"

#include <math.h>

#include "window.h"

#if defined(__clang__)
#pragma clang fp contract(off)
#endif

/// Output channels that are summed at a time, so that the sums stay in registers or L1.
#define CHANNELS 64

/// NaN stays NaN.
static inline float clamp(float value, float low, float high) {
    if (value < low) return low;
    return value > high ? high : value;
}

static inline const float *floats(const uint8_t *bytes) {
    return (const float *)(const void *)bytes;
}

static inline int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

/// sums[c] += x[k] * w[k][c] for k in order.
static inline void accumulate(float *restrict sums, const float *restrict x,
    const float *restrict w, int32_t inputs, int32_t channels, int64_t stride) {
    for (int32_t k = 0; k < inputs; ++k) {
        const float value = x[k];
        const float *restrict row = w + k * stride;
        for (int32_t c = 0; c < channels; ++c) sums[c] += value * row[c];
    }
}

void ik_conv_f32_run(const ik_step *step, uint8_t *arena) {
    const ik_conv_f32 *p = &step->u.conv_f32;
    const ik_window *m = &p->window;
    const ik_tensor *x = &step->input, *y = &step->output;
    const int32_t inputs = x->channels / p->groups, outputs = y->channels / p->groups;
    const int64_t group_weights =
        (int64_t)m->kernel_height * m->kernel_width * inputs * outputs;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            const int32_t top = oy * m->stride_height - m->pad_top;
            int32_t ky0, ky1;
            clip_kernel(top, m->dilation_height, m->kernel_height, x->height, &ky0, &ky1);
            float *out = (float *)(void *)row_of(y, arena, n, oy);
            for (int32_t ox = 0; ox < y->width; ++ox, out += y->channels) {
                const int32_t left = ox * m->stride_width - m->pad_left;
                int32_t kx0, kx1;
                clip_kernel(left, m->dilation_width, m->kernel_width, x->width, &kx0, &kx1);
                for (int32_t g = 0; g < p->groups; ++g) {
                    for (int32_t c0 = 0; c0 < outputs; c0 += CHANNELS) {
                        const int32_t channels = least(CHANNELS, outputs - c0);
                        float sums[CHANNELS];
                        for (int32_t c = 0; c < channels; ++c) {
                            sums[c] = p->bias[g * outputs + c0 + c];
                        }
                        for (int32_t ky = ky0; ky < ky1; ++ky) {
                            const float *row = floats(
                                row_of(x, arena, n, top + ky * m->dilation_height));
                            for (int32_t kx = kx0; kx < kx1; ++kx) {
                                const int64_t tap = (int64_t)ky * m->kernel_width + kx;
                                accumulate(sums,
                                    row + (int64_t)(left + kx * m->dilation_width) * x->channels
                                        + g * inputs,
                                    p->weights + g * group_weights + tap * inputs * outputs + c0,
                                    inputs, channels, outputs);
                            }
                        }
                        for (int32_t c = 0; c < channels; ++c) {
                            out[g * outputs + c0 + c] = clamp(sums[c], p->low, p->high);
                        }
                    }
                }
            }
        }
    }
}

void ik_depthwise_f32_run(const ik_step *step, uint8_t *arena) {
    const ik_depthwise_f32 *p = &step->u.depthwise_f32;
    const ik_window *m = &p->window;
    const ik_tensor *x = &step->input, *y = &step->output;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            const int32_t top = oy * m->stride_height - m->pad_top;
            int32_t ky0, ky1;
            clip_kernel(top, m->dilation_height, m->kernel_height, x->height, &ky0, &ky1);
            float *out = (float *)(void *)row_of(y, arena, n, oy);
            for (int32_t ox = 0; ox < y->width; ++ox, out += y->channels) {
                const int32_t left = ox * m->stride_width - m->pad_left;
                int32_t kx0, kx1;
                clip_kernel(left, m->dilation_width, m->kernel_width, x->width, &kx0, &kx1);
                for (int32_t c = 0; c < y->channels; ++c) out[c] = p->bias[c];
                for (int32_t ky = ky0; ky < ky1; ++ky) {
                    const float *row =
                        floats(row_of(x, arena, n, top + ky * m->dilation_height));
                    for (int32_t kx = kx0; kx < kx1; ++kx) {
                        const float *value =
                            row + (int64_t)(left + kx * m->dilation_width) * x->channels;
                        const float *w =
                            p->weights + ((int64_t)ky * m->kernel_width + kx) * y->channels;
                        if (p->depth_multiplier == 1) {
                            for (int32_t c = 0; c < y->channels; ++c) out[c] += value[c] * w[c];
                        } else {
                            for (int32_t c = 0; c < y->channels; ++c) {
                                out[c] += value[c / p->depth_multiplier] * w[c];
                            }
                        }
                    }
                }
                for (int32_t c = 0; c < y->channels; ++c) out[c] = clamp(out[c], p->low, p->high);
            }
        }
    }
}

void ik_add_f32_run(const ik_step *step, uint8_t *arena) {
    const ik_add_f32 *p = &step->u.add_f32;
    const ik_tensor *y = &step->output;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t h = 0; h < y->height; ++h) {
            float *out = (float *)(void *)row_of(y, arena, n, h);
            const uint8_t *left = arena + step->input.offset + n * p->left_strides[0]
                + h * p->left_strides[1];
            const uint8_t *right = arena + step->second.offset + n * p->right_strides[0]
                + h * p->right_strides[1];
            for (int32_t w = 0; w < y->width; ++w, out += y->channels) {
                const uint8_t *l = left + w * p->left_strides[2];
                const uint8_t *r = right + w * p->right_strides[2];
                for (int32_t c = 0; c < y->channels; ++c) {
                    const float sum = *floats(l + c * p->left_strides[3])
                        + *floats(r + c * p->right_strides[3]);
                    out[c] = clamp(sum, p->low, p->high);
                }
            }
        }
    }
}

/// Sums of the window in row order, or its maximum.
static inline void pool(const ik_step *step, uint8_t *arena, int is_average) {
    const ik_pool *p = &step->u.pool;
    const ik_window *m = &p->window;
    const ik_tensor *x = &step->input, *y = &step->output;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            const int32_t top = oy * m->stride_height - m->pad_top;
            int32_t ky0, ky1;
            clip_kernel(top, 1, m->kernel_height, x->height, &ky0, &ky1);
            float *out = (float *)(void *)row_of(y, arena, n, oy);
            for (int32_t ox = 0; ox < y->width; ++ox, out += y->channels) {
                const int32_t left = ox * m->stride_width - m->pad_left;
                int32_t kx0, kx1;
                clip_kernel(left, 1, m->kernel_width, x->width, &kx0, &kx1);
                const float count = (float)((ky1 - ky0) * (kx1 - kx0));
                for (int32_t c = 0; c < y->channels; ++c) {
                    out[c] = is_average ? 0 : -INFINITY;
                }
                for (int32_t ky = ky0; ky < ky1; ++ky) {
                    const float *in = floats(row_of(x, arena, n, top + ky))
                        + (int64_t)(left + kx0) * x->channels;
                    for (int32_t kx = kx0; kx < kx1; ++kx, in += x->channels) {
                        for (int32_t c = 0; c < y->channels; ++c) {
                            if (is_average) {
                                out[c] += in[c];
                            } else {
                                out[c] = in[c] > out[c] ? in[c] : out[c];
                            }
                        }
                    }
                }
                for (int32_t c = 0; c < y->channels; ++c) {
                    const float value = is_average ? out[c] / count : out[c];
                    out[c] = clamp(value, p->float_low, p->float_high);
                }
            }
        }
    }
}

void ik_average_pool_f32(const ik_step *step, uint8_t *arena) { pool(step, arena, 1); }
void ik_max_pool_f32(const ik_step *step, uint8_t *arena) { pool(step, arena, 0); }

void ik_softmax_f32(const ik_step *step, uint8_t *arena) {
    const ik_tensor *x = &step->input, *y = &step->output;
    const float beta = step->u.softmax.beta;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t h = 0; h < y->height; ++h) {
            const float *in = floats(row_of(x, arena, n, h));
            float *out = (float *)(void *)row_of(y, arena, n, h);
            for (int32_t w = 0; w < y->width; ++w, in += x->channels, out += y->channels) {
                float largest = -INFINITY;
                for (int32_t c = 0; c < x->channels; ++c) {
                    largest = in[c] > largest ? in[c] : largest;
                }
                float sum = 0;
                for (int32_t c = 0; c < x->channels; ++c) {
                    out[c] = (float)ik_exp((double)((in[c] - largest) * beta));
                    sum += out[c];
                }
                for (int32_t c = 0; c < x->channels; ++c) out[c] /= sum;
            }
        }
    }
}
