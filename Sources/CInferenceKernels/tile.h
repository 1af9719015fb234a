// The vector kernels, written once over a handful of primitives. A file for each instruction set
// defines the primitives and then includes this one.
//
// The including file defines IK_TARGET (attribute of every function), IK_LANES (32-bit lanes of a
// vector), IK_GEMV_BLOCK, IK_TILE_PIXELS(vectors) (pixels of a convolution tile that is so many
// vectors wide), IK_BLOCKS_64 (1: convolutions also come in blocks of 32 and 64 channels), and,
// always inlined under its target:
//   vec                 4 * IK_LANES bytes or IK_LANES 32-bit numbers
//   rq, make_rq(const ik_requantization *)   what narrowing needs, in registers
//   load(const void *)                       any alignment
//   load_parts(x, step, parts)               a vector of parts that lie `step` bytes apart
//   store_bytes(to, bytes, count)            the first `count` bytes, or all if there are more
//   zero, splat8, splat32, broadcast(const uint8_t *)   the last: 4 bytes, in every lane
//   add16, add32, shift_left32(v, n), shift_right32(v, n), xor_bits, min_u8, max_u8
//   unpack_low8, unpack_high8, unpack_low16, unpack_high16   within 16-byte lanes
//   dot(sum, x, w, exact)                    sum[i] += x[4i..4i+3] . w[4i..4i+3]
//   dot16(sum, a, b)                         sum[i] += a[2i] * b[2i] + a[2i+1] * b[2i+1], 16 bits
//   finish(to, sums, multiplier, r, count, vectors, exact)
//                       requantizes `vectors` sums (16 channels or more) and stores `count` bytes
//   narrow(q0, q1, q2, q3, r)                four vectors of integers to bytes, zero point added,
//                       saturated, clamped and flipped
//
// Why it is fast: every loop body is loads and dot products on registers. No index arithmetic but
// one shared offset, no padding branch, no zero-point subtraction, no rearrangement of inputs.

#include <string.h>

#include "inference_kernels.h"

#define IK_INLINE IK_TARGET static inline __attribute__((always_inline))
#define IK_VECTORS_16 (16 / IK_LANES)
#define IK_VECTOR_BYTES (4 * IK_LANES)
#define IK_TILE_MOST_PIXELS 12
#define IK_STRIP_MOST_PIXELS 16

// Loops over a tile have constant bounds after inlining; unrolled, the tile lives in registers.
#if defined(__clang__)
#define IK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define IK_UNROLL _Pragma("GCC unroll 32")
#endif

// MARK: - Convolution

