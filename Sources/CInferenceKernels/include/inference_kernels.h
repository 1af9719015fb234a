#pragma once
// The numeric kernels of the inference runtime.
//
// A plan is an array of steps over one arena. A step names a function and carries everything
// the function needs: where its tensors lie in the arena, and pointers to constants that the
// plan owns. Running a plan is a loop of indirect calls: no allocation, no system call, no failure.
// Every size, stride and index was proven in range when the plan was made; kernels do not check.
//
// 8-bit activations are signed values v in [-128, 127] with a zero point, stored as the byte
// v ^ flip. flip is 0 (two's complement) or 0x80 (the byte is v + 128): unsigned model tensors and
// kernels that need an unsigned operand are the same numbers in another storage.
//
// The functions of scalar.c define the result. Those of every other file equal them bit by bit.

#include <stddef.h>
#include <stdint.h>

// A product and a sum that a compiler fuses round once, and give another answer on Arm. Holds for all that
// includes this header.
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/// Bytes that a kernel may read past the last byte of a tensor. The arena ends with this slack.
#define IK_SLACK_BYTES 256

/// Rank of the broadcasting elementwise kernels.
#define IK_RANK 4

/// A tensor [batch, height, width, channel] in the arena. Pixels of a row are contiguous; rows and
/// batches lie at strides, so that a tensor may be the interior of a larger one with borders.
typedef struct ik_tensor {
    int64_t offset;        ///< Bytes from the arena's start to element (0, 0, 0, 0).
    int64_t batch_stride;  ///< Bytes.
    int64_t row_stride;    ///< Bytes.
    int32_t batches, height, width, channels;
    int32_t zero_point;    ///< In the signed domain, [-128, 127].
    uint8_t flip;          ///< 0 or 0x80.
} ik_tensor;

/// How a window moves over its input; before the input lies the padding.
typedef struct ik_window {
    int32_t kernel_height, kernel_width, stride_height, stride_width;
    int32_t dilation_height, dilation_width, pad_top, pad_left;
} ik_window;

/// Convolution over int8 weights. A fully connected layer is one of kernel 1x1.
typedef struct ik_conv_qs8 {
    const int8_t *weights;    ///< [output channel][kernel row][kernel column][group's input channel]
    const int32_t *bias;      ///< [output channel]
    const float *multiplier;  ///< [output channel]: input scale * weight scale / output scale
    int32_t groups;
    ik_window window;
    int32_t clamp_low, clamp_high;
} ik_conv_qs8;

/// Depthwise convolution. Output channel = input channel * depth_multiplier + m.
typedef struct ik_depthwise_qs8 {
    const int8_t *weights;    ///< [kernel row][kernel column][output channel]
    const int32_t *bias;
    const float *multiplier;
    int32_t depth_multiplier;
    ik_window window;
    int32_t clamp_low, clamp_high;
} ik_depthwise_qs8;

/// Broadcasting sum. Strides are bytes, 0 along a broadcast axis.
typedef struct ik_add_qs8 {
    int32_t left_multiplier, right_multiplier, shift, clamp_low, clamp_high;
    int64_t left_strides[IK_RANK], right_strides[IK_RANK];
} ik_add_qs8;

/// Average or maximum over a window. Padding counts neither in the sum nor in the divisor.
typedef struct ik_pool {
    ik_window window;  ///< Not dilated.
    int32_t clamp_low, clamp_high;
    float float_low, float_high;
} ik_pool;

/// Convolution in float32. A fully connected layer is one of kernel 1x1.
typedef struct ik_conv_f32 {
    const float *weights;  ///< [group][kernel row][kernel column][input channel][output channel]
    const float *bias;     ///< [output channel]
    int32_t groups;
    ik_window window;
    float low, high;
} ik_conv_f32;

/// Depthwise convolution in float32.
typedef struct ik_depthwise_f32 {
    const float *weights;  ///< [kernel row][kernel column][output channel]
    const float *bias;
    int32_t depth_multiplier;
    ik_window window;
    float low, high;
} ik_depthwise_f32;

/// Broadcasting sum in float32. Strides as in ik_add_qs8.
typedef struct ik_add_f32 {
    float low, high;
    int64_t left_strides[IK_RANK], right_strides[IK_RANK];
} ik_add_f32;

/// Softmax along the channels of each pixel.
typedef struct ik_softmax {
    const float *exponentials;   ///< [256]: exp(-beta * input scale * k)
    float inverse_output_scale;
    float beta;
} ik_softmax;

/// Change of scale: float32 to 8 bits and back, or 8 bits to 8 bits.
typedef struct ik_scale {
    float scale;         ///< To or from float32.
    int32_t multiplier;  ///< 8 bits to 8 bits: input scale / output scale in 1/256.
} ik_scale;

