// The vector kernels, written once over a handful of primitives. A file for each instruction set
// defines the primitives and then includes this one.
//
// The including file defines, all always inlined under its own target attribute:
//   IK_TARGET          attribute of every function
//   IK_LANES           32-bit lanes of a vector
//   vec                vector of 4 * IK_LANES bytes or IK_LANES int32
//   vec load(const void *)                     any alignment
//   vec broadcast(const uint8_t *)             the same 4 bytes in every lane
//   vec add32(vec, vec)
//   vec dot(vec sum, vec x, vec w, int exact)  sum[i] += x[4i..4i+3] . w[4i..4i+3]
//   vec unpack_low8/unpack_high8/unpack_low16/unpack_high16(vec, vec)   within 16-byte lanes
//   finish16(uint8_t *to, const vec *sums, const float *multiplier, rq, int count)
//                      requantizes 16 channels in order and writes the first `count`
//   finish_unpacked(uint8_t *to, vec, vec, vec, vec, const float *multiplier, rq, int count)
//                      requantizes four sums in unpack order and writes the first `count` bytes
//   rq make_rq(const ik_requantization *)      what both need, in registers
//   IK_TILE_PIXELS(vectors)                    pixels of a convolution tile that is so many wide
//
// Why it is fast: every loop body is loads and dot products on registers. No index arithmetic but
// one shared offset, no padding branch, no zero-point subtraction, no rearrangement of inputs.

#include <string.h>

#include "inference_kernels.h"

#define IK_INLINE IK_TARGET static inline __attribute__((always_inline))
#define IK_VECTORS_16 (16 / IK_LANES)

// Loops over a tile have constant bounds after inlining; unrolled, the tile lives in registers.
#if defined(__clang__)
#define IK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define IK_UNROLL _Pragma("GCC unroll 16")
#endif

// MARK: - Convolution

/// `pixels` x (16 * `width`) outputs: every 4 bytes of a window are broadcast once and meet the
/// weights of all channels of the block; every vector of weights is loaded once for all pixels.
IK_INLINE void conv_tile(const ik_tile_conv *p, const uint8_t *in, uint8_t *out, int32_t pixel,
    const int pixels, const int width, int32_t channel, const int8_t *w, rq r, const int exact) {
    const int vectors = width * IK_VECTORS_16;
    vec sums[8][4];
    const uint8_t *x[8];
    IK_UNROLL
    for (int m = 0; m < pixels; ++m) {
        x[m] = in + p->pixel_input[pixel + m];
        IK_UNROLL
        for (int v = 0; v < vectors; ++v) {
            sums[m][v] = load(p->bias + channel + v * IK_LANES);
        }
    }
    const int64_t bytes = 4 * (int64_t)p->segment_groups;
    for (int32_t s = 0; s < p->segment_count; ++s) {
        const int64_t start = p->segments[s];
        for (int64_t k = start; k < start + bytes; k += 4) {
            vec weights[4];
            IK_UNROLL
            for (int v = 0; v < vectors; ++v) weights[v] = load(w + 4 * IK_LANES * v);
            w += 4 * IK_LANES * vectors;
            IK_UNROLL
            for (int m = 0; m < pixels; ++m) {
                const vec value = broadcast(x[m] + k);
                IK_UNROLL
                for (int v = 0; v < vectors; ++v) {
                    sums[m][v] = dot(sums[m][v], value, weights[v], exact);
                }
            }
        }
    }
    IK_UNROLL
    for (int m = 0; m < pixels; ++m) {
        uint8_t *to = out + p->pixel_output[pixel + m] + channel;
        IK_UNROLL
        for (int j = 0; j < width; ++j) {
            finish16(to + 16 * j, &sums[m][j * IK_VECTORS_16], p->multiplier + channel + 16 * j, r,
                p->channels - channel - 16 * j);
        }
    }
}

/// One tile of pixels across all blocks of channels.
IK_INLINE void conv_row(const ik_tile_conv *p, const uint8_t *in, uint8_t *out, int32_t pixel,
    const int pixels, const int width, rq r, const int exact) {
    const int64_t step = (int64_t)p->segment_count * p->segment_groups * 64 * width;
    const int8_t *w = p->weights;
    for (int32_t c = 0; c < p->channels; c += 16 * width, w += step) {
        conv_tile(p, in, out, pixel, pixels, width, c, w, r, exact);
    }
}