/// `pixels` x (IK_LANES * `vectors`) outputs: every 4 bytes of a window are broadcast once and meet
/// the weights of all channels of the block; every vector of weights is loaded once for all pixels.
IK_INLINE void conv_tile(const ik_tile_conv *p, const uint8_t *in, uint8_t *out, int32_t pixel,
    const int pixels, const int vectors, int32_t channel, const int8_t *w, rq r, const int exact) {
    vec sums[IK_TILE_MOST_PIXELS][4];
    const uint8_t *x[IK_TILE_MOST_PIXELS];
    IK_UNROLL
    for (int m = 0; m < pixels; ++m) {
        x[m] = in + p->pixel_input[pixel + m];
        IK_UNROLL
        for (int v = 0; v < vectors; ++v) sums[m][v] = load(p->bias + channel + v * IK_LANES);
    }
    const int64_t bytes = 4 * (int64_t)p->segment_groups;
    for (int32_t s = 0; s < p->segment_count; ++s) {
        const int64_t start = p->segments[s];
        for (int64_t k = start; k < start + bytes; k += 4) {
            vec weights[4];
            IK_UNROLL
            for (int v = 0; v < vectors; ++v) weights[v] = load(w + IK_VECTOR_BYTES * v);
            w += IK_VECTOR_BYTES * vectors;
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
        finish(out + p->pixel_output[pixel + m] + channel, sums[m], p->multiplier + channel, r,
            p->channels - channel, vectors, exact);
    }
}

/// One tile of pixels across all blocks of channels.
IK_INLINE void conv_row(const ik_tile_conv *p, const uint8_t *in, uint8_t *out, int32_t pixel,
    const int pixels, const int vectors, rq r, const int exact) {
    const int64_t step =
        (int64_t)p->segment_count * p->segment_groups * IK_VECTOR_BYTES * vectors;
    const int8_t *w = p->weights;
    for (int32_t c = 0; c < p->channels; c += IK_LANES * vectors, w += step) {
        conv_tile(p, in, out, pixel, pixels, vectors, c, w, r, exact);
    }
}

IK_INLINE void conv_pixels(const ik_tile_conv *p, const uint8_t *in, uint8_t *out,
    const int vectors, const int exact) {
    const rq r = make_rq(&p->requantization);
    const int full = IK_TILE_PIXELS(vectors);
    int32_t pixel = 0;
    for (; pixel + full <= p->pixels; pixel += full) {
        conv_row(p, in, out, pixel, full, vectors, r, exact);
    }
    while (full > 4 && pixel + 4 <= p->pixels) {
        conv_row(p, in, out, pixel, 4, vectors, r, exact);
        pixel += 4;
    }
    switch (p->pixels - pixel) {
    case 3: return conv_row(p, in, out, pixel, 3, vectors, r, exact);
    case 2: return conv_row(p, in, out, pixel, 2, vectors, r, exact);
    case 1: return conv_row(p, in, out, pixel, 1, vectors, r, exact);
    default: return;
    }
}

IK_INLINE void conv_any(const ik_step *step, uint8_t *arena, const int exact) {
    const ik_tile_conv *p = &step->u.tile_conv;
    const uint8_t *in = arena + step->input.offset;
    uint8_t *out = arena + step->output.offset;
#if IK_BLOCKS_64
    if (p->block == 64) return conv_pixels(p, in, out, 64 / IK_LANES, exact);
    if (p->block == 32) return conv_pixels(p, in, out, 32 / IK_LANES, exact);
#endif
    conv_pixels(p, in, out, IK_VECTORS_16, exact);
}

#if IK_BLOCKS_64
/// `strip` neighbouring pixels of a row under a kernel 3 wide: every 4 bytes of the input are
/// broadcast once and meet the weights of all three taps, for three outputs. That is a third of
/// the loads of conv_tile, which they bind.
IK_INLINE void conv_strip_tile(const ik_tile_conv *p, const uint8_t *in, uint8_t *out,
    int32_t pixel, const int strip, const int vectors, rq r, const int exact) {
    const int8_t *w = p->weights;
    const uint8_t *window = in + p->pixel_input[pixel];
    const int64_t next = p->pixel_bytes;
    for (int32_t channel = 0; channel < p->channels; channel += IK_LANES * vectors) {
        vec sums[IK_STRIP_MOST_PIXELS][4];
        IK_UNROLL
        for (int m = 0; m < strip; ++m) {
            IK_UNROLL
            for (int v = 0; v < vectors; ++v) sums[m][v] = load(p->bias + channel + v * IK_LANES);
        }
        for (int32_t s = 0; s < p->segment_count; ++s) {
            const uint8_t *row = window + p->segments[s];
            for (int64_t k = 0; k < next; k += 4) {
                vec weights[3][4];
                IK_UNROLL
                for (int t = 0; t < 3; ++t) {
                    IK_UNROLL
                    for (int v = 0; v < vectors; ++v) {
                        weights[t][v] = load(w + IK_VECTOR_BYTES * (t * vectors + v));
                    }
                }
                w += IK_VECTOR_BYTES * 3 * vectors;
                const uint8_t *x = row + k;
                IK_UNROLL
                for (int q = 0; q < strip + 2; ++q, x += next) {
                    const vec value = broadcast(x);
                    IK_UNROLL
                    for (int t = 0; t < 3; ++t) {
                        if (q - t < 0 || q - t >= strip) continue;
                        IK_UNROLL
                        for (int v = 0; v < vectors; ++v) {
                            sums[q - t][v] = dot(sums[q - t][v], value, weights[t][v], exact);
                        }
                    }
                }
            }
        }
        IK_UNROLL
        for (int m = 0; m < strip; ++m) {
            finish(out + p->pixel_output[pixel + m] + channel, sums[m], p->multiplier + channel, r,
                p->channels - channel, vectors, exact);
        }
    }
}

/// Rows in strips; the last one of a row overlaps the one before if it must.
IK_INLINE void conv_strip_rows(const ik_step *step, uint8_t *arena, const int strip,
    const int vectors, const int exact) {
    const ik_tile_conv *p = &step->u.tile_conv;
    const rq r = make_rq(&p->requantization);
    for (int32_t row = 0; row < p->pixels; row += p->row_pixels) {
        for (int32_t x = 0; x < p->row_pixels; x += strip) {
            const int32_t start = x + strip <= p->row_pixels ? x : p->row_pixels - strip;
            conv_strip_tile(p, arena + step->input.offset, arena + step->output.offset,
                row + start, strip, vectors, r, exact);
        }
    }
}

/// 16 sums, so that none waits for itself.
IK_INLINE void conv_strip_any(const ik_step *step, uint8_t *arena, const int exact) {
    const ik_tile_conv *p = &step->u.tile_conv;
    if (p->block == 64) return conv_strip_rows(step, arena, 4, 64 / IK_LANES, exact);
    if (p->block == 32) {
        if (p->row_pixels >= 8) return conv_strip_rows(step, arena, 8, 32 / IK_LANES, exact);
        return conv_strip_rows(step, arena, 4, 32 / IK_LANES, exact);
    }
    if (p->row_pixels >= 16) return conv_strip_rows(step, arena, 16, 16 / IK_LANES, exact);
    conv_strip_rows(step, arena, 8, 16 / IK_LANES, exact);
}

IK_TARGET static void conv_strip(const ik_step *step, uint8_t *arena) {
    conv_strip_any(step, arena, 0);
}
IK_TARGET static void conv_strip_exact(const ik_step *step, uint8_t *arena) {
    conv_strip_any(step, arena, 1);
}
#else
#define conv_strip NULL
#define conv_strip_exact NULL
#endif

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
                sums[v] = dot(sums[v], value, load(w + IK_VECTOR_BYTES * v), exact);
            }
        }
        IK_UNROLL
        for (int v = 0; v < IK_GEMV_BLOCK / IK_LANES; v += 4) {
            finish(out + channel + v * IK_LANES, &sums[v], p->multiplier + channel + v * IK_LANES,
                r, 4 * IK_LANES, 4, exact);
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
            for (int i = 0; i < 4; ++i) {
                const vec value = broadcast(x + k + 4 * i);
                IK_UNROLL
                for (int v = 0; v < IK_VECTORS_16; ++v) {
                    sums[i][v] = dot(
                        sums[i][v], value, load(w + 64 * i + IK_VECTOR_BYTES * v), exact);
                }
            }
            w += 256;
        }
        for (; k < bytes; k += 4, w += 64) {
            const vec value = broadcast(x + k);
            IK_UNROLL
            for (int v = 0; v < IK_VECTORS_16; ++v) {
                sums[0][v] = dot(sums[0][v], value, load(w + IK_VECTOR_BYTES * v), exact);
            }
        }
        IK_UNROLL
        for (int v = 0; v < IK_VECTORS_16; ++v) {
            sums[0][v] =
                add32(add32(sums[0][v], sums[1][v]), add32(sums[2][v], sums[3][v]));
        }
        finish(out + channel, sums[0], p->multiplier + channel, r, p->channels - channel,
            IK_VECTORS_16, exact);
    }
}

