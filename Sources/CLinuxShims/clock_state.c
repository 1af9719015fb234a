#define _GNU_SOURCE
#include "clock_state.h"

#include <sys/timex.h>

int els_clock_is_synchronised(void) {
    struct timex state = {.modes = 0};
    int result = adjtimex(&state);
    if (result < 0) return -1;
    return result != TIME_ERROR && !(state.status & STA_UNSYNC);
}
