// The definition of every result. Plain loops, one rounding rule, no reordering of float sums.
#define _POSIX_C_SOURCE 200809L
#include "inference_kernels.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "requantize.h"
#include "window.h"

static inline int32_t load_qs8(const uint8_t *byte, uint8_t flip) {
    return (int8_t)(*byte ^ flip);
}

void ik_run(const ik_step *steps, size_t count, uint8_t *arena) {
    for (size_t i = 0; i < count; ++i) steps[i].run(&steps[i], arena);
}

static uint64_t now_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void ik_run_timed(const ik_step *steps, size_t count, uint8_t *arena, uint64_t *nanoseconds) {
    uint64_t before = now_nanoseconds();
    for (size_t i = 0; i < count; ++i) {
        steps[i].run(&steps[i], arena);
        uint64_t after = now_nanoseconds();
        nanoseconds[i] += after - before;
        before = after;
    }
}

/// Copies a tensor into another of the same shape but other strides or storage.
void ik_scalar_copy(const ik_step *step, uint8_t *arena) {
    const ik_tensor *x = &step->input, *y = &step->output;
    const size_t bytes = (size_t)x->width * (size_t)x->channels * (size_t)step->u.element_bytes;
    const uint8_t flip = x->flip ^ y->flip;
    for (int32_t n = 0; n < x->batches; ++n) {
        for (int32_t h = 0; h < x->height; ++h) {
            const uint8_t *from = row_of(x, arena, n, h);
            uint8_t *to = row_of(y, arena, n, h);
            if (flip == 0) {
                memcpy(to, from, bytes);
            } else {
                for (size_t i = 0; i < bytes; ++i) to[i] = from[i] ^ 0x80;
            }
        }
    }
}

/// acc = bias + sum of (x - zero point) * w over the window; padding contributes nothing. The sum
/// wraps modulo 2^32, so its order does not matter.
void ik_scalar_conv_qs8(const ik_step *step, uint8_t *arena) {
    const ik_conv_qs8 *p = &step->u.conv;
    const ik_window *m = &p->window;
    const ik_tensor *x = &step->input, *y = &step->output;
    const int32_t inputs = x->channels / p->groups, outputs = y->channels / p->groups;
    const int64_t filter = (int64_t)m->kernel_height * m->kernel_width * inputs;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            const int32_t top = oy * m->stride_height - m->pad_top;
            int32_t ky0, ky1;
            clip_kernel(top, m->dilation_height, m->kernel_height, x->height, &ky0, &ky1);
            uint8_t *out = row_of(y, arena, n, oy);
            for (int32_t ox = 0; ox < y->width; ++ox, out += y->channels) {
                const int32_t left = ox * m->stride_width - m->pad_left;
                int32_t kx0, kx1;
                clip_kernel(left, m->dilation_width, m->kernel_width, x->width, &kx0, &kx1);
                for (int32_t oc = 0; oc < y->channels; ++oc) {
                    uint32_t acc = (uint32_t)p->bias[oc];
                    const int8_t *w = p->weights + oc * filter;
                    for (int32_t ky = ky0; ky < ky1; ++ky) {
                        const uint8_t *row = row_of(x, arena, n, top + ky * m->dilation_height)
                            + (oc / outputs) * inputs;
                        for (int32_t kx = kx0; kx < kx1; ++kx) {
                            const uint8_t *pixel =
                                row + (int64_t)(left + kx * m->dilation_width) * x->channels;
                            const int8_t *tap = w + ((int64_t)ky * m->kernel_width + kx) * inputs;
                            int32_t sum = 0;  // < 2^31 for fewer than 65 000 channels at a time
                            for (int32_t ic = 0; ic < inputs; ++ic) {
                                sum = (int32_t)((uint32_t)sum
                                    + (uint32_t)((load_qs8(pixel + ic, x->flip) - x->zero_point)
                                        * tap[ic]));
                            }
                            acc += (uint32_t)sum;
                        }
                    }
                    out[oc] = ik_requantize((int32_t)acc, p->multiplier[oc], y->zero_point,
                        p->clamp_low, p->clamp_high) ^ y->flip;
                }
            }
        }
    }
}