// MARK: - Depthwise convolution

/// A vector of bytes (channels of a pixel, and the next pixels' where these are fewer than lanes) at
/// four taps is interleaved to 4-byte groups by two rounds of unpacking; one dot product then does
/// four taps.
IK_INLINE void depthwise_groups(const ik_step *step, uint8_t *arena, const int32_t groups,
    const int parts, const int exact) {
    const ik_tile_depthwise *p = &step->u.tile_depthwise;
    const uint8_t *in = arena + step->input.offset;
    uint8_t *out = arena + step->output.offset;
    const rq r = make_rq(&p->requantization);
    const int32_t *taps = p->taps;
    const int64_t part = p->part_bytes;
    for (int32_t b = 0; b < p->block_count; ++b) {
        const ik_depthwise_block block = p->blocks[b];
        const uint8_t *x = in + block.input;
        const int64_t lane = (int64_t)block.weights * IK_VECTOR_BYTES;
        const int8_t *w = p->weights + lane * 4 * groups;
        const int32_t *bias = p->bias + lane;
        vec sums[4];
        IK_UNROLL
        for (int i = 0; i < 4; ++i) sums[i] = load(bias + i * IK_LANES);
        for (int32_t g = 0; g < groups; ++g, w += 4 * IK_VECTOR_BYTES) {
            const vec t0 = load_parts(x + taps[4 * g], part, parts);
            const vec t1 = load_parts(x + taps[4 * g + 1], part, parts);
            const vec t2 = load_parts(x + taps[4 * g + 2], part, parts);
            const vec t3 = load_parts(x + taps[4 * g + 3], part, parts);
            const vec low01 = unpack_low8(t0, t1), high01 = unpack_high8(t0, t1);
            const vec low23 = unpack_low8(t2, t3), high23 = unpack_high8(t2, t3);
            sums[0] = dot(sums[0], unpack_low16(low01, low23), load(w), exact);
            sums[1] = dot(
                sums[1], unpack_high16(low01, low23), load(w + IK_VECTOR_BYTES), exact);
            sums[2] = dot(
                sums[2], unpack_low16(high01, high23), load(w + 2 * IK_VECTOR_BYTES), exact);
            sums[3] = dot(
                sums[3], unpack_high16(high01, high23), load(w + 3 * IK_VECTOR_BYTES), exact);
        }
        finish(out + block.output, sums, p->multiplier + lane, r, block.lanes, 4, exact);
    }
}

