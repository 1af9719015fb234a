// Stands between the agent and the C library (LD_PRELOAD): makes its disk fail, writes down what a power cut would
// leave of it, and moves its clock. Made and steered by the fault harness; see docs/reliability.md.
//
// FAULT_SHIM_CONTROL: a file that both map, `struct control` below. FAULT_SHIM_DIRECTORY: only what lies below it is touched.
// FAULT_SHIM_JOURNAL: each change of these files is appended there, see disk.py. A change is written down after it has happened,
// so one that a kill cuts off in between counts as not synchronised, which it is not.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FAIL_WRITE = 1, FAIL_SYNC = 2, FAIL_READ = 4, NO_SPACE = 8, READ_ONLY = 16 };
enum { OP_OPEN = 1, OP_WRITE, OP_TRUNCATE, OP_SYNC, OP_SYNC_FAILED, OP_RENAME, OP_UNLINK };

struct control {
    volatile uint32_t faults;
    volatile uint32_t percent;      // of the calls that fail
    volatile int64_t clock_offset;  // seconds
    volatile uint64_t injected;     // calls that were made to fail
    volatile uint32_t sync_delay;   // milliseconds that a synchronisation takes at least, as on an SD card
};

#define DESCRIPTORS 4096
static struct control standing_still;
static struct control *control = &standing_still;
static char directory[PATH_MAX];
static size_t directory_length;
static int journal = -1;
static char *paths[DESCRIPTORS];  // of the descriptors that are ours
static unsigned char appends[DESCRIPTORS];

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULT_SHIM_DIRECTORY");
    if (path && strlen(path) < sizeof directory) {
        strcpy(directory, path);
        directory_length = strlen(path);
    }
    path = getenv("FAULT_SHIM_CONTROL");
    int descriptor = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (descriptor >= 0) {
        void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        if (mapped != MAP_FAILED) control = mapped;
        syscall(SYS_close, descriptor);
    }
    path = getenv("FAULT_SHIM_JOURNAL");
    if (path) {
        int opened = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        // Out of the way of the descriptors that the agent counts.
        journal = opened < 0 ? -1 : (int)syscall(SYS_fcntl, opened, F_DUPFD_CLOEXEC, 900);
        if (opened >= 0) syscall(SYS_close, opened);
    }
}

static int is_ours(const char *path) {
    return directory_length && path && strncmp(path, directory, directory_length) == 0
        && (path[directory_length] == '/' || path[directory_length] == 0);
}

// The index of the write-ahead log is memory that is shared by a file: no power cut leaves anything of it that counts.
static int is_kept(const char *path) {
    size_t length = strlen(path);
    return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

static const char *path_of(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS ? paths[descriptor] : NULL;
}

static void note(uint32_t operation, const char *path, uint64_t offset, const void *data, uint64_t length) {
    if (journal < 0 || !is_kept(path)) return;
    const char *name = path + directory_length;
    struct { uint32_t operation, name; uint64_t offset, length; } head = {operation, (uint32_t)strlen(name), offset, length};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)name, head.name}, {(void *)data, data ? length : 0}};
    int before = errno;
    syscall(SYS_writev, journal, parts, 3);
    errno = before;
}

static int strikes(uint32_t kind) {
    if (!(control->faults & kind)) return 0;
    static __thread uint64_t state;
    if (!state) state = (uint64_t)(uintptr_t)&state ^ ((uint64_t)getpid() << 32) ^ 0x9E3779B97F4A7C15u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    if (state % 100 >= control->percent) return 0;
    __atomic_add_fetch(&control->injected, 1, __ATOMIC_RELAXED);
    return 1;
}

static int write_error(const char *path) {
    if (!path) return 0;
    if (strikes(READ_ONLY)) return EROFS;
    if (strikes(NO_SPACE)) return ENOSPC;
    if (strikes(FAIL_WRITE)) return EIO;
    return 0;
}

// MARK: files

static int opened(int descriptor, const char *path, int flags) {
    if (descriptor < 0 || descriptor >= DESCRIPTORS) return descriptor;
    char *before = paths[descriptor];
    paths[descriptor] = is_ours(path) ? strdup(path) : NULL;
    free(before);
    appends[descriptor] = (flags & O_APPEND) != 0;
    if (paths[descriptor] && (flags & (O_CREAT | O_TRUNC)))
        note(OP_OPEN, path, (flags & O_TRUNC) != 0, NULL, 0);
    return descriptor;
}

static int open_error(const char *path, int flags) {
    if (!is_ours(path)) return 0;
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC))) {
        if (strikes(READ_ONLY)) return EROFS;
        if ((flags & O_CREAT) && access(path, F_OK) != 0 && strikes(NO_SPACE)) return ENOSPC;
    }
    return 0;
}