/// As the convolution, each output channel over one input channel.
void ik_scalar_depthwise_qs8(const ik_step *step, uint8_t *arena) {
    const ik_depthwise_qs8 *p = &step->u.depthwise;
    const ik_window *m = &p->window;
    const ik_tensor *x = &step->input, *y = &step->output;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            const int32_t top = oy * m->stride_height - m->pad_top;
            int32_t ky0, ky1;
            clip_kernel(top, m->dilation_height, m->kernel_height, x->height, &ky0, &ky1);
            uint8_t *out = row_of(y, arena, n, oy);
            for (int32_t ox = 0; ox < y->width; ++ox, out += y->channels) {
                const int32_t left = ox * m->stride_width - m->pad_left;
                int32_t kx0, kx1;
                clip_kernel(left, m->dilation_width, m->kernel_width, x->width, &kx0, &kx1);
                for (int32_t oc = 0; oc < y->channels; ++oc) {
                    uint32_t acc = (uint32_t)p->bias[oc];
                    for (int32_t ky = ky0; ky < ky1; ++ky) {
                        const uint8_t *row = row_of(x, arena, n, top + ky * m->dilation_height)
                            + oc / p->depth_multiplier;
                        for (int32_t kx = kx0; kx < kx1; ++kx) {
                            const uint8_t *value =
                                row + (int64_t)(left + kx * m->dilation_width) * x->channels;
                            const int32_t w = p->weights[
                                ((int64_t)ky * m->kernel_width + kx) * y->channels + oc];
                            acc += (uint32_t)((load_qs8(value, x->flip) - x->zero_point) * w);
                        }
                    }
                    out[oc] = ik_requantize((int32_t)acc, p->multiplier[oc], y->zero_point,
                        p->clamp_low, p->clamp_high) ^ y->flip;
                }
            }
        }
    }
}

/// q = ((A * (a - za) + B * (b - zb) + 2^(shift - 1)) >> shift) + z. Multipliers are at most 2^21 in
/// magnitude and shift is in [13, 30], so nothing overflows 32 bits.
void ik_scalar_add_qs8(const ik_step *step, uint8_t *arena) {
    const ik_add_qs8 *p = &step->u.add;
    const ik_tensor *a = &step->input, *b = &step->second, *y = &step->output;
    const int32_t rounding = (int32_t)1 << (p->shift - 1);
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t h = 0; h < y->height; ++h) {
            uint8_t *out = row_of(y, arena, n, h);
            const uint8_t *left =
                arena + a->offset + n * p->left_strides[0] + h * p->left_strides[1];
            const uint8_t *right =
                arena + b->offset + n * p->right_strides[0] + h * p->right_strides[1];
            for (int32_t w = 0; w < y->width; ++w, out += y->channels) {
                const uint8_t *l = left + w * p->left_strides[2];
                const uint8_t *r = right + w * p->right_strides[2];
                for (int32_t c = 0; c < y->channels; ++c) {
                    const int32_t first =
                        load_qs8(l + c * p->left_strides[3], a->flip) - a->zero_point;
                    const int32_t other =
                        load_qs8(r + c * p->right_strides[3], b->flip) - b->zero_point;
                    const int32_t sum = first * p->left_multiplier + other * p->right_multiplier;
                    const int32_t q = ((sum + rounding) >> p->shift) + y->zero_point;
                    out[c] = (uint8_t)ik_clamp(q, p->clamp_low, p->clamp_high) ^ y->flip;
                }
            }
        }
    }
}

/// Integer mean in the quantized domain, half away from zero.
void ik_scalar_average_pool_qs8(const ik_step *step, uint8_t *arena) {
    const ik_pool *p = &step->u.pool;
    const ik_window *m = &p->window;
    const ik_tensor *x = &step->input, *y = &step->output;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            const int32_t top = oy * m->stride_height - m->pad_top;
            int32_t ky0, ky1;
            clip_kernel(top, 1, m->kernel_height, x->height, &ky0, &ky1);
            uint8_t *out = row_of(y, arena, n, oy);
            for (int32_t ox = 0; ox < y->width; ++ox, out += y->channels) {
                const int32_t left = ox * m->stride_width - m->pad_left;
                int32_t kx0, kx1;
                clip_kernel(left, 1, m->kernel_width, x->width, &kx0, &kx1);
                const int32_t count = (ky1 - ky0) * (kx1 - kx0);
                for (int32_t c = 0; c < y->channels; ++c) {
                    int32_t sum = 0;
                    for (int32_t ky = ky0; ky < ky1; ++ky) {
                        const uint8_t *value = row_of(x, arena, n, top + ky)
                            + (int64_t)(left + kx0) * x->channels + c;
                        for (int32_t kx = kx0; kx < kx1; ++kx, value += x->channels) {
                            sum += load_qs8(value, x->flip);
                        }
                    }
                    const int32_t mean = sum > 0 ? (sum + count / 2) / count
                                                 : (sum - count / 2) / count;
                    out[c] = (uint8_t)ik_clamp(mean, p->clamp_low, p->clamp_high) ^ y->flip;
                }
            }
        }
    }
}

/// Largest value of the window.
void ik_scalar_max_pool_qs8(const ik_step *step, uint8_t *arena) {
    const ik_pool *p = &step->u.pool;
    const ik_window *m = &p->window;
    const ik_tensor *x = &step->input, *y = &step->output;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            const int32_t top = oy * m->stride_height - m->pad_top;
            int32_t ky0, ky1;
            clip_kernel(top, 1, m->kernel_height, x->height, &ky0, &ky1);
            uint8_t *out = row_of(y, arena, n, oy);
            for (int32_t ox = 0; ox < y->width; ++ox, out += y->channels) {
                const int32_t left = ox * m->stride_width - m->pad_left;
                int32_t kx0, kx1;
                clip_kernel(left, 1, m->kernel_width, x->width, &kx0, &kx1);
                for (int32_t c = 0; c < y->channels; ++c) {
                    int32_t largest = -128;
                    for (int32_t ky = ky0; ky < ky1; ++ky) {
                        const uint8_t *value = row_of(x, arena, n, top + ky)
                            + (int64_t)(left + kx0) * x->channels + c;
                        for (int32_t kx = kx0; kx < kx1; ++kx, value += x->channels) {
                            const int32_t q = load_qs8(value, x->flip);
                            if (q > largest) largest = q;
                        }
                    }
                    out[c] = (uint8_t)ik_clamp(largest, p->clamp_low, p->clamp_high) ^ y->flip;
                }
            }
        }
    }
}

