#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "operator_kernels.h"

#if defined(__clang__)
#pragma clang fp contract(off)
#endif

/// e^x: x = k ln 2 + r with |r| <= ln 2 / 2, Taylor series to r^13, exponent by construction. ln 2
/// is split in two (fdlibm's constants) so that r is exact.
static inline double ik_exponential(double x) {
    if (!(x > -700)) return x != x ? x : 0;
    if (x > 709) return INFINITY;
    const double k = rint(x * 1.4426950408889634074);
    const double r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
    double sum = 1.0 / 6227020800;
    sum = sum * r + 1.0 / 479001600;
    sum = sum * r + 1.0 / 39916800;
    sum = sum * r + 1.0 / 3628800;
    sum = sum * r + 1.0 / 362880;
    sum = sum * r + 1.0 / 40320;
    sum = sum * r + 1.0 / 5040;
    sum = sum * r + 1.0 / 720;
    sum = sum * r + 1.0 / 120;
    sum = sum * r + 1.0 / 24;
    sum = sum * r + 1.0 / 6;
    sum = sum * r + 0.5;
    sum = sum * r + 1;
    sum = sum * r + 1;
    const uint64_t bits = (uint64_t)((int64_t)k + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}
