// Vector kernels against the scalar ones, without Swift: for instruction sets that only an emulator
// runs here. `kernel_check SET SEED ROUNDS` prints the first difference and fails, or prints a count.
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inference_kernels.h"

static uint64_t state;

/// SplitMix64.
static uint64_t next(void) {
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static int between(int low, int high) { return low + (int)(next() % (uint64_t)(high - low + 1)); }

static void *zeroed(size_t bytes) {
    void *memory = calloc(1, bytes + 64);
    if (memory == NULL) abort();
    return memory;
}

static uint8_t arena[1 << 21];
static const ik_kernel_set *set;
static char what[200];

/// A tensor with borders of its zero point, filled at random. `flip` as stored.
static ik_tensor make_tensor(int64_t *place, int n, int h, int w, int c, int border, uint8_t flip) {
    ik_tensor t = {.batches = n, .height = h, .width = w, .channels = c, .flip = flip,
        .zero_point = between(-128, 127)};
    t.row_stride = (int64_t)(w + 2 * border) * c;
    t.batch_stride = t.row_stride * (h + 2 * border);
    t.offset = *place + border * t.row_stride + (int64_t)border * c;
    memset(arena + *place, (uint8_t)t.zero_point ^ flip, (size_t)(t.batch_stride * n));
    *place += (t.batch_stride * n + 63) / 64 * 64;
    for (int b = 0; b < n; ++b)
        for (int y = 0; y < h; ++y)
            for (int i = 0; i < w * c; ++i)
                arena[t.offset + b * t.batch_stride + y * t.row_stride + i] = (uint8_t)next();
    return t;
}

static int compare(ik_step *reference, ik_step *fast) {
    const ik_tensor *t = &reference->output, *u = &fast->output;
    reference->run(reference, arena);
    fast->run(fast, arena);
    for (int b = 0; b < t->batches; ++b)
        for (int y = 0; y < t->height; ++y)
            for (int i = 0; i < t->width * t->channels; ++i) {
                const int wanted =
                    arena[t->offset + b * t->batch_stride + y * t->row_stride + i] ^ t->flip;
                const int got =
                    arena[u->offset + b * u->batch_stride + y * u->row_stride + i] ^ u->flip;
                if (wanted != got) {
                    printf("%s: %s: byte (%d, %d, %d) is %d, not %d\n", set->name, what, b, y, i,
                        got, wanted);
                    return 1;
                }
            }
    return 0;
}

static ik_requantization requantization(const ik_tensor *y, int low, int high) {
    return (ik_requantization){.high = (float)(high - y->zero_point),
        .zero_point = y->zero_point + 128, .low_byte = low + 128, .high_byte = high + 128,
        .flip = 0x80 ^ y->flip};
}

typedef struct layer {
    int8_t *weights;
    int32_t *bias;
    float *multiplier;
    int is_plain;
} layer;

static layer make_layer(int channels, int each) {
    layer l = {zeroed((size_t)channels * (size_t)each), zeroed(4 * (size_t)channels),
        zeroed(4 * (size_t)channels), 1};
    const int least = between(0, 1) ? -127 : -128, wild = between(0, 3) == 0;
    for (int i = 0; i < channels * each; ++i) {
        l.weights[i] = (int8_t)between(least, wild ? least + 1 : 127);
        if (l.weights[i] == -128) l.is_plain = 0;
    }
    for (int c = 0; c < channels; ++c) {
        l.bias[c] = wild ? (int32_t)next() : between(-4000, 4000);
        l.multiplier[c] = (float)between(1, 2000) * (wild ? 1e-2f : 2e-6f);
        if (l.multiplier[c] >= 1) l.is_plain = 0;
    }
    return l;
}

static void free_layer(layer l) {
    free(l.weights);
    free(l.bias);
    free(l.multiplier);
}

static int stored_zero_point(const ik_tensor *t) { return t->zero_point + (t->flip ? 128 : 0); }

/// Convolutions, and where there is one window of one run, matrix times vector.
static int check_conv(void) {
    const int is_vector = between(0, 2) == 0;
    const int kh = is_vector ? 1 : between(1, 4), kw = is_vector ? 1 : between(1, 4);
    const int sh = between(1, 3), sw = between(1, 3), pad = kh > 1 && kw > 1 ? between(0, 1) : 0;
    const int c = between(1, is_vector ? 150 : 24), oc = between(1, is_vector ? 150 : 40);
    const int oh = is_vector ? 1 : between(1, 5), ow = is_vector ? 1 : between(1, 9);
    const int n = is_vector ? 1 : between(1, 2);
    const int h = (oh - 1) * sh + kh - 2 * pad > 0 ? (oh - 1) * sh + kh - 2 * pad : 1;
    const int w = (ow - 1) * sw + kw - 2 * pad > 0 ? (ow - 1) * sw + kw - 2 * pad : 1;
    const int low = between(-128, 0), high = between(1, 127);
    snprintf(what, sizeof what, "conv %dx%dx%dx%d -> %dx%dx%d, kernel %dx%d, stride %dx%d, pad %d",
        n, h, w, c, oh, ow, oc, kh, kw, sh, sw, pad);
    int64_t place = 0;
    const ik_tensor x = make_tensor(&place, n, h, w, c, kh + kw + 1, set->flip);
    ik_tensor y = make_tensor(&place, n, oh, ow, oc, 0, 0), z = y;
    z.offset = place;
    z.flip = between(0, 1) ? 0x80 : 0;
    layer l = make_layer(oc, kh * kw * c);
    ik_step reference = {.run = ik_scalar_conv_qs8, .input = x, .output = y};
    reference.u.conv = (ik_conv_qs8){l.weights, l.bias, l.multiplier, 1,
        {kh, kw, sh, sw, 1, 1, pad, pad}, low, high};

    const int padded = (oc + 15) / 16 * 16, groups = (kw * c + 3) / 4, pixels = n * oh * ow;
    int8_t *packed = zeroed((size_t)(padded * kh * groups * 4));
    int32_t *bias = zeroed(4 * (size_t)padded);
    float *multiplier = zeroed(4 * (size_t)padded);
    int32_t *inputs = zeroed(4 * (size_t)pixels), *outputs = zeroed(4 * (size_t)pixels);
    int32_t segments[4];
    for (int s = 0; s < kh; ++s) segments[s] = (int32_t)(s * x.row_stride);
    for (int p = 0; p < pixels; ++p) {
        const int b = p / (oh * ow), oy = p / ow % oh, ox = p % ow;
        inputs[p] = (int32_t)(b * x.batch_stride + (oy * sh - pad) * x.row_stride
            + (ox * sw - pad) * c);
        outputs[p] = (int32_t)(b * z.batch_stride + oy * z.row_stride + ox * oc);
    }
    ik_packing packing = {l.weights, l.bias, l.multiplier, oc, kh, kw * c,
        is_vector ? set->gemv_block : 16, 1, set->vector_bytes, stored_zero_point(&x)};
    (is_vector ? ik_pack_gemv : ik_pack_conv)(&packing, packed, bias, multiplier);
    const ik_tile_functions *f = l.is_plain ? &set->tile : &set->tile_exact;
    ik_step fast = {.run = is_vector ? f->gemv : f->conv, .input = x, .output = z};
    fast.u.tile_conv = (ik_tile_conv){packed, bias, multiplier, inputs, outputs, segments, pixels,
        kh, groups, oc, 16, ow, c, requantization(&z, low, high)};
    const int failed = compare(&reference, &fast);
    free_layer(l);
    free(packed);
    free(bias);
    free(multiplier);
    free(inputs);
    free(outputs);
    return failed;
}

static int check_depthwise(void) {
    const int kh = between(1, 5), kw = between(1, 4), s = between(1, 2), c = between(1, 70);
    const int oh = between(1, 5), ow = between(1, 6), pad = kh > 1 && kw > 1 ? 1 : 0;
    const int h = (oh - 1) * s + kh, w = (ow - 1) * s + kw, low = between(-128, 0), high = 127;
    snprintf(what, sizeof what, "depthwise %dx%dx%d, kernel %dx%d, stride %d", h, w, c, kh, kw, s);
    int64_t place = 0;
    const ik_tensor x = make_tensor(&place, 1, h, w, c, 2, set->flip);
    ik_tensor y = make_tensor(&place, 1, oh, ow, c, 0, 0), z = y;
    z.offset = place;
    layer l = make_layer(c, kh * kw);  // [tap][channel] of as many elements
    ik_step reference = {.run = ik_scalar_depthwise_qs8, .input = x, .output = y};
    reference.u.depthwise = (ik_depthwise_qs8){l.weights, l.bias, l.multiplier, 1,
        {kh, kw, s, s, 1, 1, pad, pad}, low, high};

    const int bytes = set->vector_bytes, vectors = (c + bytes - 1) / bytes;
    const int groups = (kh * kw + 3) / 4;
    int8_t *packed = zeroed((size_t)(vectors * bytes * groups * 4));
    int32_t *bias = zeroed(4 * (size_t)(vectors * bytes));
    float *multiplier = zeroed(4 * (size_t)(vectors * bytes));
    int32_t *lanes = zeroed(4 * (size_t)(vectors * bytes)), taps[20] = {0};
    for (int i = 0; i < vectors * bytes; ++i) lanes[i] = i < c ? i : -1;
    for (int t = 0; t < kh * kw; ++t) taps[t] = (int32_t)(t / kw * x.row_stride + t % kw * c);
    ik_depthwise_block *blocks = zeroed(sizeof *blocks * (size_t)(oh * ow * vectors));
    int count = 0;
    for (int p = 0; p < oh * ow; ++p)
        for (int v = 0; v < vectors; ++v)
            blocks[count++] = (ik_depthwise_block){
                (int32_t)((p / ow * s - pad) * x.row_stride + (p % ow * s - pad) * c + v * bytes),
                p * c + v * bytes, v, c - v * bytes < bytes ? c - v * bytes : bytes};
    ik_packing packing = {l.weights, l.bias, l.multiplier, c, kh * kw, 1, 0, 1, bytes,
        stored_zero_point(&x)};
    ik_pack_depthwise(&packing, lanes, vectors, packed, bias, multiplier);
    const ik_tile_functions *f = l.is_plain ? &set->tile : &set->tile_exact;
    ik_step fast = {.run = f->depthwise, .input = x, .output = z};
    fast.u.tile_depthwise = (ik_tile_depthwise){packed, bias, multiplier, taps, blocks, count,
        groups, 1, 0, requantization(&z, low, high)};
    const int failed = compare(&reference, &fast);
    free_layer(l);
    free(packed);
    free(bias);
    free(multiplier);
    free(lanes);
    free(blocks);
    return failed;
}

static int check_sum(void) {
    const int h = between(1, 4), w = between(1, 5), c = between(1, 70), shift = between(13, 25);
    const int a = between(0, (1 << 21) - 1), b = between(0, (1 << 21) - 1);
    const int low = between(-128, 0), high = between(1, 127);
    snprintf(what, sizeof what, "sum %dx%dx%d, %d %d >> %d", h, w, c, a, b, shift);
    int64_t place = 0;
    const ik_tensor x = make_tensor(&place, 1, h, w, c, between(0, 1), set->flip);
    const ik_tensor z = make_tensor(&place, 1, h, w, c, between(0, 1), between(0, 1) ? 0x80 : 0);
    ik_tensor y = make_tensor(&place, 1, h, w, c, 0, 0), out = y;
    out.offset = place;
    ik_step reference = {.run = ik_scalar_add_qs8, .input = x, .second = z, .output = y};
    reference.u.add = (ik_add_qs8){a, b, shift, low, high, {0, x.row_stride, c, 1},
        {0, z.row_stride, c, 1}};
    ik_step fast = {.run = set->tile.add, .input = x, .second = z, .output = out};
    const uint32_t bias = (1u << (shift - 1)) - (uint32_t)a * (uint32_t)(x.zero_point + 128)
        - (uint32_t)b * (uint32_t)(z.zero_point + 128);
    fast.u.tile_add = (ik_tile_add){(b >> 8) << 16 | (a >> 8), (b & 255) << 16 | (a & 255), shift,
        (int32_t)bias, 0x80 ^ x.flip, 0x80 ^ z.flip, requantization(&out, low, high)};
    return compare(&reference, &fast);
}

static int check_pool(void) {
    const int k = between(1, 4), s = between(1, 3), pad = k > 1, c = between(1, 70);
    const int is_global = between(0, 3) == 0, side = is_global ? 20 : between(k, 9);
    const int kernel = is_global ? side : k, padding = is_global ? 0 : pad;
    const int o = is_global ? 1 : (side + 2 * pad - k) / s + 1, average = between(0, 1);
    snprintf(what, sizeof what, "pool %d: %dx%dx%d, kernel %d, stride %d", average, side, side, c,
        kernel, s);
    int64_t place = 0;
    const ik_tensor x = make_tensor(&place, 1, side, side, c, between(0, 1), set->flip);
    ik_tensor y = make_tensor(&place, 1, o, o, c, 0, 0), z = y;
    z.offset = place;
    ik_step reference = {.run = average ? ik_scalar_average_pool_qs8 : ik_scalar_max_pool_qs8,
        .input = x, .output = y};
    reference.u.pool = (ik_pool){.window = {kernel, kernel, s, s, 1, 1, padding, padding},
        .clamp_low = between(-128, 0), .clamp_high = between(1, 127)};
    ik_step fast = reference;
    fast.run = average ? set->average_pool : set->max_pool;
    fast.output = z;
    return compare(&reference, &fast);
}

static int check_copy(void) {
    const int h = between(1, 4), w = between(1, 6), c = between(1, 40);
    snprintf(what, sizeof what, "copy %dx%dx%d", h, w, c);
    int64_t place = 0;
    const ik_tensor x = make_tensor(&place, 1, h, w, c, between(0, 1), between(0, 1) ? 0x80 : 0);
    ik_tensor y = make_tensor(&place, 1, h, w, c, between(0, 1), between(0, 1) ? 0x80 : 0), z = y;
    z.offset += place;
    ik_step reference = {.run = ik_scalar_copy, .input = x, .output = y};
    reference.u.element_bytes = 1;
    ik_step fast = reference;
    fast.run = set->copy;
    fast.output = z;
    return compare(&reference, &fast);
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: kernel_check SET SEED ROUNDS\n");
        return 64;
    }
    set = ik_kernels_named(arguments[1]);
    if (set == NULL) {
        fprintf(stderr, "this processor cannot run %s\n", arguments[1]);
        return 69;
    }
    state = strtoull(arguments[2], NULL, 10);
    const int rounds = atoi(arguments[3]);
    int (*const checks[])(void) = {check_conv, check_depthwise, check_sum, check_pool, check_copy};
    for (int round = 0; round < rounds; ++round)
        for (size_t i = 0; i < sizeof checks / sizeof *checks; ++i)
            if (checks[i]()) {
                printf("seed %s, round %d\n", arguments[2], round);
                return 1;
            }
    printf("%s: %d layers equal the scalar kernels\n", set->name, 5 * rounds);
    return 0;
}
