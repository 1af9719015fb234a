// Makes the agent die where a test wants it to (LD_PRELOAD): the agent itself has no switch for this.
//
// UPDATE_SHIM_CUT=<k>, UPDATE_SHIM_DIRECTORY=<path>, UPDATE_SHIM_ALSO=<path>: SIGKILL instead of the k-th change of what begins with
//   one of the paths: a file that is made, written, synchronised, linked, renamed or removed, a directory that is made or removed.
//   UPDATE_SHIM_COUNT names a file of sixteen zero bytes in which they are counted, those of the agent's registry process too, which
//   dies with the agent.
// UPDATE_SHIM_ABORT_OPEN=<text>: abort() when a file or a directory is opened whose path has this in it.
// UPDATE_SHIM_ABORT_SEND=<text>, UPDATE_SHIM_ABORT_COUNT=<n>: abort() when it is sent over a socket for the n-th time.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct shared { uint64_t count, agent; };
static const char *directory, *also, *abort_open, *abort_send;
static uint64_t cut_at, abort_at, sent;
static pid_t agent;
static uint64_t standing_still;
static uint64_t *count = &standing_still;

static uint64_t number(const char *name) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void) {
    directory = getenv("UPDATE_SHIM_DIRECTORY");
    also = getenv("UPDATE_SHIM_ALSO");
    abort_open = getenv("UPDATE_SHIM_ABORT_OPEN");
    abort_send = getenv("UPDATE_SHIM_ABORT_SEND");
    cut_at = number("UPDATE_SHIM_CUT");
    abort_at = number("UPDATE_SHIM_ABORT_COUNT");
    agent = getpid();
    const char *path = getenv("UPDATE_SHIM_COUNT");
    int descriptor = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (descriptor < 0) return;
    struct shared *mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    syscall(SYS_close, descriptor);
    if (mapped == MAP_FAILED) return;
    count = &mapped->count;
    // The first process is the agent; what it starts finds its number here. Not in the environment: Swift finds the arguments by it.
    uint64_t none = 0;
    if (!__atomic_compare_exchange_n(&mapped->agent, &none, (uint64_t)agent, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) agent = (pid_t)none;
}

static int begins(const char *path, const char *start) { return start && strncmp(path, start, strlen(start)) == 0; }

// A change of a file is about to happen.
static void change(const char *path) {
    if (!path || !(begins(path, directory) || begins(path, also))) return;
    uint64_t here = __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
    if (!cut_at || here < cut_at) return;
    // From the cut on nothing happens any more, in whichever of the two processes.
    kill(agent, SIGKILL);
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
}

static void change_of(int descriptor) {
    if (!directory) return;
    char link[40], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    change(path);
}

static int opened(int at, const char *path, int flags, mode_t mode) {
    if (abort_open && path && strstr(path, abort_open)) abort();
    if (flags & (O_CREAT | O_TRUNC)) change(path);
    return (int)syscall(SYS_openat, at, path, flags | O_LARGEFILE, mode);
}

#define WITH_MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }

int open(const char *path, int flags, ...) { WITH_MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { WITH_MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { WITH_MODE(flags) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { WITH_MODE(flags) return opened(at, path, flags, mode); }

static void look(int descriptor, const void *data, size_t length) {
    struct stat status;
    if (!abort_send || fstat(descriptor, &status) != 0 || !S_ISSOCK(status.st_mode)) return;
    size_t needle = strlen(abort_send);
    const char *from = data, *end = from + length;
    while ((from = memmem(from, (size_t)(end - from), abort_send, needle))) {
        if (__atomic_add_fetch(&sent, 1, __ATOMIC_SEQ_CST) == abort_at) abort();
        from += needle;
    }
}

ssize_t write(int descriptor, const void *data, size_t length) {
    look(descriptor, data, length);
    change_of(descriptor);
    return syscall(SYS_write, descriptor, data, length);
}

ssize_t send(int descriptor, const void *data, size_t length, int flags) {
    look(descriptor, data, length);
    return syscall(SYS_sendto, descriptor, data, length, flags, NULL, 0);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
    for (size_t index = 0; index < message->msg_iovlen; index++)
        look(descriptor, message->msg_iov[index].iov_base, message->msg_iov[index].iov_len);
    return syscall(SYS_sendmsg, descriptor, message, flags);
}

int fsync(int descriptor) { change_of(descriptor); return (int)syscall(SYS_fsync, descriptor); }
int ftruncate64(int descriptor, off64_t length) { change_of(descriptor); return (int)syscall(SYS_ftruncate, descriptor, length); }
int ftruncate(int descriptor, off_t length) { return ftruncate64(descriptor, length); }
int rename(const char *from, const char *to) { change(to); return (int)syscall(SYS_rename, from, to); }
int link(const char *from, const char *to) { change(to); return (int)syscall(SYS_link, from, to); }
int unlink(const char *path) { change(path); return (int)syscall(SYS_unlink, path); }
int unlinkat(int at, const char *path, int flags) { change_of(at); return (int)syscall(SYS_unlinkat, at, path, flags); }
int rmdir(const char *path) { change(path); return (int)syscall(SYS_rmdir, path); }
int mkdir(const char *path, mode_t mode) { change(path); return (int)syscall(SYS_mkdir, path, mode); }
