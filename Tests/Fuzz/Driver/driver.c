// What libFuzzer calls; the targets are Swift (../Targets). FUZZ_TARGET says which one this run is for.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int fuzz_select(const char *name);
int fuzz_one(const uint8_t *bytes, size_t count);

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    const char *name = getenv("FUZZ_TARGET");
    if (!fuzz_select(name ? name : "")) exit(2);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) { return fuzz_one(bytes, count); }
