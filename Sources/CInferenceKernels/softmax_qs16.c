// Softmax of int16 by two tables. - Source: SoftmaxInt16 of LiteRT's
// kernels/internal/reference/softmax.h.
#include "fixed_point16.h"
#include "operator_kernels.h"
#include "requantize.h"

/// Between two of 513 values.
static int32_t looked_up(const int16_t *table, int16_t x) {
    const int32_t place = 256 + (x >> 7), fraction = x & 0x7F;
    const int32_t slope = table[place + 1] - table[place];
    return (int16_t)(table[place] + ((slope * fraction + 64) >> 7));
}

static int32_t power(const ik_softmax_qs16 *p, int32_t difference) {
    const int32_t scaled = ik_fixed(difference, p->multiplier, p->shift);
    return looked_up(p->powers, ik_saturate16(ik_clamp(scaled, -(1 << 20), 1 << 20) + 32767));
}

void ik_scalar_softmax_qs16(const ik_step *step, uint8_t *arena) {
    const ik_softmax_qs16 *p = step->u.parameters;
    const int16_t *x = (const void *)(arena + step->input.offset);
    int16_t *y = (void *)(arena + step->output.offset);
    for (int64_t row = 0; row < p->rows; ++row, x += p->depth, y += p->depth) {
        int32_t largest = INT16_MIN, sum = 0;
        for (int64_t i = 0; i < p->depth; ++i) largest = x[i] > largest ? x[i] : largest;
        // At most 2^16 values below 2^15: no overflow. The largest has e^0, so the sum is positive.
        for (int64_t i = 0; i < p->depth; ++i) {
            y[i] = (int16_t)power(p, x[i] - largest);
            sum += y[i];
        }
        const int32_t headroom = __builtin_clz((uint32_t)sum | 1);
        const int64_t shifted = (((int64_t)sum << (headroom - 1)) + (1 << 13)) >> 14;
        const int32_t reciprocal = looked_up(
            p->reciprocals, ik_saturate16((int32_t)shifted - (1 << 15) - (1 << 16)));
        const int32_t right = 31 - headroom;
        const int64_t half = right > 0 ? (int64_t)1 << (right - 1) : 0;
        for (int64_t i = 0; i < p->depth; ++i) {
            y[i] = (int16_t)ik_clamp((int32_t)(((int64_t)y[i] * reciprocal + half) >> right), 0, 32767);
        }
    }
}
