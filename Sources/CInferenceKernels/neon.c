// NEON as every 64-bit ARM has it. Products of signed bytes are exact in 16 bits, -128 * -128
// included, and are added in pairs to 32 bits before a second one could overflow them.
#if defined(__aarch64__)
#define IK_TARGET

#include "neon_primitives.h"

IK_PRIMITIVE vec dot(vec sum, vec x, vec w, const int exact) {
    (void)exact;
    const int8x16_t a = vreinterpretq_s8_u8(x), b = vreinterpretq_s8_u8(w);
    const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)));
    const int32x4_t high = vpaddlq_s16(vmull_high_s8(a, b));
    return FROM_S32(vaddq_s32(S32(sum), vpaddq_s32(low, high)));
}

#include "tile.h"

const ik_kernel_set ik_neon_kernels = {.name = "neon", .flip = 0, IK_COMMON_FIELDS};
#endif
