// The long short-term memory of int8 activations and int16 cells: every rounding is LiteRT's, so that
// its answers are met to the last bit. - Source: LstmStepInteger (8x8_16) of LiteRT's
// kernels/lstm_eval.cc.
#include <string.h>

#include "fixed_point16.h"
#include "operator_kernels.h"
#include "requantize.h"

enum { INPUT, FORGET, CELL, OUTPUT };

/// Bias + weights · x, rescaled. The bias holds the zero point's share; sums wrap.
static int32_t row_product(const int8_t *weights, const int8_t *x, int64_t count, int32_t bias,
    int32_t multiplier, int32_t shift) {
    uint32_t sum = (uint32_t)bias;
    for (int64_t i = 0; i < count; ++i) sum += (uint32_t)((int32_t)weights[i] * x[i]);
    return ik_fixed((int32_t)sum, multiplier, shift);
}

/// The gate's argument, with three integer bits. Each sum saturates by itself.
static void compute_gate(const ik_lstm_qs8 *p, int gate, const int8_t *x, const int8_t *h,
    const int16_t *cell, int16_t *result) {
    for (int64_t unit = 0; unit < p->units; ++unit) {
        int16_t sum = ik_saturate16(row_product(p->input[gate] + unit * p->inputs, x, p->inputs,
            p->input_bias[gate][unit], p->input_multiplier[gate], p->input_shift[gate]));
        const int32_t recurrent = row_product(p->recurrent[gate] + unit * p->outputs, h, p->outputs,
            p->recurrent_bias[gate][unit], p->recurrent_multiplier[gate], p->recurrent_shift[gate]);
        sum = ik_saturate16(ik_clamp(recurrent, -65536, 65536) + sum);
        if (p->peephole[gate]) {
            const int32_t share = ik_fixed(p->peephole[gate][unit] * cell[unit],
                p->peephole_multiplier[gate], p->peephole_shift[gate]);
            sum = ik_saturate16(ik_clamp(share, -65536, 65536) + sum);
        }
        result[unit] = sum;
    }
}

/// One time step of one batch: `h` and `cell` are replaced.
static void lstm_step(const ik_lstm_qs8 *p, const int8_t *x, int8_t *h, int16_t *cell,
    int16_t *gates, int8_t *hidden, int32_t zero_point) {
    int16_t *input = gates, *forget = gates + p->units, *candidate = gates + 2 * p->units;
    int16_t *output = gates + 3 * p->units;
    if (p->input[INPUT]) compute_gate(p, INPUT, x, h, cell, input);
    compute_gate(p, FORGET, x, h, cell, forget);
    compute_gate(p, CELL, x, h, cell, candidate);
    for (int64_t unit = 0; unit < p->units; ++unit) {
        const int16_t f = ik_logistic16(forget[unit]);
        const int16_t i = p->input[INPUT] ? ik_logistic16(input[unit]) : (int16_t)(INT16_MAX ^ f);
        const int32_t kept = ik_rounding_shift(f * cell[unit], 15);
        const int32_t added =
            ik_rounding_shift(i * ik_tanh16(candidate[unit], 3), 30 + p->cell_exponent);
        const int16_t c = ik_saturate16(kept + (int16_t)added);
        cell[unit] = p->cell_clip > 0 ? (int16_t)ik_clamp(c, -p->cell_clip, p->cell_clip) : c;
    }
    compute_gate(p, OUTPUT, x, h, cell, output);
    for (int64_t unit = 0; unit < p->units; ++unit) {
        const int32_t product =
            ik_logistic16(output[unit]) * ik_tanh16(cell[unit], 15 + p->cell_exponent);
        const int32_t q = ik_fixed(product, p->hidden_multiplier, p->hidden_shift);
        hidden[unit] = (int8_t)ik_clamp(ik_clamp(q, -65536, 65536) + p->hidden_zero_point, -128, 127);
    }
    if (!p->projection) {
        memcpy(h, hidden, (size_t)p->outputs);
        return;
    }
    for (int64_t i = 0; i < p->outputs; ++i) {
        int32_t q = row_product(p->projection + i * p->units, hidden, p->units, p->projection_bias[i],
            p->projection_multiplier, p->projection_shift);
        q = ik_clamp(ik_clamp(q, -65536, 65536) + zero_point, -128, 127);
        if (p->projection_clip > 0) q = ik_clamp(q, -p->projection_clip, p->projection_clip);
        h[i] = (int8_t)q;
    }
}

void ik_scalar_lstm_qs8(const ik_step *step, uint8_t *arena) {
    const ik_lstm_qs8 *p = step->u.parameters;
    const uint8_t *from = arena + step->input.offset;
    uint8_t *to = arena + step->output.offset;
    const uint8_t zero_point = (uint8_t)step->output.zero_point;
    // The cells come first, for their alignment. The outputs are kept less their zero point, so that
    // cleared memory is 0.
    int16_t *cells = (void *)(arena + step->second.offset);
    int16_t *gates = cells + p->batches * p->units;
    uint8_t *kept = (void *)(gates + 4 * p->units);
    int8_t *hidden = (void *)(kept + p->batches * p->outputs);
    int8_t *h = hidden + p->units, *x = h + p->outputs;
    for (int64_t b = 0; b < p->batches; ++b, kept += p->outputs) {
        for (int64_t i = 0; i < p->outputs; ++i) h[i] = (int8_t)(uint8_t)(kept[i] + zero_point);
        for (int64_t t = 0; t < p->times; ++t) {
            const int64_t place = p->is_time_major ? t * p->batches + b : b * p->times + t;
            for (int64_t i = 0; i < p->inputs; ++i) {
                x[i] = (int8_t)(from[place * p->inputs + i] ^ step->input.flip);
            }
            lstm_step(p, x, h, cells + b * p->units, gates, hidden, step->output.zero_point);
            for (int64_t i = 0; i < p->outputs; ++i) {
                to[place * p->outputs + i] = (uint8_t)h[i] ^ step->output.flip;
            }
        }
        for (int64_t i = 0; i < p->outputs; ++i) kept[i] = (uint8_t)((uint8_t)h[i] - zero_point);
    }
}
