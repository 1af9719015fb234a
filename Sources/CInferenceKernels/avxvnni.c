// AVX-VNNI: the 256-bit form of vpdpbusd, as in Alder Lake and N100. Activations are v + 128.
#if defined(__x86_64__)
#define IK_TARGET __attribute__((target("avx2,avxvnni")))
// 12 sums, 2 vectors of weights, 1 broadcast: 15 of 16 registers.
#define IK_TILE_PIXELS(vectors) 6

#include "x86_256.h"

IK_PRIMITIVE vec dot(vec sum, vec x, vec w, const int exact) {
    (void)exact;
    return _mm256_dpbusd_avx_epi32(sum, x, w);
}

IK_PRIMITIVE vec dot16(vec sum, vec a, vec b) { return _mm256_dpwssd_avx_epi32(sum, a, b); }

#include "tile.h"

const ik_kernel_set ik_avxvnni_kernels = {.name = "avxvnni", .flip = 0x80, IK_COMMON_FIELDS};
#endif
