// Values for keys.
#include "classical.h"

/// The place of the first key that is not below `x`.
static int64_t lower_bound(const ik_label_map *p, double x) {
    int64_t low = 0, high = p->count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (p->keys[middle] < x) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void ik_label_map_elements(const ik_step *step, uint8_t *arena) {
    const ik_label_map *p = step->u.parameters;
    const void *x = arena + step->input.offset;
    void *y = arena + step->output.offset;
    for (int64_t i = 0; i < p->elements; ++i) {
        const double key = p->takes_integers ? (double)((const int64_t *)x)[i] : ((const float *)x)[i];
        const int64_t place = lower_bound(p, key);
        const double value =
            place < p->count && p->keys[place] == key ? p->values[place] : p->otherwise;
        if (p->gives_integers) {
            ((int64_t *)y)[i] = (int64_t)value;
        } else {
            ((float *)y)[i] = (float)value;
        }
    }
}
