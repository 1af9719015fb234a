#pragma once
// The files of the status page, as they stand in Files.

#include <stddef.h>
#include <stdint.h>

/// One file; its bytes are constants of the executable.
struct status_page_file {
    /// Its name below /assets/, and for `index.html` the page itself.
    const char *name;
    const char *content_type;
    const uint8_t *bytes;
    size_t size;
};

/// Gives a file by its number, 0 and up; 0 when there is none of that number.
const struct status_page_file *status_page_file_at(size_t number);
