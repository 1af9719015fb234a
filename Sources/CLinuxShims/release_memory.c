#define _GNU_SOURCE
#include "release_memory.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int release(struct dl_phdr_info *object, size_t size, void *context) {
    (void)size;
    (void)context;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        // Segments that are never written: their pages are the file's own, and dropping one loses nothing.
        if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        madvise((void *)start, end - start, MADV_RANDOM);
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;  // On to the libraries.
}

void els_release_startup_pages(void) {
    dl_iterate_phdr(release, NULL);
}

void els_release_free_memory(void) {
    malloc_trim(0);
}
