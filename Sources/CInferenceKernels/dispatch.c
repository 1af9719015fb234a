// Which kernels this processor can run. Asked once, when a model is loaded.
#include "inference_kernels.h"

#include <string.h>

static const ik_kernel_set scalar_kernels = {.name = "scalar", .flip = 0, .wants_borders = 0};

const ik_kernel_set *ik_kernels_named(const char *name) {
    if (strcmp(name, scalar_kernels.name) == 0) return &scalar_kernels;
    return NULL;
}
