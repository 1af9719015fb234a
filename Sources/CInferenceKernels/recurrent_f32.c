// RNN, GRU and LSTM as ONNX defines them: gates of float32, one direction, a state that begins anew
// with every run.
#include <string.h>

#include "functions.h"
#include "walk.h"

static inline float activate(float x, int32_t activation, float clip) {
    if (clip > 0) x = ik_clamp_float(x, -clip, clip);
    switch (activation) {
    case IK_TANH: return (float)ik_tanh(x);
    case IK_RELU: return x > 0 ? x : 0;
    default: {
        const double e = ik_exponential(x < 0 ? x : -x);
        return (float)(x < 0 ? e / (1 + e) : 1 / (1 + e));
    }
    }
}

static float dot(const float *w, const float *x, int64_t count) {
    float sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += w[i] * x[i];
    return sum;
}

/// weights · x + bias of one unit of a gate.
static float from_input(const ik_recurrent *p, int64_t row, const float *x) {
    return dot(p->input + row * p->inputs, x, p->inputs) + p->input_bias[row];
}

static float from_output(const ik_recurrent *p, int64_t row, const float *h) {
    return dot(p->recurrent + row * p->units, h, p->units) + p->recurrent_bias[row];
}

static float gate(const ik_recurrent *p, int64_t row, const float *x, const float *h) {
    return from_input(p, row, x) + from_output(p, row, h);
}

static void rnn(const ik_recurrent *p, const float *x, const float *h, float *y) {
    for (int64_t u = 0; u < p->units; ++u) {
        y[u] = activate(gate(p, u, x, h), p->activation[0], p->clip);
    }
}

/// `room`: four vectors.
static void gru(const ik_recurrent *p, const float *x, const float *h, float *y, float *room) {
    const int64_t units = p->units;
    float *update = room, *reset = room + units, *scaled = room + 2 * units;
    for (int64_t u = 0; u < units; ++u) {
        update[u] = activate(gate(p, u, x, h), p->activation[0], p->clip);
        reset[u] = activate(gate(p, units + u, x, h), p->activation[0], p->clip);
        scaled[u] = reset[u] * h[u];
    }
    for (int64_t u = 0; u < units; ++u) {
        const int64_t row = 2 * units + u;
        const float past =
            p->resets_first ? from_output(p, row, scaled) : reset[u] * from_output(p, row, h);
        const float hidden = activate(from_input(p, row, x) + past, p->activation[1], p->clip);
        y[u] = (1 - update[u]) * hidden + update[u] * h[u];
    }
}

static void lstm(const ik_recurrent *p, const float *x, const float *h, float *cell, float *y) {
    const int64_t units = p->units;
    const float *peephole = p->peephole;
    for (int64_t u = 0; u < units; ++u) {
        const float before = cell[u];
        float i = gate(p, u, x, h), f = gate(p, 2 * units + u, x, h), o = gate(p, units + u, x, h);
        if (peephole) {
            i += peephole[u] * before;
            f += peephole[2 * units + u] * before;
        }
        const float candidate =
            activate(gate(p, 3 * units + u, x, h), p->activation[1], p->clip);
        const float after = activate(f, p->activation[0], p->clip) * before
            + activate(i, p->activation[0], p->clip) * candidate;
        if (peephole) o += peephole[units + u] * after;
        cell[u] = after;
        y[u] = activate(o, p->activation[0], p->clip) * activate(after, p->activation[2], 0);
    }
}

void ik_scalar_recurrent_f32(const ik_step *step, uint8_t *arena) {
    const ik_recurrent *p = step->u.parameters;
    const float *x = (const void *)(arena + step->input.offset);
    float *h = (void *)(arena + step->second.offset);
    float *y = (void *)(arena + step->output.offset);
    const int64_t size = p->batches * p->units;
    float *cell = h + size, *next = cell + size, *room = next + p->units;
    if (!p->keeps_output) memset(h, 0, (size_t)size * sizeof *h);
    if (!p->keeps_cell) memset(cell, 0, (size_t)size * sizeof *cell);
    for (int64_t step_index = 0; step_index < p->times; ++step_index) {
        const int64_t t = p->is_reversed ? p->times - 1 - step_index : step_index;
        for (int64_t b = 0; b < p->batches; ++b) {
            const float *from = x + (t * p->batches + b) * p->inputs;
            float *past = h + b * p->units;
            switch (p->kind) {
            case IK_RNN: rnn(p, from, past, next); break;
            case IK_GRU: gru(p, from, past, next, room); break;
            default: lstm(p, from, past, cell + b * p->units, next); break;
            }
            memcpy(past, next, (size_t)p->units * sizeof *next);
            memcpy(y + (t * p->batches + b) * p->units, next, (size_t)p->units * sizeof *next);
        }
    }
}
