// Owns what ONNX Runtime gives out, and turns its statuses into messages in one place.
#define _GNU_SOURCE
#include "onnxruntime_shim.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void ort_status;

/// Indices into OrtApi.
enum {
    GET_ERROR_MESSAGE = 2,
    CREATE_ENV_WITH_CUSTOM_LOGGER = 4,
    CREATE_SESSION_FROM_ARRAY = 8,
    RUN = 9,
    CREATE_SESSION_OPTIONS = 10,
    SET_SESSION_EXECUTION_MODE = 13,
    SET_SESSION_GRAPH_OPTIMIZATION_LEVEL = 23,
    SET_INTRA_OP_NUM_THREADS = 24,
    SET_INTER_OP_NUM_THREADS = 25,
    SESSION_GET_INPUT_COUNT = 30,
    SESSION_GET_OUTPUT_COUNT = 31,
    SESSION_GET_INPUT_TYPE_INFO = 33,
    SESSION_GET_OUTPUT_TYPE_INFO = 34,
    SESSION_GET_INPUT_NAME = 36,
    SESSION_GET_OUTPUT_NAME = 37,
    CREATE_TENSOR_WITH_DATA = 49,
    CAST_TYPE_INFO_TO_TENSOR_INFO = 55,
    GET_TENSOR_ELEMENT_TYPE = 60,
    GET_DIMENSIONS_COUNT = 61,
    GET_DIMENSIONS = 62,
    GET_TENSOR_TYPE_AND_SHAPE = 65,
    CREATE_CPU_MEMORY_INFO = 69,
    ALLOCATOR_FREE = 76,
    GET_ALLOCATOR_WITH_DEFAULT_OPTIONS = 78,
    RELEASE_ENV = 92,
    RELEASE_STATUS = 93,
    RELEASE_MEMORY_INFO = 94,
    RELEASE_SESSION = 95,
    RELEASE_VALUE = 96,
    RELEASE_TYPE_INFO = 98,
    RELEASE_TENSOR_TYPE_AND_SHAPE_INFO = 99,
    RELEASE_SESSION_OPTIONS = 100,
    ADD_SESSION_CONFIG_ENTRY = 130,
    RUN_WITH_BINDING = 133,
    CREATE_IO_BINDING = 134,
    RELEASE_IO_BINDING = 135,
    BIND_INPUT = 136,
    BIND_OUTPUT = 137,
};

struct ox_model {
    const void *const *api;
    void *environment, *session, *memory, *allocator;
    size_t input_count, output_count;
    ox_tensor *inputs, *outputs;
};

struct ox_binding {
    ort_status *(*run)(void *session, const void *options, const void *binding);
    const void *const *api;
    void *session, *binding;
    void **values;
    size_t value_count;
};

/// The function at an index, as a type. The indices above say which function each is.
#define FUNCTION(api, index, result, ...) ((result (*)(__VA_ARGS__))(uintptr_t)(api)[index])

static void release(const void *const *api, int index, void *object) {
    if (object != NULL) FUNCTION(api, index, void, void *)(object);
}

/// True for success; else takes the status's text and releases it.
static bool succeeded(const void *const *api, ort_status *status, ox_message *message) {
    if (status == NULL) return true;
    if (message != NULL) {
        const char *text = FUNCTION(api, GET_ERROR_MESSAGE, const char *, const ort_status *)(status);
        snprintf(message->text, sizeof message->text, "%s", text);
    }
    release(api, RELEASE_STATUS, status);
    return false;
}

static bool no_memory(ox_message *message) {
    if (message != NULL) snprintf(message->text, sizeof message->text, "no memory");
    return false;
}

