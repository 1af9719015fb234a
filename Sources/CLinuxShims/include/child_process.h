#pragma once
#include <sys/types.h>

/// Starts `executable` with `argument` as its one argument, the environment of this process, default signals, and no
/// descriptor of this process but standard error.
///
/// `input` and `output` become the ends of pipes to its standard input and output, closed on exec.
/// Returns 0, or an errno value; then nothing is left open.
int els_spawn(const char *executable, const char *argument, pid_t *child, int *input, int *output);
