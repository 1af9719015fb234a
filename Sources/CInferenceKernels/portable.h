// Loops that need no intrinsics, compiled once for each instruction set: the including file has
// defined IK_TARGET, and the compiler vectorizes over channels with what that allows.

/// Channels that a pool handles at a time, so that the sums stay in registers or L1.
#define IK_POOL_CHANNELS 64

IK_INLINE void clip_window(int32_t origin, int32_t kernel, int32_t extent, int32_t *first,
    int32_t *end) {
    *first = origin < 0 ? -origin : 0;
    *end = origin + kernel > extent ? extent - origin : kernel;
}

/// As ik_scalar_copy.
IK_TARGET static void copy(const ik_step *step, uint8_t *arena) {
    const ik_tensor *x = &step->input, *y = &step->output;
    const int64_t bytes = (int64_t)x->width * x->channels * step->u.element_bytes;
    const uint8_t flip = x->flip ^ y->flip;
    for (int32_t n = 0; n < x->batches; ++n) {
        for (int32_t h = 0; h < x->height; ++h) {
            const uint8_t *restrict from =
                arena + x->offset + n * x->batch_stride + h * x->row_stride;
            uint8_t *restrict to = arena + y->offset + n * y->batch_stride + h * y->row_stride;
            if (flip) {
                for (int64_t i = 0; i < bytes; ++i) to[i] = from[i] ^ 0x80;
            } else {
                memcpy(to, from, (size_t)bytes);
            }
        }
    }
}

/// As ik_scalar_average_pool_qs8. The quotient of two 31-bit integers in double precision cannot
/// round up to the next whole number, so truncating it is the integer division.
IK_TARGET static void average_pool(const ik_step *step, uint8_t *arena) {
    const ik_pool *p = &step->u.pool;
    const ik_tensor *x = &step->input, *y = &step->output;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            const int32_t top = oy * p->stride_height - p->pad_top;
            int32_t ky0, ky1;
            clip_window(top, p->kernel_height, x->height, &ky0, &ky1);
            uint8_t *out = arena + y->offset + n * y->batch_stride + oy * y->row_stride;
            for (int32_t ox = 0; ox < y->width; ++ox, out += y->channels) {
                const int32_t left = ox * p->stride_width - p->pad_left;
                int32_t kx0, kx1;
                clip_window(left, p->kernel_width, x->width, &kx0, &kx1);
                const int32_t count = (ky1 - ky0) * (kx1 - kx0);
                const uint8_t *origin = arena + x->offset + n * x->batch_stride
                    + (int64_t)(left + kx0) * x->channels;
                for (int32_t c0 = 0; c0 < y->channels; c0 += IK_POOL_CHANNELS) {
                    const int32_t channels =
                        y->channels - c0 < IK_POOL_CHANNELS ? y->channels - c0 : IK_POOL_CHANNELS;
                    int32_t sums[IK_POOL_CHANNELS] = {0};
                    for (int32_t ky = ky0; ky < ky1; ++ky) {
                        const uint8_t *in = origin + (top + ky) * x->row_stride + c0;
                        for (int32_t kx = kx0; kx < kx1; ++kx, in += x->channels) {
                            for (int32_t c = 0; c < channels; ++c) {
                                sums[c] += (int8_t)(in[c] ^ x->flip);
                            }
                        }
                    }
                    for (int32_t c = 0; c < channels; ++c) {
                        const int32_t half = sums[c] > 0 ? count / 2 : -(count / 2);
                        int32_t q = (int32_t)((double)(sums[c] + half) / (double)count);
                        q = q < p->clamp_low ? p->clamp_low : q;
                        q = q > p->clamp_high ? p->clamp_high : q;
                        out[c0 + c] = (uint8_t)q ^ y->flip;
                    }
                }
            }
        }
    }
}

/// As ik_scalar_max_pool_qs8.
IK_TARGET static void max_pool(const ik_step *step, uint8_t *arena) {
    const ik_pool *p = &step->u.pool;
    const ik_tensor *x = &step->input, *y = &step->output;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            const int32_t top = oy * p->stride_height - p->pad_top;
            int32_t ky0, ky1;
            clip_window(top, p->kernel_height, x->height, &ky0, &ky1);
            uint8_t *out = arena + y->offset + n * y->batch_stride + oy * y->row_stride;
            for (int32_t ox = 0; ox < y->width; ++ox, out += y->channels) {
                const int32_t left = ox * p->stride_width - p->pad_left;
                int32_t kx0, kx1;
                clip_window(left, p->kernel_width, x->width, &kx0, &kx1);
                const uint8_t *origin = arena + x->offset + n * x->batch_stride
                    + (int64_t)(left + kx0) * x->channels;
                for (int32_t c0 = 0; c0 < y->channels; c0 += IK_POOL_CHANNELS) {
                    const int32_t channels =
                        y->channels - c0 < IK_POOL_CHANNELS ? y->channels - c0 : IK_POOL_CHANNELS;
                    int8_t largest[IK_POOL_CHANNELS];
                    for (int32_t c = 0; c < channels; ++c) largest[c] = (int8_t)p->clamp_low;
                    for (int32_t ky = ky0; ky < ky1; ++ky) {
                        const uint8_t *in = origin + (top + ky) * x->row_stride + c0;
                        for (int32_t kx = kx0; kx < kx1; ++kx, in += x->channels) {
                            for (int32_t c = 0; c < channels; ++c) {
                                const int8_t q = (int8_t)(in[c] ^ x->flip);
                                largest[c] = q > largest[c] ? q : largest[c];
                            }
                        }
                    }
                    for (int32_t c = 0; c < channels; ++c) {
                        const int8_t high = (int8_t)p->clamp_high;
                        out[c0 + c] =
                            (uint8_t)(largest[c] < high ? largest[c] : high) ^ y->flip;
                    }
                }
            }
        }
    }
}
