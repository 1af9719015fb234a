#pragma once
#include <stddef.h>

/// A library that is opened when it is first needed, and not linked.
typedef struct {
    /// Its file, as in "libcurl.so.4".
    const char *file;
    /// Debian's package.
    const char *package;
    /// The oldest version that has what is wanted of it.
    const char *oldest_version;
    /// A sentence for the user when it could not be opened; empty when it could.
    char failure[160];
} els_library;

/// A function's name, and where the pointer to it is kept.
typedef struct {
    const char *name;
    void *slot;
} els_function;

/// Opens the library until the process ends and looks up all `functions`. Returns dlopen's handle; or NULL, and
/// `failure` says why: there is none, or which function it lacks.
void *els_open_library(els_library *library, const els_function *functions, size_t count);
