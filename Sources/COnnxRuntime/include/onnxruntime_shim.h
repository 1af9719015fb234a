// ONNX Runtime, opened at run time: nothing links to it, and a box without it lacks nothing.
//
// Declarations of our own. ONNX Runtime's C interface is a table of functions that only ever grows,
// so an index means the same function in every version that has it.
// - Source: OrtApi of onnxruntime_c_api.h, API version 14 (ONNX Runtime 1.14); the same indices were
//   checked in 1.20, 1.21 and 1.31.
#ifndef ONNXRUNTIME_SHIM_H
#define ONNXRUNTIME_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The oldest table that is used here, and the first version of ONNX Runtime that has it.
#define OX_API_VERSION 14
#define OX_OLDEST_VERSION "1.14"
/// More dimensions than any tensor that a sensor's model has.
#define OX_MAXIMUM_RANK 16

typedef enum {
    OX_OPENED,
    /// The dynamic loader refuses; the message is its own.
    OX_NOT_LOADED,
    /// It is a library, but not ONNX Runtime.
    OX_NOT_ONNXRUNTIME,
    /// It is older than OX_OLDEST_VERSION; the message is its version.
    OX_TOO_OLD,
} ox_open_result;

/// Room for an error's text; what is longer is cut.
typedef struct {
    char text[512];
} ox_message;

/// An opened library. It stays in the process for ever: ONNX Runtime does not unload cleanly.
typedef struct {
    const void *const *api;
    /// As the library says it: "1.22.0".
    const char *version;
    /// The file that was opened.
    char path[1024];
} ox_library;

/// Opens a library by name or path.
ox_open_result ox_open(const char *name, ox_library *library, ox_message *message);

/// A model that ONNX Runtime has taken. Any number of bindings on any threads share it.
typedef struct ox_model ox_model;

/// Prepares the model whose file consists of these bytes, which need not live on: one thread, in
/// order, nothing that spins, no log.
/// Returns NULL with a message when ONNX Runtime refuses it.
ox_model *ox_model_make(const ox_library *library, const void *bytes, size_t count, ox_message *message);
void ox_model_free(ox_model *model);

/// An input or output as the model declares it.
typedef struct {
    /// Lives as long as the model.
    const char *name;
    /// ONNX's number of the type (TensorProto.DataType's order of ONNXTensorElementDataType); 0 for
    /// what is no tensor.
    int32_t element_type;
    size_t rank;
    /// -1 for one that is only known at run time.
    int64_t shape[OX_MAXIMUM_RANK];
} ox_tensor;

size_t ox_input_count(const ox_model *model);
size_t ox_output_count(const ox_model *model);
const ox_tensor *ox_input(const ox_model *model, size_t index);
const ox_tensor *ox_output(const ox_model *model, size_t index);

/// A tensor in memory of the caller's, of a known shape.
typedef struct {
    /// Which input or output of the model.
    size_t index;
    void *bytes;
    size_t byte_count;
    const int64_t *shape;
    size_t rank;
} ox_buffer;

/// Runs the model once on these inputs and finds the shapes of its outputs: those of `output_indices`
/// go to `ranks` and, OX_MAXIMUM_RANK elements each, to `shapes`.
/// Returns false with a message when ONNX Runtime refuses.
bool ox_find_shapes(
    const ox_model *model, const ox_buffer *inputs, size_t input_count, const size_t *output_indices,
    size_t output_count, int64_t *shapes, size_t *ranks, ox_message *message);

/// A model tied to the memory of one user: run reads and writes there, and copies nothing else.
typedef struct ox_binding ox_binding;

/// The buffers' memory must outlive the binding, their shapes need not.
/// Returns NULL with a message when ONNX Runtime refuses.
ox_binding *ox_bind(
    const ox_model *model, const ox_buffer *inputs, size_t input_count, const ox_buffer *outputs,
    size_t output_count, ox_message *message);
void ox_binding_free(ox_binding *binding);

/// Runs the model once. Returns false when ONNX Runtime cannot, and then writes its message if
/// `message` is not NULL.
bool ox_run(ox_binding *binding, ox_message *message);

#endif
