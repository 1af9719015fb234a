// Elementary functions by one fixed sequence of IEEE operations each: the C library's differ from
// one machine to the next in the last bit. Double precision, relative error below 1e-14.
#include "functions.h"

#include "fixed_point.h"

#include <string.h>

double ik_log(double x) {
    if (x != x || x < 0) return NAN;
    if (x == 0) return -INFINITY;
    if (x == INFINITY) return x;
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752440) {
        m *= 2;
        --exponent;
    }
    // ln m = 2 artanh((m - 1) / (m + 1)).
    const double s = (m - 1) / (m + 1), square = s * s;
    double sum = 0;
    for (int n = 23; n >= 1; n -= 2) sum = sum * square + 1.0 / n;
    return exponent * 0.69314718055994530942 + 2 * s * sum;
}

double ik_expm1(double x) {
    if (x > 0.35 || x < -0.35) return ik_exponential(x) - 1;
    double sum = 0;
    for (int n = 13; n >= 1; --n) sum = (sum + 1) * x / n;
    return sum;
}

double ik_tanh(double x) {
    if (x > 20) return 1;
    if (x < -20) return -1;
    const double e = ik_expm1(2 * x);
    return e / (e + 2);
}

/// 2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n + 1) / (2n + 1)!!
double ik_erf(double x) {
    if (x != x) return x;
    if (x > 6) return 1;
    if (x < -6) return -1;
    const double square = 2 * x * x;
    double term = x, sum = x;
    for (int n = 1; n < 160 && (term > sum * 1e-17 || -term > -sum * 1e-17); ++n) {
        term = term * square / (2 * n + 1);
        sum += term;
    }
    return 1.12837916709551257390 * ik_exponential(-x * x) * sum;
}

static int32_t saturating_left_shift(int32_t x, int32_t shift) {
    const int64_t wide = (int64_t)x << shift;
    return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
}

void ik_fixed_inverse_square_root(int32_t x, int32_t *multiplier, int32_t *shift) {
    *multiplier = INT32_MAX;
    *shift = 0;
    if (x <= 1) return;
    int32_t exponent = 11;
    while (x >= 1 << 29) {
        x /= 4;
        ++exponent;
    }
    const int32_t pairs = (__builtin_clz((uint32_t)x) - 1) / 2 - 1;
    exponent -= pairs;
    x <<= 2 * pairs;
    // Newton's iteration from 1 with three integer bits.
    const int32_t half_input = ik_rounding_shift(x >> 1, 1), half_three = (1 << 28) + (1 << 27);
    int32_t y = 1 << 28;
    for (int i = 0; i < 5; ++i) {
        const int32_t cube =
            saturating_left_shift(ik_high_multiply(ik_high_multiply(y, y), y), 6);
        y = saturating_left_shift(
            ik_high_multiply(half_three, y) - ik_high_multiply(half_input, cube), 3);
    }
    y = ik_high_multiply(y, 1518500250);
    if (exponent < 0) {
        y <<= -exponent;
        exponent = 0;
    }
    *multiplier = y;
    *shift = -exponent;
}
