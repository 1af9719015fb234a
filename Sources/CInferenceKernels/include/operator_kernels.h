#pragma once
// Kernels of the operators that move, combine and reduce tensors of any rank. Their parameters lie
// in the plan's constants; `ik_step.u.parameters` points at them.
//
// Strides are bytes. Axes run from the outermost to the innermost; unused ones come first, with
// extent 1. Every result is defined here; there are no other versions of these kernels.

#include "inference_kernels.h"

/// Most axes of a tensor that these kernels walk.
#define IK_AXES 6

// MARK: Moving

/// Copies a box of blocks; xors 0x80 where the two tensors are stored differently.
typedef struct ik_block_copy {
    int64_t extent[IK_AXES], input_stride[IK_AXES], output_stride[IK_AXES];
    int64_t block_bytes;
} ik_block_copy;
void ik_scalar_block_copy(const ik_step *step, uint8_t *arena);

/// Fills a box of blocks with one element.
typedef struct ik_block_fill {
    int64_t extent[IK_AXES], output_stride[IK_AXES];
    int64_t block_bytes, element_bytes;
    uint8_t element[8];
} ik_block_fill;
void ik_scalar_block_fill(const ik_step *step, uint8_t *arena);

/// Takes slices of the input by index: output[b][o][i] = input[b][o][indices[b][i]].
typedef struct ik_gather {
    int64_t batches, outer, axis, count, block_bytes;
    int64_t input_batch_stride, input_outer_stride, output_batch_stride, output_outer_stride;
    int32_t index_bytes;  ///< 4 or 8. An index outside the axis takes the nearest slice.
} ik_gather;
void ik_scalar_gather(const ik_step *step, uint8_t *arena);

/// Element types of ik_cast.
enum { IK_F32, IK_I8, IK_U8, IK_I16, IK_I32, IK_I64, IK_BOOL };

/// Converts element by element. To integers: toward zero, saturating, NaN becomes 0; between integers:
/// the low bits; to bool: whether it differs from 0.
typedef struct ik_cast {
    int32_t from, to;
} ik_cast;
void ik_scalar_cast(const ik_step *step, uint8_t *arena);

// MARK: One operand

/// Looks every byte up, as it is stored.
void ik_scalar_table8(const ik_step *step, uint8_t *arena);

/// Interpolates between 513 values of int16.
typedef struct ik_table16 {
    int16_t values[513];
} ik_table16;
void ik_scalar_table16(const ik_step *step, uint8_t *arena);

typedef struct ik_unary ik_unary;
/// `count` contiguous elements.
typedef void (*ik_unary_row)(const ik_unary *p, const uint8_t *x, uint8_t *y, int64_t count);
struct ik_unary {
    ik_unary_row row;
    float alpha, low, high;
    int32_t multiplier, shift, second_multiplier, second_shift, clamp_low, clamp_high;
    int32_t input_zero_point, output_zero_point;
    uintptr_t table;  ///< Address of a table of the plan's constants.
    uint8_t input_flip, output_flip;
};
void ik_scalar_unary(const ik_step *step, uint8_t *arena);

