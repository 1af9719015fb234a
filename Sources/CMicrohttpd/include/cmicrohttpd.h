#pragma once
// GNU libmicrohttpd, opened when HTTP is switched on: who does not use it does not pay for it and for GnuTLS.
// The library's own types stay in the C file; here is what the agent's server needs of it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cmhd_server cmhd_server;
/// One connection. Valid from `opened` to `closed`.
typedef struct cmhd_connection cmhd_connection;

/// Longest request target (path and query) that is handed over.
#define CMHD_MAXIMUM_TARGET 1023

typedef struct {
    const char *name;
    const char *value;
} cmhd_field;

/// What the server calls, always within `cmhd_run` or `cmhd_stop`, on their thread.
typedef struct {
    void *context;
    /// A connection was accepted. What it returns comes with every later call for the connection.
    void *(*opened)(void *context, cmhd_connection *connection);
    void (*closed)(void *context, void *state);
    /// A request is complete: call one of the `cmhd_respond` functions, once. `target` is as it came, not decoded, or
    /// empty when it is longer than CMHD_MAXIMUM_TARGET; `has_body`: one is announced, and will not be read.
    void (*answer)(void *context, void *state, cmhd_connection *connection, const char *method,
                   const char *target, size_t target_length, bool has_body);
    /// The response was sent, or the connection broke in it.
    void (*completed)(void *context, void *state);
    /// Up to `capacity` bytes of a stream: how many there are now, 0: none yet (resume later), negative: it has ended.
    long (*read_stream)(void *stream, char *bytes, size_t capacity);
    /// The stream will not be read again.
    void (*release_stream)(void *stream);
} cmhd_callbacks;

typedef struct {
    /// A listening, non-blocking socket; the server's from a successful start on.
    int listener;
    unsigned connections, connections_per_address;
    /// For the head of a request and what is sent. - Units: bytes, a connection.
    size_t memory_bytes;
    /// Silence after which a connection is closed. - Units: seconds.
    unsigned timeout_seconds;
    /// PEM, or NULL: no TLS. `client_authorities`: NULL: no client certificates are asked for. Must outlive the server.
    const char *certificate, *key, *client_authorities;
} cmhd_settings;

/// Opens libmicrohttpd, once a process. Any thread. Returns NULL, or a lasting text that says why not.
const char *cmhd_load(void);
/// Starts a server without a thread of its own. Returns NULL if it cannot: with TLS, certificate or key are wrong.
cmhd_server *cmhd_start(const cmhd_settings *settings, const cmhd_callbacks *callbacks);
/// Ends every connection. No stream may be suspended.
void cmhd_stop(cmhd_server *server);
/// Readable when there is something to do.
int cmhd_descriptor(const cmhd_server *server);
/// When `cmhd_run` is due at the latest: milliseconds from now, or -1.
int64_t cmhd_timeout(const cmhd_server *server);
/// Does what there is to do, without waiting.
void cmhd_run(cmhd_server *server);

/// Answers with bytes, which are copied.
bool cmhd_respond(cmhd_connection *connection, unsigned status, const cmhd_field *fields, size_t field_count,
                  const void *body, size_t body_length);
/// Answers with what `read_stream` gives, until it has ended.
bool cmhd_respond_stream(cmhd_connection *connection, const cmhd_field *fields, size_t field_count, void *stream);
/// Goes on with a connection whose stream had nothing to give.
void cmhd_resume(cmhd_connection *connection);
/// Ends a connection, from outside of its callbacks.
void cmhd_shut(cmhd_connection *connection);

/// A field of the request's head, or NULL. Valid until the request is completed.
const char *cmhd_header(cmhd_connection *connection, const char *name);
/// How often a field stands in the request's head.
unsigned cmhd_header_count(cmhd_connection *connection, const char *name);
/// The peer's address, IPv4 as ::ffff:a.b.c.d.
void cmhd_address(cmhd_connection *connection, uint8_t address[16]);
/// Whether the peer has shown a certificate for clients that one of `client_authorities` has signed.
bool cmhd_has_client_certificate(cmhd_connection *connection);