ox_open_result ox_open(const char *name, ox_library *library, ox_message *message) {
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *text = dlerror();
        // The loader's text begins with the name, which our own message has as well.
        const size_t length = strlen(name);
        if (text != NULL && strncmp(text, name, length) == 0 && strncmp(text + length, ": ", 2) == 0)
            text += length + 2;
        snprintf(message->text, sizeof message->text, "%s", text != NULL ? text : "it cannot be opened");
        return OX_NOT_LOADED;
    }
    typedef struct {
        const void *const *(*get_api)(uint32_t version);
        const char *(*get_version_string)(void);
    } base;
    void *symbol = dlsym(handle, "OrtGetApiBase");
    const base *found = symbol == NULL ? NULL : ((const base *(*)(void))(uintptr_t)symbol)();
    if (found == NULL) {
        dlclose(handle);
        return OX_NOT_ONNXRUNTIME;
    }
    library->version = found->get_version_string();
    // An old library writes to standard error when it is asked for what it does not have: look first.
    unsigned int major = 0, minor = 0;
    if (sscanf(library->version, "%u.%u", &major, &minor) != 2
        || (major == 1 && minor < OX_API_VERSION) || major < 1
        || (library->api = found->get_api(OX_API_VERSION)) == NULL) {
        snprintf(message->text, sizeof message->text, "%s", library->version);
        return OX_TOO_OLD;
    }
    Dl_info info;
    const char *path = dladdr(symbol, &info) != 0 && info.dli_fname != NULL ? info.dli_fname : name;
    snprintf(library->path, sizeof library->path, "%s", path);
    return OX_OPENED;
}

// MARK: - The model

/// Takes ONNX Runtime's log: errors come back as statuses, and the rest is nobody's here.
static void ignore_log(
    void *context, int severity, const char *category, const char *identifier, const char *location,
    const char *text) {
    (void)context, (void)severity, (void)category, (void)identifier, (void)location, (void)text;
}

/// Name, type and shape of an input or output.
static bool describe(
    ox_model *model, bool is_input, size_t index, ox_tensor *tensor, ox_message *message) {
    const void *const *api = model->api;
    char *name = NULL;
    if (!succeeded(api, FUNCTION(api, is_input ? SESSION_GET_INPUT_NAME : SESSION_GET_OUTPUT_NAME,
            ort_status *, const void *, size_t, void *, char **)(
            model->session, index, model->allocator, &name), message)) return false;
    tensor->name = name;
    void *type = NULL;
    if (!succeeded(api, FUNCTION(api,
            is_input ? SESSION_GET_INPUT_TYPE_INFO : SESSION_GET_OUTPUT_TYPE_INFO,
            ort_status *, const void *, size_t, void **)(model->session, index, &type), message))
        return false;
    const void *info = NULL;  // part of `type`
    int element_type = 0;
    size_t rank = 0;
    bool done = succeeded(api, FUNCTION(api, CAST_TYPE_INFO_TO_TENSOR_INFO, ort_status *, const void *,
        const void **)(type, &info), message);
    if (done && info != NULL) {
        done = succeeded(api, FUNCTION(api, GET_TENSOR_ELEMENT_TYPE, ort_status *, const void *, int *)(
                info, &element_type), message)
            && succeeded(api, FUNCTION(api, GET_DIMENSIONS_COUNT, ort_status *, const void *, size_t *)(
                info, &rank), message);
        if (done && rank <= OX_MAXIMUM_RANK) {
            done = succeeded(api, FUNCTION(api, GET_DIMENSIONS, ort_status *, const void *, int64_t *,
                size_t)(info, tensor->shape, rank), message);
            tensor->element_type = element_type;
            tensor->rank = rank;
        }
    }
    release(api, RELEASE_TYPE_INFO, type);
    return done;
}

static bool describe_all(ox_model *model, ox_message *message) {
    const void *const *api = model->api;
    typedef ort_status *(*counter)(const void *, size_t *);
    if (!succeeded(api, ((counter)(uintptr_t)api[SESSION_GET_INPUT_COUNT])(
            model->session, &model->input_count), message)
        || !succeeded(api, ((counter)(uintptr_t)api[SESSION_GET_OUTPUT_COUNT])(
            model->session, &model->output_count), message)) return false;
    model->inputs = calloc(model->input_count + 1, sizeof *model->inputs);
    model->outputs = calloc(model->output_count + 1, sizeof *model->outputs);
    if (model->inputs == NULL || model->outputs == NULL) return no_memory(message);
    for (size_t i = 0; i < model->input_count; ++i)
        if (!describe(model, true, i, &model->inputs[i], message)) return false;
    for (size_t i = 0; i < model->output_count; ++i)
        if (!describe(model, false, i, &model->outputs[i], message)) return false;
    return true;
}

