#pragma once
// What the kernels of classical models share.
#include <math.h>
#include <string.h>

#include "classical_kernels.h"
#include "inference_kernels.h"

/// Element `i` of an input of any type that classical kernels take.
static inline double real_at(const uint8_t *base, int32_t type, int64_t i) {
    switch (type) {
        case IK_FLOAT32: return (double)((const float *)base)[i];
        case IK_FLOAT64: return ((const double *)base)[i];
        case IK_INT32: return (double)((const int32_t *)base)[i];
        default: return (double)((const int64_t *)base)[i];
    }
}

/// Rounds to float32 unless the model computes in float64. A sum, difference, product, quotient or
/// root of float32 values that is made in float64 and then rounded is the float32 one.
static inline double rounded(double value, int is_double) {
    return is_double ? value : (double)(float)value;
}

/// Post-transforms `count` scores in place.
void ik_post_transform(double *scores, int32_t count, int32_t kind, int is_double);

double ik_logistic(double value, int is_double);
double ik_probit(double value);