IK_INLINE void depthwise_any(const ik_step *step, uint8_t *arena, const int exact) {
    const int32_t groups = step->u.tile_depthwise.groups;
    switch (step->u.tile_depthwise.parts) {
#if IK_MOST_PARTS >= 4
    case 4: return depthwise_groups(step, arena, groups, 4, exact);
#endif
#if IK_MOST_PARTS >= 2
    case 2: return depthwise_groups(step, arena, groups, 2, exact);
#endif
    default:
        // A 3x3 kernel, nearly every one, gets its loop unrolled.
        if (groups == 3) return depthwise_groups(step, arena, 3, 1, exact);
        depthwise_groups(step, arena, groups, 1, exact);
    }
}

// MARK: - Sum

/// q = ((A * a + B * b + bias) >> shift) + z. A pair (a, b) of 16-bit numbers meets the pair (A, B)
/// in one 16-bit dot product for each half of the multipliers: cheaper than two 32-bit products.
IK_TARGET static void add(const ik_step *step, uint8_t *arena) {
    const ik_tile_add *p = &step->u.tile_add;
    const ik_tensor *x = &step->input, *z = &step->second, *y = &step->output;
    const rq r = make_rq(&p->requantization);
    const vec high = splat32(p->high_multipliers), low = splat32(p->low_multipliers);
    const vec bias = splat32(p->bias), none = zero();
    const vec flip_a = splat8(p->left_flip), flip_b = splat8(p->right_flip);
    const int32_t shift = p->shift, count = y->width * y->channels;
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t h = 0; h < y->height; ++h) {
            const uint8_t *from_a =
                arena + x->offset + n * x->batch_stride + h * x->row_stride;
            const uint8_t *from_b =
                arena + z->offset + n * z->batch_stride + h * z->row_stride;
            uint8_t *to = arena + y->offset + n * y->batch_stride + h * y->row_stride;
            for (int32_t i = 0; i < count; i += IK_VECTOR_BYTES) {
                const vec a = xor_bits(load(from_a + i), flip_a);
                const vec b = xor_bits(load(from_b + i), flip_b);
                const vec a_low = unpack_low8(a, none), a_high = unpack_high8(a, none);
                const vec b_low = unpack_low8(b, none), b_high = unpack_high8(b, none);
                vec pairs[4] = {unpack_low16(a_low, b_low), unpack_high16(a_low, b_low),
                    unpack_low16(a_high, b_high), unpack_high16(a_high, b_high)};
                IK_UNROLL
                for (int v = 0; v < 4; ++v) {
                    const vec sum = dot16(
                        add32(shift_left32(dot16(none, pairs[v], high), 8), bias), pairs[v], low);
                    pairs[v] = shift_right32(sum, shift);
                }
                store_bytes(to + i, narrow(pairs[0], pairs[1], pairs[2], pairs[3], r), count - i);
            }
        }
    }
}

