#pragma once
// The few Linux calls that Swift cannot see: macros, and functions behind _GNU_SOURCE.

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

/// Names the calling thread (at most 15 bytes are kept) as ps and gdb show it.
void els_set_thread_name(const char *name);

/// Pins the calling thread to one processor. Returns 0, or an errno value.
int els_set_thread_affinity(int processor);

/// Gives the calling thread SCHED_FIFO at `priority` (1...99). Returns 0, or an errno value.
int els_set_thread_fifo(int priority);

/// Locks all present and future pages of the process in memory. Returns 0, or an errno value.
int els_lock_memory(void);

/// Asks the kernel to acknowledge what `socket` received at once. Not sticky: call after each read.
void els_tcp_quick_ack(int socket);

/// Has the kernel collect what is written to `socket`, 1, or send what it has collected, 0.
void els_tcp_cork(int socket, int is_corked);

/// Opens an eventfd, non-blocking and closed on exec. Returns -1 with errno on failure.
int els_eventfd(void);

/// ppoll without a signal mask: waits at most `timeout_nanoseconds`, for ever if negative.
int els_poll(struct pollfd *descriptors, size_t count, int64_t timeout_nanoseconds);

/// Has the kernel note when each segment arrives on `socket`.
void els_enable_receive_time(int socket);

/// How many nanoseconds ago the first unread byte of `socket` arrived, at least: segments that the kernel has
/// joined bear the time of the last one. -1 if there is none or the wall clock was set back.
int64_t els_receive_age(int socket);

/// How many bytes a TCP socket has ever received, and how many of them are unread. Returns 0, or -1.
int els_stream_position(int socket, uint64_t *received, uint64_t *unread);
