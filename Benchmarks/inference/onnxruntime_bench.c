// Measures one model in ONNX Runtime through its C function table (indices of API 14, which never
// change): onnxruntime-bench LIBRARY MODEL INPUT OUTPUT WARM-UP ITERATIONS INPUT-NAME OUTPUT-NAME
// OUTPUT-BYTES DIMENSION... Input and output are uint8 tensors bound once.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef void *(*status_function)();
static void **api;

static void check(void *status, const char *what) {
    if (status == NULL) return;
    const char *(*message)(void *) = (const char *(*)(void *))api[2];
    fprintf(stderr, "%s: %s\n", what, message(status));
    exit(1);
}

#define CALL(index, ...) check(((status_function)api[index])(__VA_ARGS__), #index)

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int compare(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int main(int count, char **arguments) {
    if (count < 11) return 64;
    void *library = dlopen(arguments[1], RTLD_NOW);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    typedef struct { void **(*get)(uint32_t); const char *(*version)(void); } base;
    const base *(*get_base)(void) = (const base *(*)(void))dlsym(library, "OrtGetApiBase");
    api = get_base()->get(14);

    int64_t shape[8], size = 1;
    const size_t rank = (size_t)count - 10;
    for (size_t i = 0; i < rank && i < 8; ++i) size *= shape[i] = atoll(arguments[10 + i]);
    uint8_t *input = aligned_alloc(64, ((size_t)size + 63) / 64 * 64);
    const int64_t output_size = atoll(arguments[9]);
    uint8_t *output = aligned_alloc(64, ((size_t)output_size + 63) / 64 * 64);
    FILE *file = fopen(arguments[3], "rb");
    if (file == NULL || fread(input, 1, (size_t)size, file) != (size_t)size) return 66;
    fclose(file);

    void *environment, *options, *session, *memory, *x, *y, *binding, *run_options;
    CALL(3, 3, "bench", &environment);  // errors only
    CALL(10, &options);
    CALL(24, options, 1);  // one thread
    CALL(23, options, 99);  // all graph optimizations
    CALL(7, environment, arguments[2], options, &session);
    CALL(69, 1, 0, &memory);
    const int64_t out_shape[2] = {1, output_size};
    CALL(49, memory, input, (size_t)size, shape, rank, 2, &x);
    CALL(49, memory, output, (size_t)output_size, out_shape, (size_t)2, 2, &y);
    CALL(134, session, &binding);
    CALL(136, binding, arguments[7], x);
    CALL(137, binding, arguments[8], y);
    CALL(39, &run_options);

    const int warm_up = atoi(arguments[5]), rounds = atoi(arguments[6]);
    for (int i = 0; i < warm_up; ++i) CALL(133, session, run_options, binding);
    uint64_t *times = calloc((size_t)rounds, sizeof *times);
    for (int i = 0; i < rounds; ++i) {
        const uint64_t start = now();
        CALL(133, session, run_options, binding);
        times[i] = now() - start;
    }
    qsort(times, (size_t)rounds, sizeof *times, compare);
    file = fopen(arguments[4], "wb");
    if (file == NULL || fwrite(output, 1, (size_t)output_size, file) != (size_t)output_size) return 73;
    fclose(file);
    printf("{\"min\": %.3f, \"p50\": %.3f, \"p99\": %.3f}\n", (double)times[0] / 1e3,
        (double)times[rounds / 2] / 1e3, (double)times[rounds / 100 * 99] / 1e3);
    return 0;
}