static bool configure(const void *const *api, void *options, ox_message *message) {
    typedef ort_status *(*setter)(void *, int);
    const struct { int index, value; } settings[] = {
        {SET_SESSION_EXECUTION_MODE, 0},  // sequential
        {SET_INTRA_OP_NUM_THREADS, 1},
        {SET_INTER_OP_NUM_THREADS, 1},
        {SET_SESSION_GRAPH_OPTIMIZATION_LEVEL, 99},  // all
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; ++i)
        if (!succeeded(api, ((setter)(uintptr_t)api[settings[i].index])(options, settings[i].value),
                message)) return false;
    const char *const entries[][2] = {
        {"session.intra_op.allow_spinning", "0"}, {"session.inter_op.allow_spinning", "0"}};
    for (size_t i = 0; i < sizeof entries / sizeof *entries; ++i)
        if (!succeeded(api, FUNCTION(api, ADD_SESSION_CONFIG_ENTRY, ort_status *, void *, const char *,
                const char *)(options, entries[i][0], entries[i][1]), message)) return false;
    return true;
}

static bool start(ox_model *model, const void *bytes, size_t count, ox_message *message) {
    const void *const *api = model->api;
    const int fatal_only = 4;
    if (!succeeded(api, FUNCTION(api, CREATE_ENV_WITH_CUSTOM_LOGGER, ort_status *, void (*)(
            void *, int, const char *, const char *, const char *, const char *), void *, int,
            const char *, void **)(ignore_log, NULL, fatal_only, "edge-agent", &model->environment),
            message)
        || !succeeded(api, FUNCTION(api, CREATE_CPU_MEMORY_INFO, ort_status *, int, int, void **)(
            1, 0, &model->memory), message)
        || !succeeded(api, FUNCTION(api, GET_ALLOCATOR_WITH_DEFAULT_OPTIONS, ort_status *, void **)(
            &model->allocator), message)) return false;
    void *options = NULL;
    if (!succeeded(api, FUNCTION(api, CREATE_SESSION_OPTIONS, ort_status *, void **)(&options), message))
        return false;
    const bool done = configure(api, options, message)
        && succeeded(api, FUNCTION(api, CREATE_SESSION_FROM_ARRAY, ort_status *, const void *,
            const void *, size_t, const void *, void **)(
            model->environment, bytes, count, options, &model->session), message);
    release(api, RELEASE_SESSION_OPTIONS, options);
    return done && describe_all(model, message);
}

ox_model *ox_model_make(
    const ox_library *library, const void *bytes, size_t count, ox_message *message) {
    ox_model *model = calloc(1, sizeof *model);
    if (model == NULL) {
        no_memory(message);
        return NULL;
    }
    model->api = library->api;
    if (start(model, bytes, count, message)) return model;
    ox_model_free(model);
    return NULL;
}

static void free_names(ox_model *model, ox_tensor *tensors, size_t count) {
    for (size_t i = 0; tensors != NULL && i < count; ++i) {
        if (tensors[i].name == NULL) continue;
        ort_status *status = FUNCTION(model->api, ALLOCATOR_FREE, ort_status *, void *, void *)(
            model->allocator, (void *)(uintptr_t)tensors[i].name);
        succeeded(model->api, status, NULL);
    }
    free(tensors);
}

void ox_model_free(ox_model *model) {
    free_names(model, model->inputs, model->input_count);
    free_names(model, model->outputs, model->output_count);
    release(model->api, RELEASE_SESSION, model->session);
    release(model->api, RELEASE_MEMORY_INFO, model->memory);
    release(model->api, RELEASE_ENV, model->environment);
    free(model);
}

size_t ox_input_count(const ox_model *model) { return model->input_count; }
size_t ox_output_count(const ox_model *model) { return model->output_count; }
const ox_tensor *ox_input(const ox_model *model, size_t index) { return &model->inputs[index]; }
const ox_tensor *ox_output(const ox_model *model, size_t index) { return &model->outputs[index]; }

// MARK: - Runs

static void free_values(const void *const *api, void **values, size_t count) {
    for (size_t i = 0; values != NULL && i < count; ++i) release(api, RELEASE_VALUE, values[i]);
    free(values);
}

/// A tensor of ONNX Runtime's over memory of the caller's.
static bool wrap(
    const ox_model *model, const ox_buffer *buffer, int32_t element_type, void **value,
    ox_message *message) {
    return succeeded(model->api, FUNCTION(model->api, CREATE_TENSOR_WITH_DATA, ort_status *, const void *,
        void *, size_t, const int64_t *, size_t, int, void **)(
        model->memory, buffer->bytes, buffer->byte_count, buffer->shape, buffer->rank, element_type,
        value), message);
}