#define IK_UNARY_ROW(name) void name(const ik_unary *p, const uint8_t *x, uint8_t *y, int64_t count)
IK_UNARY_ROW(ik_row_clamp_f32);
IK_UNARY_ROW(ik_row_logistic_f32);
IK_UNARY_ROW(ik_row_tanh_f32);
IK_UNARY_ROW(ik_row_elu_f32);
IK_UNARY_ROW(ik_row_leaky_relu_f32);
IK_UNARY_ROW(ik_row_hard_swish_f32);
IK_UNARY_ROW(ik_row_gelu_f32);
IK_UNARY_ROW(ik_row_gelu_approximate_f32);
IK_UNARY_ROW(ik_row_abs_f32);
IK_UNARY_ROW(ik_row_neg_f32);
IK_UNARY_ROW(ik_row_sqrt_f32);
IK_UNARY_ROW(ik_row_rsqrt_f32);
IK_UNARY_ROW(ik_row_square_f32);
IK_UNARY_ROW(ik_row_exp_f32);
IK_UNARY_ROW(ik_row_log_f32);
IK_UNARY_ROW(ik_row_ceil_f32);
IK_UNARY_ROW(ik_row_floor_f32);
IK_UNARY_ROW(ik_row_round_f32);
IK_UNARY_ROW(ik_row_sign_f32);
IK_UNARY_ROW(ik_row_erf_f32);
IK_UNARY_ROW(ik_row_not_bool);
IK_UNARY_ROW(ik_row_abs_i32);
IK_UNARY_ROW(ik_row_neg_i32);
IK_UNARY_ROW(ik_row_rescale_qs16);
IK_UNARY_ROW(ik_row_leaky_relu_qs16);
IK_UNARY_ROW(ik_row_abs_qs16);
IK_UNARY_ROW(ik_row_neg_qs16);
IK_UNARY_ROW(ik_row_rescale_qs8_qs16);
IK_UNARY_ROW(ik_row_rescale_qs16_qs8);
IK_UNARY_ROW(ik_row_quantize_qs16);
IK_UNARY_ROW(ik_row_dequantize_qs16);
IK_UNARY_ROW(ik_row_logistic_qs16);
IK_UNARY_ROW(ik_row_tanh_qs16);
IK_UNARY_ROW(ik_row_logistic_fixed_qs16);
IK_UNARY_ROW(ik_row_tanh_fixed_qs16);

/// 256 values of 65536 * logistic(i / 24), at most 65535.
void ik_logistic_table(uint16_t *table);

// MARK: Two operands

typedef struct ik_binary ik_binary;
/// One row of extent[IK_AXES - 1] elements with the strides of that axis.
typedef void (*ik_binary_row)(const ik_binary *p, const uint8_t *a, const uint8_t *b, uint8_t *y);
struct ik_binary {
    ik_binary_row row;
    int64_t extent[IK_AXES], left[IK_AXES], right[IK_AXES], output[IK_AXES];
    int32_t left_zero_point, right_zero_point, output_zero_point, clamp_low, clamp_high;
    /// Fixed point: see each row.
    int32_t left_multiplier, left_shift, right_multiplier, right_shift, multiplier, shift;
    int32_t input_shift;
    float scale, low, high;
    uint8_t left_flip, right_flip, output_flip;
};
void ik_scalar_binary(const ik_step *step, uint8_t *arena);

#define IK_BINARY_ROW(name) \
    void name(const ik_binary *p, const uint8_t *a, const uint8_t *b, uint8_t *y)
IK_BINARY_ROW(ik_row_sum_qs8);
IK_BINARY_ROW(ik_row_mul_qs8);
IK_BINARY_ROW(ik_row_div_qs8);
IK_BINARY_ROW(ik_row_min_qs8);
IK_BINARY_ROW(ik_row_max_qs8);
IK_BINARY_ROW(ik_row_prelu_qs8);
IK_BINARY_ROW(ik_row_squared_difference_qs8);
IK_BINARY_ROW(ik_row_sum_qs16);
IK_BINARY_ROW(ik_row_mul_qs16);
IK_BINARY_ROW(ik_row_div_qs16);
IK_BINARY_ROW(ik_row_min_qs16);
IK_BINARY_ROW(ik_row_max_qs16);
IK_BINARY_ROW(ik_row_add_f32);
IK_BINARY_ROW(ik_row_sub_f32);
IK_BINARY_ROW(ik_row_mul_f32);
IK_BINARY_ROW(ik_row_div_f32);
IK_BINARY_ROW(ik_row_min_f32);
IK_BINARY_ROW(ik_row_max_f32);
IK_BINARY_ROW(ik_row_prelu_f32);
IK_BINARY_ROW(ik_row_squared_difference_f32);
IK_BINARY_ROW(ik_row_add_i32);
IK_BINARY_ROW(ik_row_sub_i32);
IK_BINARY_ROW(ik_row_mul_i32);
IK_BINARY_ROW(ik_row_div_i32);
IK_BINARY_ROW(ik_row_min_i32);
IK_BINARY_ROW(ik_row_max_i32);
IK_BINARY_ROW(ik_row_squared_difference_i32);
IK_BINARY_ROW(ik_row_power_f32);
IK_BINARY_ROW(ik_row_add_i64);
IK_BINARY_ROW(ik_row_sub_i64);
IK_BINARY_ROW(ik_row_mul_i64);