// MARK: - Pools

typedef struct pool_window {
    const uint8_t *first;  ///< The window's first pixel inside the input.
    int32_t rows, columns;
} pool_window;

IK_INLINE pool_window clip_window(const ik_step *step, const uint8_t *arena, int32_t n,
    int32_t oy, int32_t ox) {
    const ik_pool *p = &step->u.pool;
    const ik_window *m = &p->window;
    const ik_tensor *x = &step->input;
    const int32_t top = oy * m->stride_height - m->pad_top;
    const int32_t left = ox * m->stride_width - m->pad_left;
    const int32_t y0 = top < 0 ? 0 : top, x0 = left < 0 ? 0 : left;
    int32_t y1 = top + m->kernel_height, x1 = left + m->kernel_width;
    if (y1 > x->height) y1 = x->height;
    if (x1 > x->width) x1 = x->width;
    return (pool_window){
        arena + x->offset + n * x->batch_stride + y0 * x->row_stride + (int64_t)x0 * x->channels,
        y1 - y0, x1 - x0};
}

/// (sum +- count / 2) / count in double precision, whose quotient of two 31-bit integers cannot
/// round up to the next whole number, so that truncating it is the integer division.
IK_INLINE void divide_sums(const int32_t *sums, uint8_t *to, int32_t channels, int32_t count,
    const ik_pool *p, uint8_t flip) {
    uint8_t slots[IK_VECTOR_BYTES];
    for (int32_t s = 0; s < IK_VECTOR_BYTES; ++s) {
        const int32_t sum = sums[s] - 128 * count;
        const int32_t half = sum > 0 ? count / 2 : -(count / 2);
        int32_t q = (int32_t)((double)(sum + half) / (double)count);
        q = q < p->clamp_low ? p->clamp_low : q;
        q = q > p->clamp_high ? p->clamp_high : q;
        slots[s] = (uint8_t)q ^ flip;
    }
    for (int32_t c = 0; c < channels; ++c) {
        to[c] = slots[c % 16 / 4 * IK_LANES + c / 16 * 4 + c % 4];
    }
}

/// As ik_scalar_average_pool_qs8. Bytes v + 128 are summed in 16 bits for up to 256 pixels, then in
/// 32; a vector's channels end up in the order of ik_channel_slot.
IK_TARGET static void average_pool(const ik_step *step, uint8_t *arena) {
    const ik_tensor *x = &step->input, *y = &step->output;
    const vec flip = splat8(x->flip ^ 0x80), none = zero();
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            uint8_t *out = arena + y->offset + n * y->batch_stride + oy * y->row_stride;
            for (int32_t ox = 0; ox < y->width; ++ox, out += y->channels) {
                const pool_window window = clip_window(step, arena, n, oy, ox);
                for (int32_t c = 0; c < y->channels; c += IK_VECTOR_BYTES) {
                    vec sums[4] = {none, none, none, none}, low = none, high = none;
                    int32_t pending = 0;
                    for (int32_t row = 0; row < window.rows; ++row) {
                        const uint8_t *in = window.first + row * x->row_stride + c;
                        for (int32_t i = 0; i < window.columns; ++i, in += x->channels) {
                            const vec bytes = xor_bits(load(in), flip);
                            low = add16(low, unpack_low8(bytes, none));
                            high = add16(high, unpack_high8(bytes, none));
                            if (++pending == 256) {
                                sums[0] = add32(sums[0], unpack_low16(low, none));
                                sums[1] = add32(sums[1], unpack_high16(low, none));
                                sums[2] = add32(sums[2], unpack_low16(high, none));
                                sums[3] = add32(sums[3], unpack_high16(high, none));
                                low = high = none;
                                pending = 0;
                            }
                        }
                    }
                    sums[0] = add32(sums[0], unpack_low16(low, none));
                    sums[1] = add32(sums[1], unpack_high16(low, none));
                    sums[2] = add32(sums[2], unpack_low16(high, none));
                    sums[3] = add32(sums[3], unpack_high16(high, none));
                    int32_t lanes[IK_VECTOR_BYTES];
                    memcpy(lanes, sums, sizeof lanes);
                    const int32_t rest = y->channels - c;
                    divide_sums(lanes, out + c, rest < IK_VECTOR_BYTES ? rest : IK_VECTOR_BYTES,
                        window.rows * window.columns, &step->u.pool, y->flip);
                }
            }
        }
    }
}

