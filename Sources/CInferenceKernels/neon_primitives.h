// Primitives that both NEON instruction sets share: everything but the dot product. The including
// file defines IK_TARGET first.
#include <arm_neon.h>
#include <string.h>

#include "inference_kernels.h"

#define IK_LANES 4
#define IK_GEMV_BLOCK 64
#define IK_BLOCKS_64 0
#define IK_MOST_PARTS 1
// 16 sums, 4 vectors of weights, the broadcast and what a dot product needs: 32 registers hold it.
#define IK_TILE_PIXELS(vectors) 4
#define IK_PRIMITIVE IK_TARGET static inline __attribute__((always_inline))

typedef uint8x16_t vec;

typedef struct rq {
    int16x8_t zero_point;
    uint8x16_t low, high, flip;
} rq;

#define S32(v) vreinterpretq_s32_u8(v)
#define S16(v) vreinterpretq_s16_u8(v)
#define U16(v) vreinterpretq_u16_u8(v)
#define FROM_S32(v) vreinterpretq_u8_s32(v)
#define FROM_U16(v) vreinterpretq_u8_u16(v)

IK_PRIMITIVE vec load(const void *from) { return vld1q_u8((const uint8_t *)from); }
IK_PRIMITIVE vec zero(void) { return vdupq_n_u8(0); }
IK_PRIMITIVE vec splat8(uint8_t value) { return vdupq_n_u8(value); }
IK_PRIMITIVE vec splat32(int32_t value) { return FROM_S32(vdupq_n_s32(value)); }
IK_PRIMITIVE vec add16(vec a, vec b) { return FROM_U16(vaddq_u16(U16(a), U16(b))); }
IK_PRIMITIVE vec add32(vec a, vec b) { return FROM_S32(vaddq_s32(S32(a), S32(b))); }
IK_PRIMITIVE vec xor_bits(vec a, vec b) { return veorq_u8(a, b); }
IK_PRIMITIVE vec min_u8(vec a, vec b) { return vminq_u8(a, b); }
IK_PRIMITIVE vec max_u8(vec a, vec b) { return vmaxq_u8(a, b); }
IK_PRIMITIVE vec shift_left32(vec a, int n) {
    return FROM_S32(vshlq_s32(S32(a), vdupq_n_s32(n)));
}
IK_PRIMITIVE vec shift_right32(vec a, int n) {
    return FROM_S32(vshlq_s32(S32(a), vdupq_n_s32(-n)));
}
IK_PRIMITIVE vec unpack_low8(vec a, vec b) { return vzip1q_u8(a, b); }
IK_PRIMITIVE vec unpack_high8(vec a, vec b) { return vzip2q_u8(a, b); }
IK_PRIMITIVE vec unpack_low16(vec a, vec b) { return FROM_U16(vzip1q_u16(U16(a), U16(b))); }
IK_PRIMITIVE vec unpack_high16(vec a, vec b) { return FROM_U16(vzip2q_u16(U16(a), U16(b))); }

IK_PRIMITIVE vec dot16(vec sum, vec a, vec b) {
    const int32x4_t low = vmull_s16(vget_low_s16(S16(a)), vget_low_s16(S16(b)));
    const int32x4_t pairs = vpaddq_s32(low, vmull_high_s16(S16(a), S16(b)));
    return FROM_S32(vaddq_s32(S32(sum), pairs));
}

IK_PRIMITIVE vec broadcast(const uint8_t *from) {
    int32_t four;
    memcpy(&four, from, 4);
    return splat32(four);
}

IK_PRIMITIVE vec load_parts(const uint8_t *x, int64_t step, const int parts) {
    (void)step;
    (void)parts;
    return load(x);
}

IK_PRIMITIVE void store_bytes(uint8_t *to, vec bytes, int count) {
    if (count >= 16) {
        vst1q_u8(to, bytes);
        return;
    }
    if (count & 8) {
        vst1_u8(to, vget_low_u8(bytes));
        bytes = vextq_u8(bytes, bytes, 8);
        to += 8;
    }
    uint64_t rest = vgetq_lane_u64(vreinterpretq_u64_u8(bytes), 0);
    for (int i = 0; i < (count & 7); ++i, rest >>= 8) to[i] = (uint8_t)rest;
}

IK_PRIMITIVE rq make_rq(const ik_requantization *p) {
    return (rq){vdupq_n_s16((int16_t)p->zero_point), vdupq_n_u8((uint8_t)p->low_byte),
        vdupq_n_u8((uint8_t)p->high_byte), vdupq_n_u8(p->flip)};
}

/// rne(float(sum) * multiplier); the conversion saturates on both sides.
IK_PRIMITIVE vec rounded(vec sum, const float *multiplier) {
    return FROM_S32(vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(S32(sum)), vld1q_f32(multiplier))));
}

IK_PRIMITIVE vec narrow(vec q0, vec q1, vec q2, vec q3, rq r) {
    const int16x8_t low = vqmovn_high_s32(vqmovn_s32(S32(q0)), S32(q1));
    const int16x8_t high = vqmovn_high_s32(vqmovn_s32(S32(q2)), S32(q3));
    const vec bytes = vqmovun_high_s16(
        vqmovun_s16(vqaddq_s16(low, r.zero_point)), vqaddq_s16(high, r.zero_point));
    return veorq_u8(vminq_u8(vmaxq_u8(bytes, r.low), r.high), r.flip);
}

IK_PRIMITIVE void finish(uint8_t *to, const vec *sums, const float *multiplier, rq r, int count,
    const int vectors, const int exact) {
    (void)vectors;
    (void)exact;
    const vec bytes = narrow(rounded(sums[0], multiplier), rounded(sums[1], multiplier + 4),
        rounded(sums[2], multiplier + 8), rounded(sums[3], multiplier + 12), r);
    store_bytes(to, bytes, count);
}