static int open_common(int at, const char *path, int flags, mode_t mode) {
    int failure = at == AT_FDCWD || path[0] == '/' ? open_error(path, flags) : 0;
    if (failure) { errno = failure; return -1; }
    return opened((int)syscall(SYS_openat, at, path, flags | O_LARGEFILE, mode), path, flags);
}

#define WITH_MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }

int open(const char *path, int flags, ...) { WITH_MODE(flags) return open_common(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { WITH_MODE(flags) return open_common(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { WITH_MODE(flags) return open_common(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { WITH_MODE(flags) return open_common(at, path, flags, mode); }

int close(int descriptor) {
    if (path_of(descriptor)) {
        free(paths[descriptor]);
        paths[descriptor] = NULL;
    }
    return (int)syscall(SYS_close, descriptor);
}

static ssize_t wrote(int descriptor, const char *path, ssize_t count, const void *data, off_t offset) {
    if (path && count > 0) note(OP_WRITE, path, (uint64_t)offset, data, (uint64_t)count);
    (void)descriptor;
    return count;
}

ssize_t write(int descriptor, const void *data, size_t count) {
    const char *path = path_of(descriptor);
    if (!path) return syscall(SYS_write, descriptor, data, count);
    int failure = write_error(path);
    if (failure) { errno = failure; return -1; }
    off_t offset = lseek(descriptor, 0, appends[descriptor] ? SEEK_END : SEEK_CUR);
    return wrote(descriptor, path, syscall(SYS_write, descriptor, data, count), data, offset);
}

ssize_t pwrite64(int descriptor, const void *data, size_t count, off64_t offset) {
    const char *path = path_of(descriptor);
    int failure = write_error(path);
    if (failure) { errno = failure; return -1; }
    return wrote(descriptor, path, syscall(SYS_pwrite64, descriptor, data, count, offset), data, offset);
}
ssize_t pwrite(int descriptor, const void *data, size_t count, off_t offset) { return pwrite64(descriptor, data, count, offset); }

ssize_t pread64(int descriptor, void *data, size_t count, off64_t offset) {
    if (path_of(descriptor) && strikes(FAIL_READ)) { errno = EIO; return -1; }
    return syscall(SYS_pread64, descriptor, data, count, offset);
}
ssize_t pread(int descriptor, void *data, size_t count, off_t offset) { return pread64(descriptor, data, count, offset); }

int ftruncate64(int descriptor, off64_t length) {
    const char *path = path_of(descriptor);
    if (path && strikes(READ_ONLY)) { errno = EROFS; return -1; }
    int result = (int)syscall(SYS_ftruncate, descriptor, length);
    if (path && result == 0) note(OP_TRUNCATE, path, (uint64_t)length, NULL, 0);
    return result;
}
int ftruncate(int descriptor, off_t length) { return ftruncate64(descriptor, length); }

static int synchronise(int descriptor, long call) {
    const char *path = path_of(descriptor);
    if (path && control->sync_delay) {
        struct timespec pause = {0, (long)control->sync_delay * 1000000};
        nanosleep(&pause, NULL);
    }
    if (path && strikes(FAIL_SYNC)) {
        // As the kernel does: it says so once, and what was not written counts as clean from then on.
        note(OP_SYNC_FAILED, path, 0, NULL, 0);
        errno = EIO;
        return -1;
    }
    int result = (int)syscall(call, descriptor);
    if (path && result == 0) note(OP_SYNC, path, 0, NULL, 0);
    return result;
}
int fsync(int descriptor) { return synchronise(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return synchronise(descriptor, SYS_fdatasync); }

int rename(const char *from, const char *to) {
    if (is_ours(to) && strikes(READ_ONLY)) { errno = EROFS; return -1; }
    int result = (int)syscall(SYS_rename, from, to);
    if (result == 0 && is_ours(from) && is_ours(to))
        note(OP_RENAME, from, 0, to + directory_length, strlen(to + directory_length));
    return result;
}

int unlink(const char *path) {
    if (is_ours(path) && strikes(READ_ONLY)) { errno = EROFS; return -1; }
    int result = (int)syscall(SYS_unlink, path);
    if (result == 0 && is_ours(path)) note(OP_UNLINK, path, 0, NULL, 0);
    return result;
}

// MARK: time of day

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime);
    int result = real(clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += control->clock_offset;
    return result;
}

int gettimeofday(struct timeval *restrict value, void *restrict zone) {
    REAL(gettimeofday);
    int result = real(value, zone);
    if (result == 0) value->tv_sec += control->clock_offset;
    return result;
}

time_t time(time_t *value) {
    REAL(time);
    time_t now = real(NULL) + control->clock_offset;
    if (value) *value = now;
    return now;
}