// Comparisons: the result is a byte, 0 or 1.
IK_BINARY_ROW(ik_row_less_f32);
IK_BINARY_ROW(ik_row_less_i32);
IK_BINARY_ROW(ik_row_less_i64);
IK_BINARY_ROW(ik_row_less_equal_f32);
IK_BINARY_ROW(ik_row_less_equal_i32);
IK_BINARY_ROW(ik_row_less_equal_i64);
IK_BINARY_ROW(ik_row_equal_f32);
IK_BINARY_ROW(ik_row_equal_i32);
IK_BINARY_ROW(ik_row_equal_i64);
IK_BINARY_ROW(ik_row_equal_bool);
IK_BINARY_ROW(ik_row_and_bool);
IK_BINARY_ROW(ik_row_or_bool);
IK_BINARY_ROW(ik_row_xor_bool);

// Where the left byte is not 0 the result becomes the right element; elsewhere it stays.
IK_BINARY_ROW(ik_row_choose_1);
IK_BINARY_ROW(ik_row_choose_4);
IK_BINARY_ROW(ik_row_choose_8);

// MARK: Reductions

typedef struct ik_reduce ik_reduce;
/// Reduces the elements that begin at `x` into one at `y`.
typedef void (*ik_reduce_cell)(const ik_reduce *p, const uint8_t *x, uint8_t *y);
struct ik_reduce {
    ik_reduce_cell cell;
    /// The axes that stay.
    int64_t extent[IK_AXES], input_stride[IK_AXES], output_stride[IK_AXES];
    /// The axes that go.
    int64_t reduced[IK_AXES], reduced_stride[IK_AXES];
    int64_t count;  ///< Product of `reduced`.
    int32_t multiplier, shift;
    int32_t bias;  ///< From the signed domain to the declared one: 0 or 128.
    float scale, offset;
    uint8_t input_flip, output_flip;
};
void ik_scalar_reduce(const ik_step *step, uint8_t *arena);

#define IK_REDUCE_CELL(name) void name(const ik_reduce *p, const uint8_t *x, uint8_t *y)
IK_REDUCE_CELL(ik_cell_sum_qs8);
IK_REDUCE_CELL(ik_cell_max_qs8);
IK_REDUCE_CELL(ik_cell_min_qs8);
IK_REDUCE_CELL(ik_cell_sum_qs16);
IK_REDUCE_CELL(ik_cell_mean_qs16);
IK_REDUCE_CELL(ik_cell_max_qs16);
IK_REDUCE_CELL(ik_cell_min_qs16);
IK_REDUCE_CELL(ik_cell_sum_f32);
IK_REDUCE_CELL(ik_cell_product_f32);
IK_REDUCE_CELL(ik_cell_max_f32);
IK_REDUCE_CELL(ik_cell_min_f32);
IK_REDUCE_CELL(ik_cell_sum_i32);
IK_REDUCE_CELL(ik_cell_mean_i32);
IK_REDUCE_CELL(ik_cell_max_i32);
IK_REDUCE_CELL(ik_cell_min_i32);

/// Index of the first largest (or smallest) element along one axis.
typedef struct ik_arg_extreme {
    int64_t outer, axis, inner;
    int32_t type;         ///< As ik_cast.
    int32_t index_bytes;  ///< 4 or 8
    int32_t is_minimum;
} ik_arg_extreme;
void ik_scalar_arg_extreme(const ik_step *step, uint8_t *arena);

// MARK: Convolutions of the rarer types