/// How an accumulator becomes a byte, in the unsigned domain (v + 128).
typedef struct ik_requantization {
    float high;          ///< Upper bound - zero point. Before rounding, in the exact kernels.
    int32_t zero_point;  ///< [0, 255]
    int32_t low_byte, high_byte;  ///< Bounds, [0, 255]. After rounding.
    uint8_t flip;        ///< From v + 128 to the output's storage.
} ik_requantization;

/// Convolution for the vector kernels. Weights are packed [block][segment][4-byte group][channel of
/// the block][4]: what one pass over a window reads lies in the order in which it is read. A segment
/// is a run of input bytes that is contiguous for every pixel: a kernel row, or a tap.
///
/// Within a block, channels are in the order of ik_channel_slot, and so are bias and multiplier.
typedef struct ik_tile_conv {
    const int8_t *weights;
    const int32_t *bias;          ///< [channels rounded up to 16], input zero point folded in.
    const float *multiplier;      ///< [channels rounded up to 16]
    const int32_t *pixel_input;   ///< [pixels]: bytes from the input's origin to the window's.
    const int32_t *pixel_output;  ///< [pixels]: bytes from the output's origin.
    const int32_t *segments;      ///< [segment_count]: bytes from the window's origin.
    int32_t pixels, segment_count, segment_groups, channels, block;
    int32_t row_pixels;   ///< Output pixels of a row; conv_strip only.
    int32_t pixel_bytes;  ///< Bytes from one input pixel to the next; conv_strip only.
    ik_requantization requantization;
} ik_tile_conv;

/// A stretch of output bytes that one vector computes.
typedef struct ik_depthwise_block {
    int32_t input, output;  ///< Bytes from the origins.
    int32_t weights;        ///< Which vector of weights.
    int32_t lanes;          ///< Bytes to write.
} ik_depthwise_block;

/// Depthwise convolution for the vector kernels. Four taps are interleaved to 4-byte groups, so
/// weights are [vector][group of taps][slot][4 taps]; bias and multiplier are [vector][slot], slots
/// as in ik_channel_slot.
typedef struct ik_tile_depthwise {
    const int8_t *weights;
    const int32_t *bias;
    const float *multiplier;
    const int32_t *taps;              ///< [4 * groups]: bytes from the block's input.
    const ik_depthwise_block *blocks;
    int32_t block_count, groups;
    int32_t parts;       ///< Pixels that a vector is put together from: 1 (as they lie), 2 or 4.
    int32_t part_bytes;  ///< Bytes between these pixels in the input.
    ik_requantization requantization;
} ik_tile_depthwise;

/// Sum of two tensors of one shape for the vector kernels, on values v + 128.
typedef struct ik_tile_add {
    /// Left in the low, right in the high 16 bits: multiplier / 256, and the rest of that.
    int32_t high_multipliers, low_multipliers;
    int32_t shift;
    int32_t bias;  ///< 2^(shift - 1) less both zero points times their multipliers.
    uint8_t left_flip, right_flip;  ///< From the inputs' storage to v + 128.
    ik_requantization requantization;
} ik_tile_add;

typedef struct ik_step ik_step;

/// Runs one step. `arena` is 64-byte aligned and as large as the plan says.
typedef void (*ik_run_function)(const ik_step *step, uint8_t *arena);

struct ik_step {
    ik_run_function run;
    ik_tensor input, second, output;
    union {
        ik_conv_qs8 conv;
        ik_depthwise_qs8 depthwise;
        ik_add_qs8 add;
        ik_pool pool;
        ik_softmax softmax;
        ik_scale scale;
        ik_conv_f32 conv_f32;
        ik_depthwise_f32 depthwise_f32;
        ik_add_f32 add_f32;
        ik_tile_conv tile_conv;
        ik_tile_depthwise tile_depthwise;
        ik_tile_add tile_add;
        int64_t element_bytes;
        const void *parameters;  ///< Of the kernels in operator_kernels.h.
    } u;
};

/// Runs `count` steps in order.
void ik_run(const ik_step *steps, size_t count, uint8_t *arena);

/// As ik_run, and adds each step's time to `nanoseconds`, an array of `count`. For measurement only.
void ik_run_timed(const ik_step *steps, size_t count, uint8_t *arena, uint64_t *nanoseconds);

// The scalar kernels. Each is described at its definition.
void ik_scalar_copy(const ik_step *step, uint8_t *arena);
void ik_scalar_conv_qs8(const ik_step *step, uint8_t *arena);
void ik_scalar_depthwise_qs8(const ik_step *step, uint8_t *arena);
void ik_scalar_add_qs8(const ik_step *step, uint8_t *arena);
void ik_scalar_average_pool_qs8(const ik_step *step, uint8_t *arena);
void ik_scalar_max_pool_qs8(const ik_step *step, uint8_t *arena);
void ik_scalar_softmax_qs8(const ik_step *step, uint8_t *arena);
void ik_scalar_quantize(const ik_step *step, uint8_t *arena);
void ik_scalar_dequantize(const ik_step *step, uint8_t *arena);
void ik_scalar_requantize(const ik_step *step, uint8_t *arena);