IK_INLINE void conv_pixels(const ik_tile_conv *p, const uint8_t *in, uint8_t *out, const int width,
    const int exact) {
    const rq r = make_rq(&p->requantization);
    const int full = IK_TILE_PIXELS(width * IK_VECTORS_16);
    int32_t pixel = 0;
    for (; pixel + full <= p->pixels; pixel += full) {
        conv_row(p, in, out, pixel, full, width, r, exact);
    }
    if (full > 4 && pixel + 4 <= p->pixels) {
        conv_row(p, in, out, pixel, 4, width, r, exact);
        pixel += 4;
    }
    if (full > 2 && pixel + 2 <= p->pixels) {
        conv_row(p, in, out, pixel, 2, width, r, exact);
        pixel += 2;
    }
    for (; pixel < p->pixels; ++pixel) conv_row(p, in, out, pixel, 1, width, r, exact);
}

IK_INLINE void conv_any(const ik_step *step, uint8_t *arena, const int exact) {
    const ik_tile_conv *p = &step->u.tile_conv;
    const uint8_t *in = arena + step->input.offset;
    uint8_t *out = arena + step->output.offset;
#if IK_LANES == 16
    if (p->block == 64) return conv_pixels(p, in, out, 4, exact);
    if (p->block == 32) return conv_pixels(p, in, out, 2, exact);
#endif
    conv_pixels(p, in, out, 1, exact);
}

// MARK: - Matrix times vector

/// One window: the weights are read once and the reading is the time, so they stream straight
/// through the registers, as many channels abreast as there are registers for.
IK_INLINE void gemv_any(const ik_step *step, uint8_t *arena, const int exact) {
    const ik_tile_conv *p = &step->u.tile_conv;
    const uint8_t *x = arena + step->input.offset + p->pixel_input[0];
    uint8_t *out = arena + step->output.offset + p->pixel_output[0];
    const rq r = make_rq(&p->requantization);
    const int8_t *w = p->weights;
    const int64_t bytes = 4 * (int64_t)p->segment_groups;
    int32_t channel = 0;
    for (; channel + IK_GEMV_BLOCK <= p->channels; channel += IK_GEMV_BLOCK) {
        vec sums[IK_GEMV_BLOCK / IK_LANES];
        IK_UNROLL
        for (int v = 0; v < IK_GEMV_BLOCK / IK_LANES; ++v) {
            sums[v] = load(p->bias + channel + v * IK_LANES);
        }
        for (int64_t k = 0; k < bytes; k += 4, w += 4 * IK_GEMV_BLOCK) {
            const vec value = broadcast(x + k);
            IK_UNROLL
            for (int v = 0; v < IK_GEMV_BLOCK / IK_LANES; ++v) {
                sums[v] = dot(sums[v], value, load(w + 4 * IK_LANES * v), exact);
            }
        }
        IK_UNROLL
        for (int j = 0; j < IK_GEMV_BLOCK / 16; ++j) {
            finish16(out + channel + 16 * j, &sums[j * IK_VECTORS_16],
                p->multiplier + channel + 16 * j, r, 16);
        }
    }
    // Few channels: four independent sums each, or every dot product would wait for the last.
    for (; channel < p->channels; channel += 16) {
        vec sums[4][IK_VECTORS_16];
        IK_UNROLL
        for (int v = 0; v < IK_VECTORS_16; ++v) {
            sums[0][v] = load(p->bias + channel + v * IK_LANES);
            sums[1][v] = sums[2][v] = sums[3][v] = zero();
        }
        int64_t k = 0;
        for (; k + 16 <= bytes; k += 16) {
            IK_UNROLL
            for (int i = 0; i < 4; ++i, w += 64) {
                const vec value = broadcast(x + k + 4 * i);
                IK_UNROLL
                for (int v = 0; v < IK_VECTORS_16; ++v) {
                    sums[i][v] = dot(sums[i][v], value, load(w + 4 * IK_LANES * v), exact);
                }
            }
        }
        for (; k < bytes; k += 4, w += 64) {
            const vec value = broadcast(x + k);
            IK_UNROLL
            for (int v = 0; v < IK_VECTORS_16; ++v) {
                sums[0][v] = dot(sums[0][v], value, load(w + 4 * IK_LANES * v), exact);
            }
        }
        IK_UNROLL
        for (int v = 0; v < IK_VECTORS_16; ++v) {
            sums[0][v] =
                add32(add32(sums[0][v], sums[1][v]), add32(sums[2][v], sums[3][v]));
        }
        finish16(out + channel, sums[0], p->multiplier + channel, r, p->channels - channel);
    }
}

