#define _GNU_SOURCE
#include "cmicrohttpd.h"

#include <dlfcn.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <open_library.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

// gnutls_typed_vdata_st and the constants of GnuTLS 3.x, whose headers are not needed otherwise.
struct typed_data {
    unsigned type;
    const unsigned char *data;
    unsigned size;
};
enum { key_purpose_oid = 2 };
static const char client_authentication[] = "1.3.6.1.5.5.7.3.2";

static struct {
    struct MHD_Daemon *(*start)(unsigned, uint16_t, MHD_AcceptPolicyCallback, void *, MHD_AccessHandlerCallback, void *,
                                ...);
    void (*stop)(struct MHD_Daemon *);
    enum MHD_Result (*run)(struct MHD_Daemon *);
    enum MHD_Result (*timeout)(struct MHD_Daemon *, MHD_UNSIGNED_LONG_LONG *);
    const union MHD_DaemonInfo *(*daemon_info)(struct MHD_Daemon *, enum MHD_DaemonInfoType, ...);
    const union MHD_ConnectionInfo *(*connection_info)(struct MHD_Connection *, enum MHD_ConnectionInfoType, ...);
    struct MHD_Response *(*from_buffer)(size_t, void *, enum MHD_ResponseMemoryMode);
    struct MHD_Response *(*from_callback)(uint64_t, size_t, MHD_ContentReaderCallback, void *,
                                          MHD_ContentReaderFreeCallback);
    enum MHD_Result (*add_header)(struct MHD_Response *, const char *, const char *);
    enum MHD_Result (*queue)(struct MHD_Connection *, unsigned, struct MHD_Response *);
    void (*destroy)(struct MHD_Response *);
    void (*suspend)(struct MHD_Connection *);
    void (*resume)(struct MHD_Connection *);
    const char *(*lookup)(struct MHD_Connection *, enum MHD_ValueKind, const char *);
    int (*values)(struct MHD_Connection *, enum MHD_ValueKind, MHD_KeyValueIterator, void *);
    int (*verify_peers)(void *, struct typed_data *, unsigned, unsigned *);
} api;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static els_library library = {"libmicrohttpd.so.12", .package = "libmicrohttpd12", .oldest_version = "0.9.75"};

static void load(void) {
    static const els_function functions[] = {
        {"MHD_start_daemon", &api.start},
        {"MHD_stop_daemon", &api.stop},
        {"MHD_run", &api.run},
        {"MHD_get_timeout", &api.timeout},
        {"MHD_get_daemon_info", &api.daemon_info},
        {"MHD_get_connection_info", &api.connection_info},
        {"MHD_create_response_from_buffer", &api.from_buffer},
        {"MHD_create_response_from_callback", &api.from_callback},
        {"MHD_add_response_header", &api.add_header},
        {"MHD_queue_response", &api.queue},
        {"MHD_destroy_response", &api.destroy},
        {"MHD_suspend_connection", &api.suspend},
        {"MHD_resume_connection", &api.resume},
        {"MHD_lookup_connection_value", &api.lookup},
        {"MHD_get_connection_values", &api.values},
    };
    void *handle = els_open_library(&library, functions, sizeof functions / sizeof *functions);
    if (handle == NULL) return;
    // Of GnuTLS, which the library brings along where it was built with it.
    void *verify = dlsym(handle, "gnutls_certificate_verify_peers");
    *(void **)&api.verify_peers = verify;
}

const char *cmhd_load(void) {
    pthread_once(&once, load);
    return library.failure[0] == 0 ? NULL : library.failure;
}

struct cmhd_server {
    struct MHD_Daemon *daemon;
    cmhd_callbacks callbacks;
    int descriptor;
};

struct cmhd_connection {
    struct MHD_Connection *handle;
    cmhd_server *server;
    void *state;
    int descriptor;
    bool is_answering;
    size_t target_length;
    char target[CMHD_MAXIMUM_TARGET + 1];
};

/// A stream under way, and its owner's pointer. It may outlive our half of its connection.
struct stream {
    cmhd_server *server;
    struct MHD_Connection *handle;
    void *owner;
};

