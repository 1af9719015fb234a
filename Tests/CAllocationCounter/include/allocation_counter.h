#pragma once
#include <stdint.h>

/// Heap allocations (malloc, calloc, realloc, aligned ones) that the calling thread has made so
/// far, or UINT64_MAX where a sanitizer owns the heap and nothing is counted.
uint64_t allocation_count(void);
