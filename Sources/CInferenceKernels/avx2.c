// AVX2 has only vpmaddubsw, unsigned by signed bytes into saturating 16 bits. With |x| and w * sign(x)
// as operands two products are at most 2 * 128 * 127, which fits, unless a weight is -128, whose
// negation does not exist in 8 bits. Layers with such a weight widen both operands instead.
// Activations are signed.
#if defined(__x86_64__)
#define IK_TARGET __attribute__((target("avx2")))
// 8 sums; a dot product needs five more registers here.
#define IK_TILE_PIXELS(vectors) 4

#include "x86_256.h"

IK_PRIMITIVE vec dot(vec sum, vec x, vec w, const int exact) {
    if (exact) {
        // Even and odd bytes as 16-bit numbers.
        const vec even = _mm256_madd_epi16(_mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8),
            _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
        const vec odd = _mm256_madd_epi16(_mm256_srai_epi16(x, 8), _mm256_srai_epi16(w, 8));
        return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
    }
    const vec pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(w, x));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

IK_PRIMITIVE vec dot16(vec sum, vec a, vec b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

#include "tile.h"

const ik_kernel_set ik_avx2_kernels = {.name = "avx2", .flip = 0, IK_COMMON_FIELDS};
#endif
