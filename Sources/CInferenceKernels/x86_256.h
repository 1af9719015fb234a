// Primitives that AVX2 and AVX-VNNI share: everything but the dot products. The including file
// defines IK_TARGET first.
#include <immintrin.h>
#include <string.h>

#include "inference_kernels.h"

#define IK_LANES 8
#define IK_GEMV_BLOCK 64
#define IK_BLOCKS_64 0
#define IK_MOST_PARTS 2
#define IK_PRIMITIVE IK_TARGET static inline __attribute__((always_inline))

typedef __m256i vec;

typedef struct rq {
    __m256 high;
    __m256i zero_point16, low8, high8, flip;
} rq;

IK_PRIMITIVE vec load(const void *from) { return _mm256_loadu_si256((const __m256i *)from); }
IK_PRIMITIVE vec zero(void) { return _mm256_setzero_si256(); }
IK_PRIMITIVE vec splat8(uint8_t value) { return _mm256_set1_epi8((char)value); }
IK_PRIMITIVE vec splat32(int32_t value) { return _mm256_set1_epi32(value); }
IK_PRIMITIVE vec add16(vec a, vec b) { return _mm256_add_epi16(a, b); }
IK_PRIMITIVE vec add32(vec a, vec b) { return _mm256_add_epi32(a, b); }
IK_PRIMITIVE vec xor_bits(vec a, vec b) { return _mm256_xor_si256(a, b); }
IK_PRIMITIVE vec min_u8(vec a, vec b) { return _mm256_min_epu8(a, b); }
IK_PRIMITIVE vec max_u8(vec a, vec b) { return _mm256_max_epu8(a, b); }
IK_PRIMITIVE vec shift_left32(vec a, int n) { return _mm256_slli_epi32(a, n); }
IK_PRIMITIVE vec shift_right32(vec a, int n) {
    return _mm256_sra_epi32(a, _mm_cvtsi32_si128(n));
}
IK_PRIMITIVE vec unpack_low8(vec a, vec b) { return _mm256_unpacklo_epi8(a, b); }
IK_PRIMITIVE vec unpack_high8(vec a, vec b) { return _mm256_unpackhi_epi8(a, b); }
IK_PRIMITIVE vec unpack_low16(vec a, vec b) { return _mm256_unpacklo_epi16(a, b); }
IK_PRIMITIVE vec unpack_high16(vec a, vec b) { return _mm256_unpackhi_epi16(a, b); }

IK_PRIMITIVE vec broadcast(const uint8_t *from) {
    int32_t four;
    memcpy(&four, from, 4);
    return _mm256_set1_epi32(four);
}

IK_PRIMITIVE vec load_parts(const uint8_t *x, int64_t step, const int parts) {
    if (parts == 2) {
        const __m128i first = _mm_loadu_si128((const __m128i *)(const void *)x);
        const __m128i next = _mm_loadu_si128((const __m128i *)(const void *)(x + step));
        return _mm256_inserti128_si256(_mm256_castsi128_si256(first), next, 1);
    }
    return load(x);
}

/// The first `count` of 16 bytes.
IK_PRIMITIVE void store_some(uint8_t *to, __m128i bytes, int count) {
    if (count >= 16) {
        _mm_storeu_si128((__m128i *)(void *)to, bytes);
        return;
    }
    if (count & 8) {
        _mm_storel_epi64((__m128i *)(void *)to, bytes);
        bytes = _mm_unpackhi_epi64(bytes, bytes);
        to += 8;
    }
    uint64_t rest = (uint64_t)_mm_cvtsi128_si64(bytes);
    for (int i = 0; i < (count & 7); ++i, rest >>= 8) to[i] = (uint8_t)rest;
}

IK_PRIMITIVE void store_bytes(uint8_t *to, vec bytes, int count) {
    if (count >= 32) {
        _mm256_storeu_si256((__m256i *)(void *)to, bytes);
        return;
    }
    store_some(to, _mm256_castsi256_si128(bytes), count);
    if (count > 16) store_some(to + 16, _mm256_extracti128_si256(bytes, 1), count - 16);
}

IK_PRIMITIVE rq make_rq(const ik_requantization *p) {
    return (rq){
        .high = _mm256_set1_ps(p->high),
        .zero_point16 = _mm256_set1_epi16((int16_t)p->zero_point),
        .low8 = _mm256_set1_epi8((char)p->low_byte),
        .high8 = _mm256_set1_epi8((char)p->high_byte),
        .flip = _mm256_set1_epi8((char)p->flip),
    };
}

/// rne(float(sum) * multiplier). Below -2^31 it becomes INT32_MIN, which saturates as it should.
/// Above 2^31 it would too: only multipliers of 1 and more can, and those are bounded first.
IK_PRIMITIVE vec rounded(vec sum, const float *multiplier, rq r, const int exact) {
    __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(multiplier));
    if (exact) product = _mm256_min_ps(product, r.high);
    return _mm256_cvtps_epi32(product);
}

IK_PRIMITIVE vec narrow(vec q0, vec q1, vec q2, vec q3, rq r) {
    const vec low = _mm256_adds_epi16(_mm256_packs_epi32(q0, q1), r.zero_point16);
    const vec high = _mm256_adds_epi16(_mm256_packs_epi32(q2, q3), r.zero_point16);
    const vec bytes = _mm256_max_epu8(_mm256_packus_epi16(low, high), r.low8);
    return _mm256_xor_si256(_mm256_min_epu8(bytes, r.high8), r.flip);
}

IK_PRIMITIVE void finish(uint8_t *to, const vec *sums, const float *multiplier, rq r, int count,
    const int vectors, const int exact) {
    if (vectors == 4) {
        const vec bytes = narrow(rounded(sums[0], multiplier, r, exact),
            rounded(sums[1], multiplier + 8, r, exact),
            rounded(sums[2], multiplier + 16, r, exact),
            rounded(sums[3], multiplier + 24, r, exact), r);
        store_bytes(to, bytes, count);
        return;
    }
    const vec words = _mm256_adds_epi16(
        _mm256_packs_epi32(rounded(sums[0], multiplier, r, exact),
            rounded(sums[1], multiplier + 8, r, exact)), r.zero_point16);
    __m128i bytes = _mm_packus_epi16(
        _mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    bytes = _mm_max_epu8(bytes, _mm256_castsi256_si128(r.low8));
    bytes = _mm_min_epu8(bytes, _mm256_castsi256_si128(r.high8));
    store_some(to, _mm_xor_si128(bytes, _mm256_castsi256_si128(r.flip)), count);
}