/// As ik_scalar_max_pool_qs8, on bytes v + 128.
IK_TARGET static void max_pool(const ik_step *step, uint8_t *arena) {
    const ik_pool *p = &step->u.pool;
    const ik_tensor *x = &step->input, *y = &step->output;
    const vec flip = splat8(x->flip ^ 0x80), back = splat8(y->flip ^ 0x80);
    const vec least = splat8((uint8_t)(p->clamp_low + 128));
    const vec most = splat8((uint8_t)(p->clamp_high + 128));
    for (int32_t n = 0; n < y->batches; ++n) {
        for (int32_t oy = 0; oy < y->height; ++oy) {
            uint8_t *out = arena + y->offset + n * y->batch_stride + oy * y->row_stride;
            for (int32_t ox = 0; ox < y->width; ++ox, out += y->channels) {
                const pool_window window = clip_window(step, arena, n, oy, ox);
                for (int32_t c = 0; c < y->channels; c += IK_VECTOR_BYTES) {
                    vec largest = least;
                    for (int32_t row = 0; row < window.rows; ++row) {
                        const uint8_t *in = window.first + row * x->row_stride + c;
                        for (int32_t i = 0; i < window.columns; ++i, in += x->channels) {
                            largest = max_u8(largest, xor_bits(load(in), flip));
                        }
                    }
                    store_bytes(out + c, xor_bits(min_u8(largest, most), back), y->channels - c);
                }
            }
        }
    }
}

// MARK: - Copy

/// As ik_scalar_copy.
IK_TARGET static void copy(const ik_step *step, uint8_t *arena) {
    const ik_tensor *x = &step->input, *y = &step->output;
    const int64_t bytes = (int64_t)x->width * x->channels * step->u.element_bytes;
    const vec flip = splat8(x->flip ^ y->flip);
    for (int32_t n = 0; n < x->batches; ++n) {
        for (int32_t h = 0; h < x->height; ++h) {
            const uint8_t *from = arena + x->offset + n * x->batch_stride + h * x->row_stride;
            uint8_t *to = arena + y->offset + n * y->batch_stride + h * y->row_stride;
            for (int64_t i = 0; i < bytes; i += IK_VECTOR_BYTES) {
                const int64_t rest = bytes - i;
                store_bytes(to + i, xor_bits(load(from + i), flip),
                    rest < IK_VECTOR_BYTES ? (int)rest : IK_VECTOR_BYTES);
            }
        }
    }
}

IK_TARGET static void conv(const ik_step *step, uint8_t *arena) { conv_any(step, arena, 0); }
IK_TARGET static void gemv(const ik_step *step, uint8_t *arena) { gemv_any(step, arena, 0); }
IK_TARGET static void depthwise(const ik_step *step, uint8_t *arena) {
    depthwise_any(step, arena, 0);
}
IK_TARGET static void conv_exact(const ik_step *step, uint8_t *arena) { conv_any(step, arena, 1); }
IK_TARGET static void gemv_exact(const ik_step *step, uint8_t *arena) { gemv_any(step, arena, 1); }
IK_TARGET static void depthwise_exact(const ik_step *step, uint8_t *arena) {
    depthwise_any(step, arena, 1);
}

/// The fields of ik_kernel_set that every instruction set fills alike.
#define IK_COMMON_FIELDS                                      \
    .wants_borders = 1, .vector_bytes = IK_VECTOR_BYTES,      \
    .gemv_block = IK_GEMV_BLOCK, .most_parts = IK_MOST_PARTS, \
    .largest_block = IK_BLOCKS_64 ? 64 : 16,                  \
    .tile = {conv, gemv, depthwise, add, conv_strip},         \
    .tile_exact = {conv_exact, gemv_exact, depthwise_exact, add, conv_strip_exact}, \
    .copy = copy, .average_pool = average_pool, .max_pool = max_pool
