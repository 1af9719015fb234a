// Which kernels this processor can run. Asked once, when a model is loaded.
#include "inference_kernels.h"

#include <string.h>

#if defined(__aarch64__)
#include <sys/auxv.h>

extern const ik_kernel_set ik_neon_kernels, ik_neon_dotprod_kernels;

/// Bit 20 of the first word of hardware capabilities (HWCAP_ASIMDDP of Linux's asm/hwcap.h).
static int has_dot_product(void) { return getauxval(AT_HWCAP) >> 20 & 1; }
#endif

static const ik_kernel_set scalar_kernels = {
    .name = "scalar",
    .copy = ik_scalar_copy,
    .average_pool = ik_scalar_average_pool_qs8,
    .max_pool = ik_scalar_max_pool_qs8,
};

#if defined(__x86_64__)
#include <cpuid.h>

extern const ik_kernel_set ik_avx2_kernels, ik_avxvnni_kernels, ik_avx512vnni_kernels;

/// Whether the operating system saves the wide registers that __builtin_cpu_supports promises is
/// part of that promise; AVX-VNNI is asked for by hand, older compilers do not know its name.
static int has_avxvnni(void) {
    unsigned int a, b, c, d;
    if (!__builtin_cpu_supports("avx2")) return 0;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

static int has_avx512vnni(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("bmi2");
}
#endif

const ik_kernel_set *ik_kernels_named(const char *name) {
    if (strcmp(name, "scalar") == 0) return &scalar_kernels;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (strcmp(name, "avx2") == 0 && __builtin_cpu_supports("avx2")) return &ik_avx2_kernels;
    if (strcmp(name, "avxvnni") == 0 && has_avxvnni()) return &ik_avxvnni_kernels;
    if (strcmp(name, "avx512vnni") == 0 && has_avx512vnni()) return &ik_avx512vnni_kernels;
#endif
#if defined(__aarch64__)
    if (strcmp(name, "neon") == 0) return &ik_neon_kernels;
    if (strcmp(name, "neon-dotprod") == 0 && has_dot_product()) return &ik_neon_dotprod_kernels;
#endif
    return NULL;
}
