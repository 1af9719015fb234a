// Comparisons and choices, and the arithmetic of int64 that exporters write between them.
#include "functions.h"
#include "walk.h"

/// `expression` of elements l and r of one type is an element of another.
#define ROW_INTO(type, result, expression)                                                      \
    const int64_t count = p->extent[IK_AXES - 1], sa = p->left[IK_AXES - 1];                    \
    const int64_t sb = p->right[IK_AXES - 1], sy = p->output[IK_AXES - 1];                      \
    for (int64_t i = 0; i < count; ++i) {                                                       \
        const type l = *(const type *)(const void *)(a + i * sa);                               \
        const type r = *(const type *)(const void *)(b + i * sb);                               \
        *(result *)(void *)(y + i * sy) = (result)(expression);                                 \
    }

IK_BINARY_ROW(ik_row_add_i64) { ROW_INTO(int64_t, int64_t, (uint64_t)l + (uint64_t)r) }
IK_BINARY_ROW(ik_row_sub_i64) { ROW_INTO(int64_t, int64_t, (uint64_t)l - (uint64_t)r) }
IK_BINARY_ROW(ik_row_mul_i64) { ROW_INTO(int64_t, int64_t, (uint64_t)l * (uint64_t)r) }

IK_BINARY_ROW(ik_row_less_f32) { ROW_INTO(float, uint8_t, l < r) }
IK_BINARY_ROW(ik_row_less_i32) { ROW_INTO(int32_t, uint8_t, l < r) }
IK_BINARY_ROW(ik_row_less_i64) { ROW_INTO(int64_t, uint8_t, l < r) }
IK_BINARY_ROW(ik_row_less_equal_f32) { ROW_INTO(float, uint8_t, l <= r) }
IK_BINARY_ROW(ik_row_less_equal_i32) { ROW_INTO(int32_t, uint8_t, l <= r) }
IK_BINARY_ROW(ik_row_less_equal_i64) { ROW_INTO(int64_t, uint8_t, l <= r) }
IK_BINARY_ROW(ik_row_equal_f32) { ROW_INTO(float, uint8_t, l == r) }
IK_BINARY_ROW(ik_row_equal_i32) { ROW_INTO(int32_t, uint8_t, l == r) }
IK_BINARY_ROW(ik_row_equal_i64) { ROW_INTO(int64_t, uint8_t, l == r) }
IK_BINARY_ROW(ik_row_equal_bool) { ROW_INTO(uint8_t, uint8_t, !l == !r) }
IK_BINARY_ROW(ik_row_and_bool) { ROW_INTO(uint8_t, uint8_t, l && r) }
IK_BINARY_ROW(ik_row_or_bool) { ROW_INTO(uint8_t, uint8_t, l || r) }
IK_BINARY_ROW(ik_row_xor_bool) { ROW_INTO(uint8_t, uint8_t, !l != !r) }

IK_UNARY_ROW(ik_row_not_bool) {
    (void)p;
    for (int64_t i = 0; i < count; ++i) y[i] = !x[i];
}

/// l^r by double precision. What is not a number in C's powf is none here.
static inline float power(float l, float r) {
    if (r == 0 || l == 1) return 1;
    if (l != l || r != r) return l + r;
    const double size = fabs((double)l), log = ik_log(size);
    const int is_whole = rintf(r) == r, is_odd = is_whole && fabsf(r) < 0x1p24f && ((int32_t)r & 1);
    if (l < 0 && !is_whole && !isinf(l)) return NAN;
    const double value = size == 1 ? 1 : ik_exponential(log * r);
    return (float)(l < 0 && is_odd ? -value : value);
}
IK_BINARY_ROW(ik_row_power_f32) { ROW_INTO(float, float, power(l, r)) }

#define CHOOSE(name, type)                                                                      \
    IK_BINARY_ROW(name) {                                                                       \
        const int64_t count = p->extent[IK_AXES - 1], sa = p->left[IK_AXES - 1];                \
        const int64_t sb = p->right[IK_AXES - 1], sy = p->output[IK_AXES - 1];                  \
        for (int64_t i = 0; i < count; ++i) {                                                   \
            if (!a[i * sa]) continue;                                                           \
            *(type *)(void *)(y + i * sy) = *(const type *)(const void *)(b + i * sb);          \
        }                                                                                       \
    }
CHOOSE(ik_row_choose_1, uint8_t)
CHOOSE(ik_row_choose_4, uint32_t)
CHOOSE(ik_row_choose_8, uint64_t)
