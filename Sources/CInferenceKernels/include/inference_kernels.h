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

/// Convolution over int8 weights. A fully connected layer is one of kernel 1x1.
typedef struct ik_conv_qs8 {
    const int8_t *weights;    ///< [output channel][kernel row][kernel column][group's input channel]
    const int32_t *bias;      ///< [output channel]
    const float *multiplier;  ///< [output channel]: input scale * weight scale / output scale
    int32_t groups, kernel_height, kernel_width, stride_height, stride_width;
    int32_t dilation_height, dilation_width, pad_top, pad_left;
    int32_t clamp_low, clamp_high;
} ik_conv_qs8;

/// Depthwise convolution. Output channel = input channel * depth_multiplier + m.
typedef struct ik_depthwise_qs8 {
    const int8_t *weights;    ///< [kernel row][kernel column][output channel]
    const int32_t *bias;
    const float *multiplier;
    int32_t depth_multiplier, kernel_height, kernel_width, stride_height, stride_width;
    int32_t dilation_height, dilation_width, pad_top, pad_left;
    int32_t clamp_low, clamp_high;
} ik_depthwise_qs8;

/// Broadcasting sum. Strides are bytes, 0 along a broadcast axis.
typedef struct ik_add_qs8 {
    int32_t left_multiplier, right_multiplier, shift, clamp_low, clamp_high;
    int64_t left_strides[IK_RANK], right_strides[IK_RANK];
} ik_add_qs8;

/// Average or maximum over a window. Padding counts neither in the sum nor in the divisor.
typedef struct ik_pool {
    int32_t kernel_height, kernel_width, stride_height, stride_width, pad_top, pad_left;
    int32_t clamp_low, clamp_high;
    float float_low, float_high;
} ik_pool;

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

/// The kernels of one instruction set, and the layout they want.
typedef struct ik_kernel_set {
    const char *name;
    uint8_t flip;           ///< How tensors between steps are stored.
    uint8_t wants_borders;  ///< Padding lies around the tensor; no kernel looks for the edge.
} ik_kernel_set;

/// The kernels called `name`, or NULL when there are none or this processor cannot run them.
const ik_kernel_set *ik_kernels_named(const char *name);
