// Orders weights as the vector kernels read them. Runs once, when a model is loaded.
#include "inference_kernels.h"

void ik_pack_conv(int8_t *packed, const int8_t *weights, int32_t channels, int32_t segments,
    int32_t segment_bytes, int32_t block) {
    const int64_t groups = (segment_bytes + 3) / 4;
    for (int64_t c = 0; c < channels; ++c) {
        for (int64_t s = 0; s < segments; ++s) {
            const int64_t base = ((c / block) * segments + s) * groups;
            for (int64_t k = 0; k < segment_bytes; ++k) {
                packed[((base + k / 4) * block + c % block) * 4 + k % 4] =
                    weights[(c * segments + s) * segment_bytes + k];
            }
        }
    }
}

void ik_pack_gemv(int8_t *packed, const int8_t *weights, int32_t channels, int32_t inputs,
    int32_t block) {
    const int64_t row = ((int64_t)inputs + 3) / 4 * 4;
    const int32_t wide = channels / block * block;
    ik_pack_conv(packed, weights, wide, 1, inputs, block);
    ik_pack_conv(packed + wide * row, weights + (int64_t)wide * inputs, channels - wide, 1, inputs,
        16);
}

void ik_fold_bias(int32_t *folded, const int32_t *bias, const int8_t *weights, int32_t channels,
    int64_t weights_per_channel, int32_t zero_point) {
    for (int32_t c = 0; c < channels; ++c) {
        uint32_t sum = 0;
        const int8_t *row = weights + c * weights_per_channel;
        for (int64_t k = 0; k < weights_per_channel; ++k) sum += (uint32_t)(int32_t)row[k];
        folded[c] = (int32_t)((uint32_t)bias[c] - (uint32_t)zero_point * sum);
    }
}

void ik_pack_depthwise(int8_t *packed, int32_t *packed_bias, float *packed_multiplier,
    const int8_t *weights, const int32_t *bias, const float *multiplier,
    const int32_t *lane_channels, int32_t vectors, int32_t vector_bytes, int32_t taps,
    int32_t channels, int32_t zero_point) {
    const int32_t groups = (taps + 3) / 4, lanes = vector_bytes / 4;
    for (int32_t v = 0; v < vectors; ++v) {
        for (int32_t i = 0; i < 4; ++i) {
            for (int32_t j = 0; j < lanes; ++j) {
                const int32_t byte = 16 * (j / 4) + 4 * i + j % 4;
                const int32_t c = lane_channels[v * vector_bytes + byte];
                if (c < 0) continue;
                const int64_t slot = (int64_t)v * vector_bytes + i * lanes + j;
                uint32_t sum = 0;
                for (int32_t t = 0; t < taps; ++t) {
                    const int8_t w = weights[(int64_t)t * channels + c];
                    sum += (uint32_t)(int32_t)w;
                    packed[((((int64_t)v * groups + t / 4) * 4 + i) * lanes + j) * 4 + t % 4] = w;
                }
                packed_bias[slot] = (int32_t)((uint32_t)bias[c] - (uint32_t)zero_point * sum);
                packed_multiplier[slot] = multiplier[c];
            }
        }
    }
}