static cmhd_connection *connection_of(struct MHD_Connection *handle) {
    const union MHD_ConnectionInfo *info = api.connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

static void notify_connection(void *context, struct MHD_Connection *handle, void **slot,
                              enum MHD_ConnectionNotificationCode code) {
    cmhd_server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        cmhd_connection *connection = calloc(1, sizeof *connection);
        *slot = connection;
        if (connection == NULL) {
            return;
        }
        const union MHD_ConnectionInfo *info = api.connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD);
        connection->handle = handle;
        connection->server = server;
        connection->descriptor = info == NULL ? -1 : info->connect_fd;
        connection->state = server->callbacks.opened(server->callbacks.context, connection);
    } else if (*slot != NULL) {
        cmhd_connection *connection = *slot;
        server->callbacks.closed(server->callbacks.context, connection->state);
        free(connection);
        *slot = NULL;
    }
}

/// Keeps the target as it came: the library cuts and decodes it in place afterwards.
static void *note_target(void *context, const char *target, struct MHD_Connection *handle) {
    (void)context;
    cmhd_connection *connection = connection_of(handle);
    if (connection == NULL) {
        return NULL;
    }
    size_t length = strnlen(target, CMHD_MAXIMUM_TARGET + 1);
    connection->target_length = length > CMHD_MAXIMUM_TARGET ? 0 : length;
    memcpy(connection->target, target, connection->target_length);
    connection->target[connection->target_length] = '\0';
    connection->is_answering = false;
    return NULL;
}

static size_t keep_escapes(void *context, struct MHD_Connection *handle, char *text) {
    (void)context;
    (void)handle;
    return strlen(text);
}

static enum MHD_Result answer(void *context, struct MHD_Connection *handle, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **request) {
    (void)url;
    (void)version;
    (void)data;
    cmhd_server *server = context;
    cmhd_connection *connection = connection_of(handle);
    if (connection == NULL) {
        return MHD_NO;
    }
    const char *length = api.lookup(handle, MHD_HEADER_KIND, "Content-Length");
    bool has_body = (length != NULL && strcmp(length, "0") != 0) ||
                    api.lookup(handle, MHD_HEADER_KIND, "Transfer-Encoding") != NULL;
    // The first call comes with the head; without a body the second follows at once, and the connection can be kept.
    if (*request == NULL && !has_body) {
        *request = connection;
        return MHD_YES;
    }
    if (connection->is_answering) {
        *size = 0;
        return MHD_YES;
    }
    connection->is_answering = true;
    server->callbacks.answer(server->callbacks.context, connection->state, connection, method, connection->target,
                             connection->target_length, has_body);
    return MHD_YES;
}

static void completed(void *context, struct MHD_Connection *handle, void **request,
                      enum MHD_RequestTerminationCode code) {
    (void)request;
    (void)code;
    cmhd_server *server = context;
    cmhd_connection *connection = connection_of(handle);
    if (connection != NULL) {
        server->callbacks.completed(server->callbacks.context, connection->state);
    }
}

cmhd_server *cmhd_start(const cmhd_settings *settings, const cmhd_callbacks *callbacks) {
    cmhd_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return NULL;
    }
    server->callbacks = *callbacks;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    struct MHD_OptionItem tls[5] = {{MHD_OPTION_END, 0, NULL}};
    if (settings->certificate != NULL) {
        size_t count = 0;
        flags |= MHD_USE_TLS;
        tls[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)settings->certificate};
        tls[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)settings->key};
        tls[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
                                               "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"};
        if (settings->client_authorities != NULL) {
            tls[count++] =
                (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, (void *)settings->client_authorities};
        }
        tls[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    }
    server->daemon = api.start(
        flags, 0, NULL, NULL, answer, server, MHD_OPTION_LISTEN_SOCKET, settings->listener,
        MHD_OPTION_CONNECTION_LIMIT, settings->connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        settings->connections_per_address, MHD_OPTION_CONNECTION_MEMORY_LIMIT, settings->memory_bytes,
        MHD_OPTION_CONNECTION_TIMEOUT, settings->timeout_seconds, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_NOTIFY_CONNECTION, notify_connection, server,
        MHD_OPTION_NOTIFY_COMPLETED, completed, server, MHD_OPTION_URI_LOG_CALLBACK, note_target, server,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        server->daemon == NULL ? NULL : api.daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL) {
        free(server);
        return NULL;
    }
    server->descriptor = info->epoll_fd;
    return server;
}

void cmhd_stop(cmhd_server *server) {
    api.stop(server->daemon);
    free(server);
}

int cmhd_descriptor(const cmhd_server *server) { return server->descriptor; }

