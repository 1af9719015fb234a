// Primitives that AVX2 and AVX-VNNI share: everything but the dot product and the storage of
// activations. The including file defines IK_TARGET and IK_UNSIGNED (1: bytes are v + 128).
#include <immintrin.h>
#include <string.h>

#include "inference_kernels.h"

#define IK_LANES 8
#define IK_GEMV_BLOCK 64
#define IK_PRIMITIVE IK_TARGET static inline __attribute__((always_inline))

typedef __m256i vec;

typedef struct rq {
    __m256 high;
    __m256i zero_point16, low8, flip;
} rq;

IK_PRIMITIVE vec load(const void *from) { return _mm256_loadu_si256((const __m256i *)from); }
IK_PRIMITIVE vec zero(void) { return _mm256_setzero_si256(); }
IK_PRIMITIVE vec add32(vec a, vec b) { return _mm256_add_epi32(a, b); }

IK_PRIMITIVE vec broadcast(const uint8_t *from) {
    int32_t four;
    memcpy(&four, from, 4);
    return _mm256_set1_epi32(four);
}

IK_PRIMITIVE vec unpack_low8(vec a, vec b) { return _mm256_unpacklo_epi8(a, b); }
IK_PRIMITIVE vec unpack_high8(vec a, vec b) { return _mm256_unpackhi_epi8(a, b); }
IK_PRIMITIVE vec unpack_low16(vec a, vec b) { return _mm256_unpacklo_epi16(a, b); }
IK_PRIMITIVE vec unpack_high16(vec a, vec b) { return _mm256_unpackhi_epi16(a, b); }

IK_PRIMITIVE rq make_rq(const ik_requantization *p) {
    return (rq){
        .high = _mm256_set1_ps(p->high),
        .zero_point16 = _mm256_set1_epi16((int16_t)p->zero_point),
        .low8 = _mm256_set1_epi8((char)p->low),
        .flip = _mm256_set1_epi8((char)p->flip),
    };
}

/// rne(min(float(sum) * multiplier, high)). What is too low becomes INT32_MIN; the packs saturate.
IK_PRIMITIVE vec rounded(vec sum, const float *multiplier, rq r) {
    const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(multiplier));
    return _mm256_cvtps_epi32(_mm256_min_ps(product, r.high));
}

/// The first `count` bytes, below the vector's width.
IK_PRIMITIVE void store_some(uint8_t *to, __m128i bytes, int count) {
    if (count & 8) {
        _mm_storel_epi64((__m128i *)(void *)to, bytes);
        bytes = _mm_unpackhi_epi64(bytes, bytes);
        to += 8;
    }
    uint64_t rest = (uint64_t)_mm_cvtsi128_si64(bytes);
    for (int i = 0; i < (count & 7); ++i, rest >>= 8) to[i] = (uint8_t)rest;
}

IK_PRIMITIVE void finish16(uint8_t *to, const vec *sums, const float *multiplier, rq r, int count) {
    const vec packed = _mm256_packs_epi32(
        rounded(sums[0], multiplier, r), rounded(sums[1], multiplier + 8, r));
    const vec words = _mm256_adds_epi16(_mm256_permute4x64_epi64(packed, 0xD8), r.zero_point16);
    const __m128i low = _mm256_castsi256_si128(words), high = _mm256_extracti128_si256(words, 1);
    const __m128i least = _mm256_castsi256_si128(r.low8);
#if IK_UNSIGNED
    __m128i bytes = _mm_max_epu8(_mm_packus_epi16(low, high), least);
#else
    __m128i bytes = _mm_max_epi8(_mm_packs_epi16(low, high), least);
#endif
    bytes = _mm_xor_si128(bytes, _mm256_castsi256_si128(r.flip));
    if (count >= 16) {
        _mm_storeu_si128((__m128i *)(void *)to, bytes);
    } else {
        store_some(to, bytes, count);
    }
}

IK_PRIMITIVE void finish_unpacked(uint8_t *to, vec s0, vec s1, vec s2, vec s3,
    const float *multiplier, rq r, int count) {
    const vec low = _mm256_adds_epi16(_mm256_packs_epi32(rounded(s0, multiplier, r),
        rounded(s1, multiplier + 8, r)), r.zero_point16);
    const vec high = _mm256_adds_epi16(_mm256_packs_epi32(rounded(s2, multiplier + 16, r),
        rounded(s3, multiplier + 24, r)), r.zero_point16);
#if IK_UNSIGNED
    vec bytes = _mm256_max_epu8(_mm256_packus_epi16(low, high), r.low8);
#else
    vec bytes = _mm256_max_epi8(_mm256_packs_epi16(low, high), r.low8);
#endif
    bytes = _mm256_xor_si256(bytes, r.flip);
    if (count >= 32) {
        _mm256_storeu_si256((__m256i *)(void *)to, bytes);
    } else if (count >= 16) {
        _mm_storeu_si128((__m128i *)(void *)to, _mm256_castsi256_si128(bytes));
        store_some(to + 16, _mm256_extracti128_si256(bytes, 1), count - 16);
    } else {
        store_some(to, _mm256_castsi256_si128(bytes), count);
    }
}
