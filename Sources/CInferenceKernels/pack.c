// Orders weights as the vector kernels read them. Runs once, when a model is loaded.
#include "inference_kernels.h"

int32_t ik_channel_slot(int32_t channel, int32_t unit, int32_t lanes) {
    const int32_t vectors = unit / lanes, run = 4 * vectors;
    return channel % run / 4 * lanes + channel / run * 4 + channel % 4;
}

int32_t ik_least_strip(int32_t block) { return block == 16 ? 8 : 4; }

static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

/// Channels [first, end) in blocks of `block`.
static void pack_channels(const ik_packing *p, int32_t first, int32_t end, int32_t block,
    int8_t *weights, int32_t *bias, float *multiplier) {
    const int64_t groups = (p->segment_bytes + 3) / 4;
    const int64_t row = (int64_t)p->segments * p->segment_bytes;
    const int64_t columns = groups / p->taps;  // 4-byte groups of a kernel column
    const int32_t unit = least(block, p->vector_bytes);
    for (int32_t c = first; c < end; ++c) {
        const int32_t local = c - first;
        const int32_t slot = local % block / unit * unit
            + ik_channel_slot(local % unit, unit, p->vector_bytes / 4);
        const int8_t *from = p->weights + c * row;
        uint32_t sum = 0;
        for (int64_t s = 0; s < p->segments; ++s) {
            const int64_t base = ((local / block) * p->segments + s) * groups;
            for (int64_t k = 0; k < p->segment_bytes; ++k) {
                const int8_t w = from[s * p->segment_bytes + k];
                sum += (uint32_t)(int32_t)w;
                const int64_t group = k / 4 % columns * p->taps + k / 4 / columns;
                weights[((base + group) * block + slot) * 4 + k % 4] = w;
            }
        }
        // acc = bias + sum of (x - zero point) * w, modulo 2^32.
        const int32_t place = local / block * block + slot;
        bias[place] = (int32_t)((uint32_t)p->bias[c] - (uint32_t)p->zero_point * sum);
        multiplier[place] = p->multiplier[c];
    }
}

void ik_pack_conv(const ik_packing *p, int8_t *weights, int32_t *bias, float *multiplier) {
    pack_channels(p, 0, p->channels, p->block, weights, bias, multiplier);
}

void ik_pack_gemv(const ik_packing *p, int8_t *weights, int32_t *bias, float *multiplier) {
    const int64_t row = ((int64_t)p->segment_bytes + 3) / 4 * 4;
    const int32_t wide = p->channels / p->block * p->block;
    pack_channels(p, 0, wide, p->block, weights, bias, multiplier);
    pack_channels(p, wide, p->channels, 16, weights + wide * row, bias + wide, multiplier + wide);
}

void ik_pack_depthwise(const ik_packing *p, const int32_t *lane_channels, int32_t vectors,
    int8_t *weights, int32_t *bias, float *multiplier) {
    const int32_t taps = p->segments, groups = (taps + 3) / 4;
    for (int32_t lane = 0; lane < vectors * p->vector_bytes; ++lane) {
        const int32_t c = lane_channels[lane];
        if (c < 0) continue;
        const int64_t vector = lane / p->vector_bytes;
        const int64_t slot = ik_channel_slot(
            lane % p->vector_bytes, p->vector_bytes, p->vector_bytes / 4);
        uint32_t sum = 0;
        for (int32_t t = 0; t < taps; ++t) {
            const int8_t w = p->weights[(int64_t)t * p->channels + c];
            sum += (uint32_t)(int32_t)w;
            weights[((vector * groups + t / 4) * p->vector_bytes + slot) * 4 + t % 4] = w;
        }
        const int64_t place = vector * p->vector_bytes + slot;
        bias[place] = (int32_t)((uint32_t)p->bias[c] - (uint32_t)p->zero_point * sum);
        multiplier[place] = p->multiplier[c];
    }
}