// The float32 kernels. Sums run in the order of the weights and are never contracted to fused
// multiply-adds, so that they too are the same on every machine.
void ik_conv_f32_run(const ik_step *step, uint8_t *arena);
void ik_depthwise_f32_run(const ik_step *step, uint8_t *arena);
void ik_add_f32_run(const ik_step *step, uint8_t *arena);
void ik_average_pool_f32(const ik_step *step, uint8_t *arena);
void ik_max_pool_f32(const ik_step *step, uint8_t *arena);
void ik_softmax_f32(const ik_step *step, uint8_t *arena);

/// e^x for x <= 0 in double precision by one fixed sequence of operations, so that tables made from
/// it are the same on every machine. Relative error below 1e-15; 0 below -700.
double ik_exp(double x);

/// Quantizes `count` floats as ik_scalar_quantize does: clamp(rne(x * inverse_scale) + zero_point).
/// NaN becomes the zero point.
void ik_quantize_values(const float *values, uint8_t *quantized, size_t count,
    float inverse_scale, int32_t zero_point, uint8_t flip);

/// Dequantizes `count` bytes: (q - zero_point) * scale.
void ik_dequantize_values(const uint8_t *quantized, float *values, size_t count,
    float scale, int32_t zero_point, uint8_t flip);

/// Vector kernels over packed weights.
typedef struct ik_tile_functions {
    ik_run_function conv;       ///< Any number of pixels.
    ik_run_function gemv;       ///< One pixel, one segment; weights packed by ik_pack_gemv.
    ik_run_function depthwise;
    ik_run_function add;
    /// Kernels 3 wide that move by 1, over a multiple of 4 channels; weights packed with 3 taps.
    /// NULL where it would not pay.
    ik_run_function conv_strip;
} ik_tile_functions;

/// The kernels of one instruction set, and the layout they want.
typedef struct ik_kernel_set {
    const char *name;
    uint8_t flip;           ///< How tensors between steps are stored.
    uint8_t wants_borders;  ///< Padding lies around the tensor; no kernel looks for the edge.
    int32_t vector_bytes;   ///< Bytes that a depthwise block computes; 0: no vector kernels.
    int32_t gemv_block;     ///< Channels that a GEMV accumulates at once; the rest by 16.
    int32_t largest_block;  ///< Most channels of a convolution's block: 16, 32 or 64.
    int32_t most_parts;     ///< Most pixels that a depthwise vector can be put together from.
    ik_tile_functions tile;        ///< Weights in [-127, 127], multipliers below 1.
    ik_tile_functions tile_exact;  ///< Any weights and multipliers.
    ik_run_function copy, average_pool, max_pool;
} ik_kernel_set;

/// The kernels called `name`, or NULL when there are none or this processor cannot run them.
const ik_kernel_set *ik_kernels_named(const char *name);

// Packing, done once when a model is loaded. `weights` are [channel][segment][segment byte].

/// Where a channel lies among those that are narrowed to bytes together. Narrowing 32 to 16 to 8
/// bits works within 16-byte lanes and so interleaves its operands; channels are laid out so that
/// they come out in order. `unit` channels in vectors of `lanes`; both powers of 2.
int32_t ik_channel_slot(int32_t channel, int32_t unit, int32_t lanes);

/// A convolution's or GEMV's constants, to be packed.
typedef struct ik_packing {
    const int8_t *weights;
    const int32_t *bias;
    const float *multiplier;
    int32_t channels, segments, segment_bytes;
    int32_t block;         ///< Channels of a block. A GEMV's last channels are in blocks of 16.
    int32_t taps;          ///< Kernel columns that lie together for each 4-byte group; else 1.
    int32_t vector_bytes;  ///< Of the kernel set.
    int32_t zero_point;    ///< As the input is stored.
} ik_packing;

/// Fills zeroed memory: weights of ceil(channels / block) * block * segments * groups * 4 bytes,
/// bias and multiplier of as many channels.
void ik_pack_conv(const ik_packing *p, int8_t *weights, int32_t *bias, float *multiplier);

/// Output pixels of a row that conv_strip needs at least, for a block.
int32_t ik_least_strip(int32_t block);

/// As ik_pack_conv for one segment, with channels rounded up to 16.
void ik_pack_gemv(const ik_packing *p, int8_t *weights, int32_t *bias, float *multiplier);

/// Packs depthwise weights [tap][channel]. `lane_channels` says which channel each of the `vectors`
/// * `vector_bytes` lanes computes, -1 for none. Outputs are zeroed memory of the layouts above.
void ik_pack_depthwise(const ik_packing *p, const int32_t *lane_channels, int32_t vectors,
    int8_t *weights, int32_t *bias, float *multiplier);
