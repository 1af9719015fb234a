// AVX-512 with VNNI: 512-bit dot products of unsigned by signed bytes into 32 bits (vpdpbusd),
// which do not saturate. Activations are therefore held as v + 128.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "inference_kernels.h"

#define IK_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi2")))
#define IK_LANES 16
#define IK_GEMV_BLOCK 128
#define IK_BLOCKS_64 1
#define IK_MOST_PARTS 4
// 24 sums, or 12 where there is one vector of channels; the rest of the 32 registers for weights.
#define IK_TILE_PIXELS(vectors) ((vectors) == 4 ? 6 : 12)
#define IK_PRIMITIVE IK_TARGET static inline __attribute__((always_inline))

typedef __m512i vec;

typedef struct rq {
    __m512 high;
    __m512i zero_point16, zero_point32, low32, low16, low8, high8, flip;
} rq;

IK_PRIMITIVE vec load(const void *from) { return _mm512_loadu_si512(from); }
IK_PRIMITIVE vec zero(void) { return _mm512_setzero_si512(); }
IK_PRIMITIVE vec splat8(uint8_t value) { return _mm512_set1_epi8((char)value); }
IK_PRIMITIVE vec splat32(int32_t value) { return _mm512_set1_epi32(value); }
IK_PRIMITIVE vec add16(vec a, vec b) { return _mm512_add_epi16(a, b); }
IK_PRIMITIVE vec add32(vec a, vec b) { return _mm512_add_epi32(a, b); }
IK_PRIMITIVE vec xor_bits(vec a, vec b) { return _mm512_xor_si512(a, b); }
IK_PRIMITIVE vec min_u8(vec a, vec b) { return _mm512_min_epu8(a, b); }
IK_PRIMITIVE vec max_u8(vec a, vec b) { return _mm512_max_epu8(a, b); }
IK_PRIMITIVE vec dot16(vec sum, vec a, vec b) { return _mm512_dpwssd_epi32(sum, a, b); }
IK_PRIMITIVE vec shift_left32(vec a, int n) { return _mm512_slli_epi32(a, (unsigned)n); }
IK_PRIMITIVE vec shift_right32(vec a, int n) {
    return _mm512_sra_epi32(a, _mm_cvtsi32_si128(n));
}
IK_PRIMITIVE vec unpack_low8(vec a, vec b) { return _mm512_unpacklo_epi8(a, b); }
IK_PRIMITIVE vec unpack_high8(vec a, vec b) { return _mm512_unpackhi_epi8(a, b); }
IK_PRIMITIVE vec unpack_low16(vec a, vec b) { return _mm512_unpacklo_epi16(a, b); }
IK_PRIMITIVE vec unpack_high16(vec a, vec b) { return _mm512_unpackhi_epi16(a, b); }

IK_PRIMITIVE vec broadcast(const uint8_t *from) {
    int32_t four;
    memcpy(&four, from, 4);
    return _mm512_set1_epi32(four);
}

IK_PRIMITIVE __m128i load16(const uint8_t *from) {
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}

IK_PRIMITIVE vec load_parts(const uint8_t *x, int64_t step, const int parts) {
    if (parts == 2) {
        const __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)x);
        const __m256i next = _mm256_loadu_si256((const __m256i *)(const void *)(x + step));
        return _mm512_inserti64x4(_mm512_castsi256_si512(first), next, 1);
    }
    if (parts == 4) {
        const __m256i low = _mm256_inserti128_si256(
            _mm256_castsi128_si256(load16(x)), load16(x + step), 1);
        const __m256i high = _mm256_inserti128_si256(
            _mm256_castsi128_si256(load16(x + 2 * step)), load16(x + 3 * step), 1);
        return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    }
    return load(x);
}

IK_PRIMITIVE void store_bytes(uint8_t *to, vec bytes, int count) {
    if (count >= 64) {
        _mm512_storeu_si512(to, bytes);
    } else {
        _mm512_mask_storeu_epi8(to, _bzhi_u64(~0ull, (uint32_t)count), bytes);
    }
}

