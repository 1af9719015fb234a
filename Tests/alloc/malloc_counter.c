// Counts what the main executable allocates, thread by thread, while it runs.
//
//     LD_PRELOAD=…/malloc_counter.so EDGE_AGENT_MALLOC_COUNTERS=counters.bin edge-agent run …
//
// edge-agent is linked with the Swift runtime in it, so a call of malloc that returns into the main executable's text is one of our
// code or of Swift on its behalf; all others are libraries' (libmosquitto, SQLite …). The counters live in a file mapped
// shared: a test reads them while the agent runs. Layout, little-endian: see `struct file`; scripts/malloc-counters prints it.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

// glibc's own names of what is interposed here: no dlsym, which allocates itself.
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

enum { MAXIMUM_THREADS = 64 };

enum counter {
    ALLOCATIONS,          // malloc, calloc, realloc, posix_memalign, aligned_alloc, operator new by the main executable
    FREES,                // free, operator delete by the main executable
    BYTES,                // requested by the main executable
    LIBRARY_ALLOCATIONS,  // the same by shared libraries
    LIBRARY_FREES,
    COUNTERS
};

struct slot {
    _Atomic uint64_t state;  // 0 free, 1 being named, 2 in use
    char name[16];           // the thread's, NUL-terminated; threads of one name share a slot
    _Atomic uint64_t counters[COUNTERS];
    uint64_t reserved[8 - COUNTERS];
};

struct file {
    char magic[8];  // "EAMALLOC"
    uint32_t version;
    uint32_t slots;
    uint64_t text_start, text_end;
    struct slot slot[MAXIMUM_THREADS];
};

static struct file *file;
static uintptr_t text_start, text_end;

static int find_text(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size;
    (void)unused;
    // The main executable comes first.
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || !(header->p_flags & PF_X)) continue;
        uintptr_t start = info->dlpi_addr + header->p_vaddr;
        if (text_start == 0 || start < text_start) text_start = start;
        if (start + header->p_memsz > text_end) text_end = start + header->p_memsz;
    }
    return 1;
}

__attribute__((constructor)) static void open_counters(void) {
    const char *path = getenv("EDGE_AGENT_MALLOC_COUNTERS");
    if (path == NULL) return;
    // Not for the program's children, whose counters would replace these, and no setting of the agent's.
    char file_path[4096];
    if (strlen(path) >= sizeof file_path) _exit(78);
    strcpy(file_path, path);
    unsetenv("EDGE_AGENT_MALLOC_COUNTERS");
    int descriptor = open(file_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0 || ftruncate(descriptor, sizeof(struct file)) != 0) {
        static const char message[] = "malloc_counter: cannot write EDGE_AGENT_MALLOC_COUNTERS\n";
        (void)!write(2, message, sizeof message - 1);
        _exit(78);
    }
    struct file *mapped =
        mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (mapped == MAP_FAILED) _exit(78);
    dl_iterate_phdr(find_text, NULL);
    mapped->version = 1;
    mapped->slots = MAXIMUM_THREADS;
    mapped->text_start = text_start;
    mapped->text_end = text_end;
    memcpy(mapped->magic, "EAMALLOC", 8);
    file = mapped;
}

static struct slot *slot_of_thread(void) {
    // Asked each time: a thread gets its name after its first allocations.
    char name[16] = {0};
    prctl(PR_GET_NAME, name);
    for (int i = 0; i < MAXIMUM_THREADS; i++) {
        struct slot *slot = &file->slot[i];
        uint64_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
        if (state == 0 && atomic_compare_exchange_strong(&slot->state, &state, 1)) {
            memcpy(slot->name, name, sizeof name);
            // Release: who sees 2 sees the name.
            atomic_store_explicit(&slot->state, 2, memory_order_release);
            return slot;
        }
        while (state == 1) state = atomic_load_explicit(&slot->state, memory_order_acquire);
        if (memcmp(slot->name, name, sizeof name) == 0) return slot;
    }
    return &file->slot[MAXIMUM_THREADS - 1];
}

static void count(const void *caller, enum counter ours, enum counter libraries, size_t bytes) {
    if (file == NULL) return;
    uintptr_t address = (uintptr_t)caller;
    int is_ours = address >= text_start && address < text_end;
    struct slot *slot = slot_of_thread();
    // Relaxed: the counts order nothing.
    atomic_fetch_add_explicit(&slot->counters[is_ours ? ours : libraries], 1, memory_order_relaxed);
    if (is_ours && bytes != 0) {
        atomic_fetch_add_explicit(&slot->counters[BYTES], bytes, memory_order_relaxed);
    }
}

#define COUNT_ALLOCATION(bytes) \
    count(__builtin_return_address(0), ALLOCATIONS, LIBRARY_ALLOCATIONS, (bytes))
#define COUNT_FREE() count(__builtin_return_address(0), FREES, LIBRARY_FREES, 0)

void *malloc(size_t size) {
    COUNT_ALLOCATION(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    COUNT_ALLOCATION(number * size);
    return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
    COUNT_ALLOCATION(size);
    return __libc_realloc(block, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    COUNT_ALLOCATION(size);
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) {
        return EINVAL;
    }
    void *result = __libc_memalign(alignment, size);
    if (result == NULL) return ENOMEM;
    *block = result;
    return 0;
}

void *aligned_alloc(size_t alignment, size_t size) {
    COUNT_ALLOCATION(size);
    return __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size) {
    COUNT_ALLOCATION(size);
    return __libc_memalign(alignment, size);
}

void free(void *block) {
    if (block == NULL) return;
    COUNT_FREE();
    __libc_free(block);
}

// C++'s operator new and delete: libstdc++ would call malloc for the main executable, and the caller would be lost.
void *_Znwm(size_t size) {
    COUNT_ALLOCATION(size);
    void *result = __libc_malloc(size == 0 ? 1 : size);
    if (result == NULL) abort();
    return result;
}

void *_Znam(size_t size) {
    COUNT_ALLOCATION(size);
    void *result = __libc_malloc(size == 0 ? 1 : size);
    if (result == NULL) abort();
    return result;
}

// The forms that give NULL instead of an exception.
void *_ZnwmRKSt9nothrow_t(size_t size, const void *unused) {
    (void)unused;
    COUNT_ALLOCATION(size);
    return __libc_malloc(size == 0 ? 1 : size);
}

void *_ZnamRKSt9nothrow_t(size_t size, const void *unused) {
    (void)unused;
    COUNT_ALLOCATION(size);
    return __libc_malloc(size == 0 ? 1 : size);
}

void _ZdlPv(void *block) {
    if (block == NULL) return;
    COUNT_FREE();
    __libc_free(block);
}

void _ZdaPv(void *block) {
    if (block == NULL) return;
    COUNT_FREE();
    __libc_free(block);
}

void _ZdlPvm(void *block, size_t size) {
    (void)size;
    if (block == NULL) return;
    COUNT_FREE();
    __libc_free(block);
}
