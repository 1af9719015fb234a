// AVX-512 with VNNI: 512-bit dot products of unsigned by signed bytes into 32 bits (vpdpbusd),
// which do not saturate. Activations are therefore held as v + 128.
#if defined(__x86_64__)
#include <immintrin.h>

#include "inference_kernels.h"

#define IK_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi2")))
#define IK_LANES 16
#define IK_GEMV_BLOCK 128
// 24 and 16 sums; the rest of the 32 registers for weights and the broadcast.
#define IK_TILE_PIXELS(vectors) ((vectors) == 4 ? 6 : 8)
#define IK_PRIMITIVE IK_TARGET static inline __attribute__((always_inline))

typedef __m512i vec;
typedef uint8_t native;

typedef struct rq {
    __m512 high;
    __m512i zero_point, zero_point16, low, low8, flip;
} rq;

IK_PRIMITIVE vec load(const void *from) { return _mm512_loadu_si512(from); }
IK_PRIMITIVE vec zero(void) { return _mm512_setzero_si512(); }
IK_PRIMITIVE vec add32(vec a, vec b) { return _mm512_add_epi32(a, b); }

IK_PRIMITIVE vec broadcast(const uint8_t *from) {
    int32_t four;
    __builtin_memcpy(&four, from, 4);
    return _mm512_set1_epi32(four);
}

IK_PRIMITIVE vec dot(vec sum, vec x, vec w, const int exact) {
    (void)exact;
    return _mm512_dpbusd_epi32(sum, x, w);
}

IK_PRIMITIVE vec unpack_low8(vec a, vec b) { return _mm512_unpacklo_epi8(a, b); }
IK_PRIMITIVE vec unpack_high8(vec a, vec b) { return _mm512_unpackhi_epi8(a, b); }
IK_PRIMITIVE vec unpack_low16(vec a, vec b) { return _mm512_unpacklo_epi16(a, b); }
IK_PRIMITIVE vec unpack_high16(vec a, vec b) { return _mm512_unpackhi_epi16(a, b); }

IK_PRIMITIVE rq make_rq(const ik_requantization *p) {
    return (rq){
        .high = _mm512_set1_ps(p->high),
        .zero_point = _mm512_set1_epi32(p->zero_point),
        .zero_point16 = _mm512_set1_epi16((int16_t)p->zero_point),
        .low = _mm512_set1_epi32(p->low),
        .low8 = _mm512_set1_epi8((char)p->low),
        .flip = _mm512_set1_epi8((char)p->flip),
    };
}

/// rne(min(float(sum) * multiplier, high)). What is too low becomes INT32_MIN, and is raised later.
IK_PRIMITIVE vec rounded(vec sum, const float *multiplier, rq r) {
    const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(multiplier));
    return _mm512_cvtps_epi32(_mm512_min_ps(product, r.high));
}

IK_PRIMITIVE void finish16(uint8_t *to, const vec *sums, const float *multiplier, rq r, int count) {
    const vec q = _mm512_add_epi32(rounded(sums[0], multiplier, r), r.zero_point);
    __m128i bytes = _mm512_cvtepi32_epi8(_mm512_max_epi32(q, r.low));
    bytes = _mm_xor_si128(bytes, _mm512_castsi512_si128(r.flip));
    if (count >= 16) {
        _mm_storeu_si128((__m128i *)(void *)to, bytes);
    } else {
        _mm_mask_storeu_epi8(to, (__mmask16)((1u << count) - 1), bytes);
    }
}

IK_PRIMITIVE void finish_unpacked(uint8_t *to, vec s0, vec s1, vec s2, vec s3,
    const float *multiplier, rq r, int count) {
    const vec low = _mm512_packs_epi32(
        rounded(s0, multiplier, r), rounded(s1, multiplier + 16, r));
    const vec high = _mm512_packs_epi32(
        rounded(s2, multiplier + 32, r), rounded(s3, multiplier + 48, r));
    const vec bytes = _mm512_packus_epi16(_mm512_adds_epi16(low, r.zero_point16),
        _mm512_adds_epi16(high, r.zero_point16));
    const vec clamped = _mm512_xor_si512(_mm512_max_epu8(bytes, r.low8), r.flip);
    if (count >= 64) {
        _mm512_storeu_si512(to, clamped);
    } else {
        _mm512_mask_storeu_epi8(to, _bzhi_u64(~0ull, (uint32_t)count), clamped);
    }
}

#include "tile.h"

#include "portable.h"

const ik_kernel_set ik_avx512vnni_kernels = {
    .name = "avx512vnni",
    .flip = 0x80,
    .wants_borders = 1,
    .vector_bytes = 64,
    .gemv_block = IK_GEMV_BLOCK,
    .largest_block = 64,
    .tile = {conv, gemv, depthwise, add},
    .tile_exact = {conv, gemv, depthwise, add},
    .copy = copy,
    .average_pool = average_pool,
    .max_pool = max_pool,
};
#endif