/// e = table[max - q], summed in channel order; q = rne(e * (1 / (scale * sum))) + z.
void ik_scalar_softmax_qs8(const ik_step *step, uint8_t *arena) {
    const ik_softmax *p = &step->u.softmax;
    const ik_tensor *x = &step->input, *y = &step->output;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t h = 0; h < y->height; ++h) {
            const uint8_t *in = row_of(x, arena, n, h);
            uint8_t *out = row_of(y, arena, n, h);
            for (int32_t w = 0; w < y->width; ++w, in += x->channels, out += y->channels) {
                int32_t largest = -128;
                for (int32_t c = 0; c < x->channels; ++c) {
                    const int32_t q = load_qs8(in + c, x->flip);
                    if (q > largest) largest = q;
                }
                float sum = 0;
                for (int32_t c = 0; c < x->channels; ++c) {
                    sum += p->exponentials[largest - load_qs8(in + c, x->flip)];
                }
                const float scale = p->inverse_output_scale / sum;
                for (int32_t c = 0; c < x->channels; ++c) {
                    const float e = p->exponentials[largest - load_qs8(in + c, x->flip)];
                    out[c] = ik_round(e * scale, y->zero_point, -128, 127) ^ y->flip;
                }
            }
        }
    }
}

void ik_quantize_values(const float *values, uint8_t *quantized, size_t count,
    float inverse_scale, int32_t zero_point, uint8_t flip) {
    for (size_t i = 0; i < count; ++i) {
        quantized[i] = ik_round(values[i] * inverse_scale, zero_point, -128, 127) ^ flip;
    }
}

void ik_dequantize_values(const uint8_t *quantized, float *values, size_t count,
    float scale, int32_t zero_point, uint8_t flip) {
    for (size_t i = 0; i < count; ++i) {
        values[i] = (float)(load_qs8(quantized + i, flip) - zero_point) * scale;
    }
}

/// float32 to 8 bits; `scale` is 1 / output scale.
void ik_scalar_quantize(const ik_step *step, uint8_t *arena) {
    const ik_tensor *x = &step->input, *y = &step->output;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t h = 0; h < y->height; ++h) {
            ik_quantize_values((const float *)(const void *)row_of(x, arena, n, h),
                row_of(y, arena, n, h), (size_t)y->width * (size_t)y->channels, step->u.scale.scale,
                y->zero_point, y->flip);
        }
    }
}

/// 8 bits to float32; `scale` is the input's.
void ik_scalar_dequantize(const ik_step *step, uint8_t *arena) {
    const ik_tensor *x = &step->input, *y = &step->output;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t h = 0; h < y->height; ++h) {
            ik_dequantize_values(row_of(x, arena, n, h),
                (float *)(void *)row_of(y, arena, n, h), (size_t)y->width * (size_t)y->channels,
                step->u.scale.scale, x->zero_point, x->flip);
        }
    }
}

/// 8 bits to 8 bits of another scale: ((q - zx) * M + 128) >> 8) + zy with M in 1/256, as XNNPACK.
void ik_scalar_requantize(const ik_step *step, uint8_t *arena) {
    const ik_tensor *x = &step->input, *y = &step->output;
    const ik_scale *p = &step->u.scale;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t h = 0; h < y->height; ++h) {
            const uint8_t *in = row_of(x, arena, n, h);
            uint8_t *out = row_of(y, arena, n, h);
            const int32_t count = y->width * y->channels;
            for (int32_t i = 0; i < count; ++i) {
                const int32_t scaled =
                    (load_qs8(in + i, x->flip) - x->zero_point) * p->multiplier;
                const int32_t q = ((scaled + 128) >> 8) + y->zero_point;
                out[i] = (uint8_t)ik_clamp(q, -128, 127) ^ y->flip;
            }
        }
    }
}

/// x = k ln 2 + r with |r| <= ln 2 / 2, Taylor series to r^13, exponent by construction. ln 2 is
/// split in two (fdlibm's constants) so that r is exact.
double ik_exp(double x) {
    if (!(x > -700)) return 0;
    const double k = rint(x * 1.4426950408889634074);
    const double high = x - k * 6.93147180369123816490e-01;
    const double r = high - k * 1.90821492927058770002e-10;
    double term = 1, sum = 1;
    for (int32_t i = 1; i <= 13; ++i) {
        term = term * r / i;
        sum = sum + term;
    }
    const uint64_t bits = (uint64_t)((int64_t)k + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}
