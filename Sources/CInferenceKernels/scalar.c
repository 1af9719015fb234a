#include "inference_kernels.h"