IK_PRIMITIVE vec dot(vec sum, vec x, vec w, const int exact) {
    (void)exact;
    return _mm512_dpbusd_epi32(sum, x, w);
}

IK_PRIMITIVE rq make_rq(const ik_requantization *p) {
    return (rq){
        .high = _mm512_set1_ps(p->high),
        .zero_point16 = _mm512_set1_epi16((int16_t)p->zero_point),
        .zero_point32 = _mm512_set1_epi32(p->zero_point),
        .low32 = _mm512_set1_epi32(p->low_byte),
        .low16 = _mm512_set1_epi16((int16_t)p->low_byte),
        .low8 = _mm512_set1_epi8((char)p->low_byte),
        .high8 = _mm512_set1_epi8((char)p->high_byte),
        .flip = _mm512_set1_epi8((char)p->flip),
    };
}

/// rne(float(sum) * multiplier). Below -2^31 it becomes INT32_MIN, which saturates as it should.
/// Above 2^31 it would too: only multipliers of 1 and more can, and those are bounded first.
IK_PRIMITIVE vec rounded(vec sum, const float *multiplier, rq r, const int exact) {
    __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(multiplier));
    if (exact) product = _mm512_min_ps(product, r.high);
    return _mm512_cvtps_epi32(product);
}

IK_PRIMITIVE vec narrow(vec q0, vec q1, vec q2, vec q3, rq r) {
    const vec low = _mm512_adds_epi16(_mm512_packs_epi32(q0, q1), r.zero_point16);
    const vec high = _mm512_adds_epi16(_mm512_packs_epi32(q2, q3), r.zero_point16);
    const vec bytes = _mm512_max_epu8(_mm512_packus_epi16(low, high), r.low8);
    return _mm512_xor_si512(_mm512_min_epu8(bytes, r.high8), r.flip);
}

IK_PRIMITIVE void finish(uint8_t *to, const vec *sums, const float *multiplier, rq r, int count,
    const int vectors, const int exact) {
    if (vectors == 4) {
        const vec bytes = narrow(rounded(sums[0], multiplier, r, exact),
            rounded(sums[1], multiplier + 16, r, exact),
            rounded(sums[2], multiplier + 32, r, exact),
            rounded(sums[3], multiplier + 48, r, exact), r);
        store_bytes(to, bytes, count);
    } else if (vectors == 2) {
        const vec words = _mm512_adds_epi16(
            _mm512_packs_epi32(rounded(sums[0], multiplier, r, exact),
                rounded(sums[1], multiplier + 16, r, exact)), r.zero_point16);
        __m256i bytes = _mm512_cvtusepi16_epi8(_mm512_max_epi16(words, r.low16));
        bytes = _mm256_min_epu8(bytes, _mm512_castsi512_si256(r.high8));
        bytes = _mm256_xor_si256(bytes, _mm512_castsi512_si256(r.flip));
        if (count >= 32) {
            _mm256_storeu_si256((__m256i *)(void *)to, bytes);
        } else {
            _mm256_mask_storeu_epi8(to, (__mmask32)((1u << count) - 1), bytes);
        }
    } else {
        const vec q = _mm512_add_epi32(rounded(sums[0], multiplier, r, exact), r.zero_point32);
        __m128i bytes = _mm512_cvtusepi32_epi8(_mm512_max_epi32(q, r.low32));
        bytes = _mm_min_epu8(bytes, _mm512_castsi512_si128(r.high8));
        bytes = _mm_xor_si128(bytes, _mm512_castsi512_si128(r.flip));
        if (count >= 16) {
            _mm_storeu_si128((__m128i *)(void *)to, bytes);
        } else {
            _mm_mask_storeu_epi8(to, (__mmask16)((1u << count) - 1), bytes);
        }
    }
}

#include "tile.h"

const ik_kernel_set ik_avx512vnni_kernels = {.name = "avx512vnni", .flip = 0x80, IK_COMMON_FIELDS};
#endif