/// How an accumulator becomes a result: by one float multiplication, as XNNPACK; by a 32-bit
/// fixed-point multiplier, or by a 16-bit one of a 64-bit accumulator, as LiteRT's built-in kernels.
/// IK_RULE_EXACT is one double-precision multiplication, half away from zero.
enum { IK_RULE_FLOAT, IK_RULE_FIXED, IK_RULE_WIDE, IK_RULE_EXACT };

typedef struct ik_wide_conv {
    const int16_t *weights;  ///< Without their zero point; laid out as those of ik_conv_qs8.
    const int64_t *bias;
    const float *scale;                 ///< IK_RULE_FLOAT
    const double *exact_scale;          ///< IK_RULE_EXACT
    const int32_t *multiplier, *shift;  ///< The other rules.
    const float *float_weights, *float_bias;
    int32_t groups;
    int32_t depth_multiplier;  ///< 0 unless depthwise.
    ik_window window;
    int32_t clamp_low, clamp_high, rule;
    float low, high;
    uint8_t is_transposed, is_16_bit;
} ik_wide_conv;
void ik_scalar_wide_conv(const ik_step *step, uint8_t *arena);
void ik_scalar_transpose_conv_f32(const ik_step *step, uint8_t *arena);

// MARK: Images and matrices

/// Between which two input rows or columns an output row or column lies, and how far.
typedef struct ik_resize_place {
    int32_t low, high;
    int32_t fixed;  ///< 11 bits for 8-bit elements, 10 bits for 16-bit ones.
    float weight;
} ik_resize_place;
typedef struct ik_resize {
    const ik_resize_place *rows, *columns;
    int64_t element_bytes;
} ik_resize;
void ik_scalar_resize_nearest(const ik_step *step, uint8_t *arena);
void ik_scalar_resize_bilinear_f32(const ik_step *step, uint8_t *arena);
void ik_scalar_resize_bilinear_qs8(const ik_step *step, uint8_t *arena);
void ik_scalar_resize_bilinear_qs16(const ik_step *step, uint8_t *arena);

/// Matrix products; the batch axes broadcast. Strides are bytes.
typedef struct ik_batch_matmul {
    int64_t extent[IK_AXES], left[IK_AXES], right[IK_AXES], output[IK_AXES];
    int64_t rows, columns, depth;
    int64_t left_row, left_depth, right_depth, right_column, output_row, output_column;
    int32_t multiplier, shift;
    float scale;   ///< XNNPACK's rule when above 0, else the fixed-point one.
    int32_t type;  ///< IK_F32, IK_I8 or IK_I16.
} ik_batch_matmul;
void ik_scalar_batch_matmul(const ik_step *step, uint8_t *arena);

// MARK: Recurrent layers; `second` is their state

typedef struct ik_svdf {
    const float *feature, *time, *bias;  ///< [filter][input], [filter][memory], [unit]
    const int8_t *feature_qs8;
    const int16_t *time_qs16;
    const int32_t *bias_qs32;
    int64_t batches, inputs, units, rank, memory;
    int32_t feature_multiplier, feature_shift, time_multiplier, time_shift;
    float low, high;
} ik_svdf;
void ik_scalar_svdf_f32(const ik_step *step, uint8_t *arena);
void ik_scalar_svdf_qs8(const ik_step *step, uint8_t *arena);

/// Gates in the order input, forget, cell, output. What is left out is NULL.
typedef struct ik_lstm {
    const float *input[4], *recurrent[4], *peephole[4], *bias[4], *norm[4];
    const float *projection, *projection_bias;
    int64_t batches, times, inputs, units, outputs;
    float cell_clip, projection_clip;
    uint8_t is_time_major;
} ik_lstm;
/// State: output [batch][output], cell [batch][unit], room for four gates.
void ik_scalar_lstm_f32(const ik_step *step, uint8_t *arena);