// MARK: - Depthwise convolution

/// A vector of neighbouring bytes (channels, and pixels too where these follow on) at four taps is
/// interleaved to 4-byte groups by two rounds of unpacking; one dot product then does four taps.
IK_INLINE void depthwise_groups(const ik_step *step, uint8_t *arena, const int32_t groups,
    const int exact) {
    const ik_tile_depthwise *p = &step->u.tile_depthwise;
    const uint8_t *in = arena + step->input.offset;
    uint8_t *out = arena + step->output.offset;
    const rq r = make_rq(&p->requantization);
    const int32_t *taps = p->taps;
    for (int32_t b = 0; b < p->block_count; ++b) {
        const ik_depthwise_block block = p->blocks[b];
        const uint8_t *x = in + block.input;
        const int64_t lane = (int64_t)block.weights * 4 * IK_LANES;
        const int8_t *w = p->weights + lane * 4 * groups;
        const int32_t *bias = p->bias + lane;
        vec s0 = load(bias), s1 = load(bias + IK_LANES);
        vec s2 = load(bias + 2 * IK_LANES), s3 = load(bias + 3 * IK_LANES);
        for (int32_t g = 0; g < groups; ++g, w += 16 * IK_LANES) {
            const vec t0 = load(x + taps[4 * g]), t1 = load(x + taps[4 * g + 1]);
            const vec t2 = load(x + taps[4 * g + 2]), t3 = load(x + taps[4 * g + 3]);
            const vec low01 = unpack_low8(t0, t1), high01 = unpack_high8(t0, t1);
            const vec low23 = unpack_low8(t2, t3), high23 = unpack_high8(t2, t3);
            s0 = dot(s0, unpack_low16(low01, low23), load(w), exact);
            s1 = dot(s1, unpack_high16(low01, low23), load(w + 4 * IK_LANES), exact);
            s2 = dot(s2, unpack_low16(high01, high23), load(w + 8 * IK_LANES), exact);
            s3 = dot(s3, unpack_high16(high01, high23), load(w + 12 * IK_LANES), exact);
        }
        finish_unpacked(out + block.output, s0, s1, s2, s3, p->multiplier + lane, r, block.lanes);
    }
}

IK_INLINE void depthwise_any(const ik_step *step, uint8_t *arena, const int exact) {
    // A 3x3 kernel, nearly every one, gets its loop unrolled.
    if (step->u.tile_depthwise.groups == 3) return depthwise_groups(step, arena, 3, exact);
    depthwise_groups(step, arena, step->u.tile_depthwise.groups, exact);
}

// MARK: - Simple loops, which the compiler vectorizes for the target

/// q = ((A * a + B * b + bias) >> shift) + z over rows of one shape.
IK_INLINE void add_any(const ik_step *step, uint8_t *arena) {
    const ik_tile_add p = step->u.tile_add;
    const ik_tensor *x = &step->input, *z = &step->second, *y = &step->output;
    const int32_t count = y->width * y->channels;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t h = 0; h < y->height; ++h) {
            const native *restrict a = (const native *)(arena + x->offset + n * x->batch_stride
                + h * x->row_stride);
            const native *restrict b = (const native *)(arena + z->offset + n * z->batch_stride
                + h * z->row_stride);
            uint8_t *restrict to = arena + y->offset + n * y->batch_stride + h * y->row_stride;
            for (int32_t i = 0; i < count; ++i) {
                const uint32_t sum = (uint32_t)(a[i] * p.left_multiplier)
                    + (uint32_t)(b[i] * p.right_multiplier) + (uint32_t)p.bias;
                int32_t q = ((int32_t)sum >> p.shift) + p.zero_point;
                q = q < p.low ? p.low : q;
                q = q > p.high ? p.high : q;
                to[i] = (uint8_t)q ^ p.flip;
            }
        }
    }
}

IK_TARGET static void conv(const ik_step *step, uint8_t *arena) { conv_any(step, arena, 0); }
IK_TARGET static void gemv(const ik_step *step, uint8_t *arena) { gemv_any(step, arena, 0); }
IK_TARGET static void depthwise(const ik_step *step, uint8_t *arena) {
    depthwise_any(step, arena, 0);
}
IK_TARGET static void add(const ik_step *step, uint8_t *arena) { add_any(step, arena); }
