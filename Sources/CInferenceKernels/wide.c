// Convolutions of the rarer types: 16-bit activations, legacy unsigned weights with a zero point,
// and the transposed convolution. One loop, 64-bit accumulators, weights widened to 16 bits with
// their zero point taken off.
#include "fixed_point.h"
#include "requantize.h"
#include "walk.h"

/// The input coordinate of a tap, or -1 when the tap falls outside the input or between its rows.
static inline int32_t tap(const ik_wide_conv *p, int32_t output, int32_t k, int32_t stride,
    int32_t dilation, int32_t pad, int32_t extent) {
    int32_t place;
    if (p->is_transposed) {
        place = output + pad - k;
        if (place < 0 || place % stride != 0) return -1;
        place /= stride;
    } else {
        place = output * stride - pad + k * dilation;
    }
    return place >= 0 && place < extent ? place : -1;
}

static inline int64_t dot(const ik_wide_conv *p, const ik_tensor *x, const uint8_t *pixel,
    int32_t first, int32_t count, const int16_t *w, int64_t step) {
    int64_t sum = 0;
    if (p->is_16_bit) {
        const int16_t *values = (const int16_t *)(const void *)pixel + first;
        for (int32_t c = 0; c < count; ++c) sum += (int32_t)values[c] * w[c * step];
    } else {
        for (int32_t c = 0; c < count; ++c) {
            sum += (ik_load8(pixel + first + c, x->flip) - x->zero_point) * w[c * step];
        }
    }
    return sum;
}

static inline int32_t rescaled(const ik_wide_conv *p, int32_t channel, int64_t sum, int32_t zero) {
    switch (p->rule) {
    case IK_RULE_FLOAT: {
        const float real = (float)(int32_t)sum * p->scale[channel];
        return (int8_t)ik_round(real, zero, p->clamp_low, p->clamp_high);
    }
    case IK_RULE_FIXED:
        return ik_clamp(ik_fixed((int32_t)sum, p->multiplier[channel], p->shift[channel]) + zero,
            p->clamp_low, p->clamp_high);
    case IK_RULE_EXACT: {
        const double real = round((double)sum * p->exact_scale[channel]);
        return real <= p->clamp_low ? p->clamp_low
                                    : real >= p->clamp_high ? p->clamp_high : (int32_t)real;
    }
    default:
        return ik_clamp(ik_fixed_wide(sum, p->multiplier[channel], p->shift[channel]),
            p->clamp_low, p->clamp_high);
    }
}

void ik_scalar_wide_conv(const ik_step *step, uint8_t *arena) {
    const ik_wide_conv *p = step->u.parameters;
    const ik_window *m = &p->window;
    const ik_tensor *x = &step->input, *y = &step->output;
    const int32_t outputs = y->channels / p->groups, inputs = x->channels / p->groups;
    const int64_t bytes = p->is_16_bit ? 2 : 1;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            uint8_t *out = ik_row(y, arena, n, oy);
            for (int32_t ox = 0; ox < y->width; ++ox) {
                for (int32_t oc = 0; oc < y->channels; ++oc) {
                    int64_t sum = p->bias[oc];
                    const int32_t first = p->depth_multiplier > 0 ? oc / p->depth_multiplier
                                                                  : oc / outputs * inputs;
                    for (int32_t ky = 0; ky < m->kernel_height; ++ky) {
                        const int32_t iy = tap(p, oy, ky, m->stride_height, m->dilation_height,
                            m->pad_top, x->height);
                        if (iy < 0) continue;
                        const uint8_t *row = ik_row(x, arena, n, iy);
                        for (int32_t kx = 0; kx < m->kernel_width; ++kx) {
                            const int32_t ix = tap(p, ox, kx, m->stride_width,
                                m->dilation_width, m->pad_left, x->width);
                            if (ix < 0) continue;
                            const int64_t place = (int64_t)ky * m->kernel_width + kx;
                            const int16_t *w = p->depth_multiplier > 0
                                ? p->weights + place * y->channels + oc
                                : p->weights
                                    + ((int64_t)oc * m->kernel_height * m->kernel_width + place)
                                        * inputs;
                            sum += dot(p, x, row + (int64_t)ix * x->channels * bytes, first,
                                p->depth_multiplier > 0 ? 1 : inputs, w, 1);
                        }
                    }
                    const int32_t q = rescaled(p, oc, sum, y->zero_point);
                    const int64_t place = (int64_t)ox * y->channels + oc;
                    if (p->is_16_bit) {
                        ((int16_t *)(void *)out)[place] = (int16_t)q;
                    } else {
                        out[place] = (uint8_t)q ^ y->flip;
                    }
                }
            }
        }
    }
}

void ik_scalar_transpose_conv_f32(const ik_step *step, uint8_t *arena) {
    const ik_wide_conv *p = step->u.parameters;
    const ik_window *m = &p->window;
    const ik_tensor *x = &step->input, *y = &step->output;
    const int32_t inputs = x->channels;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            float *out = (void *)ik_row(y, arena, n, oy);
            for (int32_t ox = 0; ox < y->width; ++ox, out += y->channels) {
                for (int32_t oc = 0; oc < y->channels; ++oc) {
                    float sum = p->float_bias[oc];
                    for (int32_t ky = 0; ky < m->kernel_height; ++ky) {
                        const int32_t iy =
                            tap(p, oy, ky, m->stride_height, 1, m->pad_top, x->height);
                        if (iy < 0) continue;
                        const float *row = (const void *)ik_row(x, arena, n, iy);
                        for (int32_t kx = 0; kx < m->kernel_width; ++kx) {
                            const int32_t ix =
                                tap(p, ox, kx, m->stride_width, 1, m->pad_left, x->width);
                            if (ix < 0) continue;
                            const float *w = p->float_weights
                                + (((int64_t)oc * m->kernel_height + ky) * m->kernel_width + kx)
                                    * inputs;
                            const float *pixel = row + (int64_t)ix * inputs;
                            for (int32_t c = 0; c < inputs; ++c) sum += pixel[c] * w[c];
                        }
                    }
                    out[oc] = ik_clamp_float(sum, p->low, p->high);
                }
            }
        }
    }
}