/// Shape of what a run has given.
static bool shape_of(
    const ox_model *model, const void *value, int64_t *shape, size_t *rank, ox_message *message) {
    const void *const *api = model->api;
    void *info = NULL;
    if (!succeeded(api, FUNCTION(api, GET_TENSOR_TYPE_AND_SHAPE, ort_status *, const void *, void **)(
            value, &info), message)) return false;
    bool done = succeeded(api, FUNCTION(api, GET_DIMENSIONS_COUNT, ort_status *, const void *, size_t *)(
        info, rank), message);
    if (done && *rank > OX_MAXIMUM_RANK) {
        snprintf(message->text, sizeof message->text, "an output has %zu dimensions", *rank);
        done = false;
    }
    done = done && succeeded(api, FUNCTION(api, GET_DIMENSIONS, ort_status *, const void *, int64_t *,
        size_t)(info, shape, *rank), message);
    release(api, RELEASE_TENSOR_TYPE_AND_SHAPE_INFO, info);
    return done;
}

bool ox_find_shapes(
    const ox_model *model, const ox_buffer *inputs, size_t input_count, const size_t *output_indices,
    size_t output_count, int64_t *shapes, size_t *ranks, ox_message *message) {
    const void *const *api = model->api;
    const size_t count = input_count + output_count;
    void **values = calloc(count + 1, sizeof *values);
    const char **names = calloc(count + 1, sizeof *names);
    bool done = values != NULL && names != NULL;
    if (!done) no_memory(message);
    for (size_t i = 0; done && i < input_count; ++i) {
        const ox_tensor *tensor = &model->inputs[inputs[i].index];
        names[i] = tensor->name;
        done = wrap(model, &inputs[i], tensor->element_type, &values[i], message);
    }
    for (size_t i = 0; done && i < output_count; ++i)
        names[input_count + i] = model->outputs[output_indices[i]].name;
    done = done && succeeded(api, FUNCTION(api, RUN, ort_status *, void *, const void *,
        const char *const *, const void *const *, size_t, const char *const *, size_t, void **)(
        model->session, NULL, names, (const void *const *)values, input_count, names + input_count,
        output_count, values + input_count), message);
    for (size_t i = 0; done && i < output_count; ++i)
        done = shape_of(model, values[input_count + i], shapes + i * OX_MAXIMUM_RANK, &ranks[i], message);
    free_values(api, values, count);
    free(names);
    return done;
}

static bool bind_all(
    ox_binding *binding, const ox_model *model, const ox_buffer *buffers, size_t count, bool is_input,
    ox_message *message) {
    for (size_t i = 0; i < count; ++i) {
        const ox_tensor *tensor =
            is_input ? &model->inputs[buffers[i].index] : &model->outputs[buffers[i].index];
        void **value = &binding->values[binding->value_count++];
        if (!wrap(model, &buffers[i], tensor->element_type, value, message)
            || !succeeded(model->api, FUNCTION(model->api, is_input ? BIND_INPUT : BIND_OUTPUT,
                ort_status *, void *, const char *, const void *)(
                binding->binding, tensor->name, *value), message)) return false;
    }
    return true;
}

ox_binding *ox_bind(
    const ox_model *model, const ox_buffer *inputs, size_t input_count, const ox_buffer *outputs,
    size_t output_count, ox_message *message) {
    const void *const *api = model->api;
    ox_binding *binding = calloc(1, sizeof *binding);
    void **values = calloc(input_count + output_count + 1, sizeof *values);
    if (binding == NULL || values == NULL) {
        free(binding);
        free(values);
        no_memory(message);
        return NULL;
    }
    binding->api = api;
    binding->session = model->session;
    binding->values = values;
    binding->run = FUNCTION(api, RUN_WITH_BINDING, ort_status *, void *, const void *, const void *);
    if (succeeded(api, FUNCTION(api, CREATE_IO_BINDING, ort_status *, void *, void **)(
            model->session, &binding->binding), message)
        && bind_all(binding, model, inputs, input_count, true, message)
        && bind_all(binding, model, outputs, output_count, false, message)) return binding;
    ox_binding_free(binding);
    return NULL;
}

void ox_binding_free(ox_binding *binding) {
    release(binding->api, RELEASE_IO_BINDING, binding->binding);
    free_values(binding->api, binding->values, binding->value_count);
    free(binding);
}

bool ox_run(ox_binding *binding, ox_message *message) {
    return succeeded(binding->api, binding->run(binding->session, NULL, binding->binding), message);
}
