// AVX-VNNI: the 256-bit form of vpdpbusd, as in Alder Lake and N100. Activations are v + 128.
#if defined(__x86_64__)
#define IK_TARGET __attribute__((target("avx2,avxvnni")))
#define IK_UNSIGNED 1
// 12 sums, 2 vectors of weights, 1 broadcast: 15 of 16 registers.
#define IK_TILE_PIXELS(vectors) 6

#include "x86_256.h"

typedef uint8_t native;

IK_PRIMITIVE vec dot(vec sum, vec x, vec w, const int exact) {
    (void)exact;
    return _mm256_dpbusd_avx_epi32(sum, x, w);
}

#include "tile.h"

#include "portable.h"

const ik_kernel_set ik_avxvnni_kernels = {
    .name = "avxvnni",
    .flip = 0x80,
    .wants_borders = 1,
    .vector_bytes = 32,
    .gemv_block = IK_GEMV_BLOCK,
    .largest_block = 16,
    .tile = {conv, gemv, depthwise, add},
    .tile_exact = {conv, gemv, depthwise, add},
    .copy = copy,
    .average_pool = average_pool,
    .max_pool = max_pool,
};
#endif