int64_t cmhd_timeout(const cmhd_server *server) {
    MHD_UNSIGNED_LONG_LONG milliseconds = 0;
    if (api.timeout(server->daemon, &milliseconds) != MHD_YES) {
        return -1;
    }
    return milliseconds > 3600000 ? 3600000 : (int64_t)milliseconds;
}

void cmhd_run(cmhd_server *server) { (void)api.run(server->daemon); }

/// Adds the fields, queues the response and lets go of it. What was made is freed in any case.
static bool queue(cmhd_connection *connection, unsigned status, const cmhd_field *fields, size_t count,
                  struct MHD_Response *response) {
    bool is_good = response != NULL;
    for (size_t i = 0; is_good && i < count; i++) {
        is_good = api.add_header(response, fields[i].name, fields[i].value) == MHD_YES;
    }
    is_good = is_good && api.queue(connection->handle, status, response) == MHD_YES;
    if (response != NULL) {
        api.destroy(response);
    }
    return is_good;
}

bool cmhd_respond(cmhd_connection *connection, unsigned status, const cmhd_field *fields, size_t field_count,
                  const void *body, size_t body_length) {
    return queue(connection, status, fields, field_count,
                 api.from_buffer(body_length, (void *)body, MHD_RESPMEM_MUST_COPY));
}

static ssize_t read_stream(void *context, uint64_t position, char *bytes, size_t capacity) {
    (void)position;
    struct stream *stream = context;
    long count = stream->server->callbacks.read_stream(stream->owner, bytes, capacity);
    if (count < 0) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (count == 0) {
        api.suspend(stream->handle);
    }
    return (ssize_t)count;
}

static void release_stream(void *context) {
    struct stream *stream = context;
    stream->server->callbacks.release_stream(stream->owner);
    free(stream);
}

bool cmhd_respond_stream(cmhd_connection *connection, const cmhd_field *fields, size_t field_count, void *owner) {
    struct stream *stream = malloc(sizeof *stream);
    if (stream == NULL) {
        connection->server->callbacks.release_stream(owner);
        return false;
    }
    *stream = (struct stream){connection->server, connection->handle, owner};
    struct MHD_Response *response =
        api.from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, stream, release_stream);
    if (response == NULL) {
        release_stream(stream);
        return false;
    }
    return queue(connection, 200, fields, field_count, response);
}

void cmhd_resume(cmhd_connection *connection) { api.resume(connection->handle); }

void cmhd_shut(cmhd_connection *connection) { (void)shutdown(connection->descriptor, SHUT_RDWR); }

const char *cmhd_header(cmhd_connection *connection, const char *name) {
    return api.lookup(connection->handle, MHD_HEADER_KIND, name);
}

struct counting {
    const char *name;
    unsigned count;
};

static enum MHD_Result count_field(void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
    (void)kind;
    (void)value;
    struct counting *counting = context;
    counting->count += strcasecmp(name, counting->name) == 0;
    return MHD_YES;
}

unsigned cmhd_header_count(cmhd_connection *connection, const char *name) {
    struct counting counting = {name, 0};
    (void)api.values(connection->handle, MHD_HEADER_KIND, count_field, &counting);
    return counting.count;
}

void cmhd_address(cmhd_connection *connection, uint8_t address[16]) {
    memset(address, 0, 16);
    const union MHD_ConnectionInfo *info =
        api.connection_info(connection->handle, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info == NULL || info->client_addr == NULL) {
        return;
    }
    if (info->client_addr->sa_family == AF_INET6) {
        memcpy(address, &((const struct sockaddr_in6 *)info->client_addr)->sin6_addr, 16);
    } else if (info->client_addr->sa_family == AF_INET) {
        address[10] = address[11] = 0xFF;
        memcpy(address + 12, &((const struct sockaddr_in *)info->client_addr)->sin_addr, 4);
    }
}

bool cmhd_has_client_certificate(cmhd_connection *connection) {
    const union MHD_ConnectionInfo *info =
        api.connection_info(connection->handle, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info == NULL || info->tls_session == NULL || api.verify_peers == NULL) {
        return false;
    }
    struct typed_data purpose = {key_purpose_oid, (const unsigned char *)client_authentication, 0};
    unsigned status = ~0U;
    return api.verify_peers(info->tls_session, &purpose, 1, &status) == 0 && status == 0;
}
