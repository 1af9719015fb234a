#include "open_library.h"

#include <dlfcn.h>
#include <stdio.h>

void *els_open_library(els_library *library, const els_function *functions, size_t count) {
    void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        snprintf(library->failure, sizeof library->failure,
                 "%s cannot be opened: install it (Debian: apt-get install %s)", library->file, library->package);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        void *address = dlsym(handle, functions[i].name);
        if (address == NULL) {
            snprintf(library->failure, sizeof library->failure, "%s lacks %s: %s or newer is needed", library->file,
                     functions[i].name, library->oldest_version);
            return NULL;
        }
        *(void **)functions[i].slot = address;
    }
    return handle;
}