/// int8 activations and weights, int16 cells of 2^cell_exponent. The biases hold the zero points' shares;
/// the gates' factors lead to arguments of 2^-12. What is left out is NULL.
typedef struct ik_lstm_qs8 {
    const int8_t *input[4], *recurrent[4], *projection;
    const int16_t *peephole[4];
    const int32_t *input_bias[4], *recurrent_bias[4], *projection_bias;
    int32_t input_multiplier[4], input_shift[4], recurrent_multiplier[4], recurrent_shift[4];
    int32_t peephole_multiplier[4], peephole_shift[4];
    int32_t hidden_multiplier, hidden_shift, hidden_zero_point;
    int32_t projection_multiplier, projection_shift;
    int64_t batches, times, inputs, units, outputs;
    int32_t cell_clip, projection_clip;  ///< 0: none.
    int32_t cell_exponent;               ///< -15 to -9
    uint8_t is_time_major;
} ik_lstm_qs8;
/// State: cells [batch][unit] of int16, room for four gates; bytes: outputs [batch][output] less their
/// zero point, room for units + outputs + inputs.
void ik_scalar_lstm_qs8(const ik_step *step, uint8_t *arena);

/// What ONNX calls RNN, GRU and LSTM, in one direction. Gates in ONNX's order: (hidden); update, reset,
/// hidden; input, output, forget, cell.
enum { IK_RNN = 1, IK_GRU = 3, IK_LSTM = 4 };
/// Activations of gates.
enum { IK_LOGISTIC, IK_TANH, IK_RELU };
typedef struct ik_recurrent {
    const float *input, *recurrent;            ///< [gate][unit][input], [gate][unit][unit]
    const float *input_bias, *recurrent_bias;  ///< [gate][unit]
    const float *peephole;                     ///< [input, output, forget][unit], or NULL
    int64_t batches, times, inputs, units;
    int32_t kind;           ///< and the number of gates
    int32_t activation[3];  ///< Of gates, candidate and cell.
    float clip;             ///< Of arguments; 0: none.
    uint8_t is_reversed, resets_first;  ///< resets_first: GRU's reset gate is applied before the product.
    uint8_t keeps_output, keeps_cell;   ///< The first state was copied in; else it is 0.
} ik_recurrent;
/// [time][batch][input] to [time][batch][unit]. State: output [batch][unit], cell [batch][unit], room
/// for five vectors of units.
void ik_scalar_recurrent_f32(const ik_step *step, uint8_t *arena);

// MARK: Pools and softmax, by ik_step.u.pool and .softmax

void ik_scalar_average_pool_f32(const ik_step *step, uint8_t *arena);
void ik_scalar_max_pool_f32(const ik_step *step, uint8_t *arena);
void ik_scalar_average_pool_qs16(const ik_step *step, uint8_t *arena);
void ik_scalar_max_pool_qs16(const ik_step *step, uint8_t *arena);
void ik_scalar_average_pool_qu8(const ik_step *step, uint8_t *arena);
void ik_scalar_softmax_f32(const ik_step *step, uint8_t *arena);

/// Tables of 513 values each: e^x for x in [-10, 0], 1 / (1 + x) for x in [0, 1].
typedef struct ik_softmax_qs16 {
    const int16_t *powers, *reciprocals;
    int64_t rows, depth;
    int32_t multiplier, shift;  ///< From a difference of inputs to units of 10 / 65535.
} ik_softmax_qs16;
void ik_scalar_softmax_qs16(const ik_step *step, uint8_t *arena);

// MARK: Arithmetic that plans need too

/// x * multiplier * 2^(shift - 31), rounded twice: half up at 2^31, half away from zero at the
/// remaining shift. - Source: MultiplyByQuantizedMultiplier of LiteRT's
/// kernels/internal/common.cc (double rounding).
int32_t ik_fixed_multiply(int32_t x, int32_t multiplier, int32_t shift);

// One fixed sequence of operations each, so that results are the same on every machine.
double ik_log(double x);
double ik_tanh(double x);
double ik_expm1(double x);
double ik_erf(double x);

/// 1 / sqrt(x) as a multiplier and a shift, in fixed point. - Source:
/// GetInvSqrtQuantizedMultiplierExp of LiteRT's kernels/internal/common.h.
void ik_fixed_inverse_square_root(int32_t x, int32_t *multiplier, int32_t *shift);
