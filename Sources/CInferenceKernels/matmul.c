// Products of matrices that both come from the graph.
#include "fixed_point.h"
#include "requantize.h"
#include "walk.h"

void ik_scalar_batch_matmul(const ik_step *step, uint8_t *arena) {
    const ik_batch_matmul *p = step->u.parameters;
    const ik_tensor *a = &step->input, *b = &step->second, *y = &step->output;
    const uint8_t *left = arena + a->offset, *right = arena + b->offset;
    uint8_t *out = arena + y->offset;
    int64_t index[IK_AXES] = {0};
    do {
        for (int64_t m = 0; m < p->rows; ++m) {
            for (int64_t n = 0; n < p->columns; ++n) {
                const uint8_t *l = left + m * p->left_row, *r = right + n * p->right_column;
                uint8_t *place = out + m * p->output_row + n * p->output_column;
                if (p->type == IK_F32) {
                    float sum = 0;
                    for (int64_t k = 0; k < p->depth; ++k) {
                        sum += *(const float *)(const void *)(l + k * p->left_depth)
                            * *(const float *)(const void *)(r + k * p->right_depth);
                    }
                    *(float *)(void *)place = sum;
                } else if (p->type == IK_I16) {
                    int64_t sum = 0;
                    for (int64_t k = 0; k < p->depth; ++k) {
                        sum += (int32_t) * (const int16_t *)(const void *)(l + k * p->left_depth)
                            * *(const int16_t *)(const void *)(r + k * p->right_depth);
                    }
                    *(int16_t *)(void *)place = (int16_t)ik_clamp(
                        ik_fixed_wide(sum, p->multiplier, p->shift), -32768, 32767);
                } else {
                    int32_t sum = 0;
                    for (int64_t k = 0; k < p->depth; ++k) {
                        sum += (ik_load8(l + k * p->left_depth, a->flip) - a->zero_point)
                            * (ik_load8(r + k * p->right_depth, b->flip) - b->zero_point);
                    }
                    const uint8_t q = p->scale > 0
                        ? ik_round((float)sum * p->scale, y->zero_point, -128, 127)
                        : (uint8_t)ik_clamp(
                            ik_fixed(sum, p->multiplier, p->shift) + y->zero_point, -128, 127);
                    *place = q ^ y->flip;
                }
            }
        }
    } while (ik_advance(
        index, p->extent, IK_AXES, &left, p->left, &right, p->right, &out, p->output));
}
