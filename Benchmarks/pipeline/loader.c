// Publishes readings at a steady rate and measures how long it takes until what they cause comes
// back.
//
//     loader HOST PORT RATE SECONDS QOS ASSETS IN-FILTER WINDOW steady|flip|READINGS [ROOT [GROUPS]]
//
// Readings go to ROOT/<group>/asset-<i>/reading, one asset after the other, spread over the groups, as
// {"ts":<microseconds since 1970>,"a":…,"b":…,"c":…,"d":…}. What comes back on IN-FILTER is matched by its time: either the
// reading itself (`"ts":…`, a relay) or an alert whose window ends with it (`"end":"…Z"`).
// RATE 0 is a closed loop with WINDOW readings outstanding: the best sustained rate.
// `flip`: each reading flips between a normal and a faulty level, so that each one causes an alert.
// `steady`: all are normal. A number: so many
// normal readings a message, as an array, a microsecond apart; RATE, WINDOW and the result count messages. What has not come back two seconds after the last reading counts as lost.
// The last line is one JSON object.
#define _GNU_SOURCE
#include <math.h>
#include <mosquitto.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CAPACITY = 1 << 22 };
static double *latencies;  // microseconds
static _Atomic uint64_t received, published;
static atomic_bool subscribed;
static const char *in_filter;
static int qos;

static int64_t now_microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void quick_ack(struct mosquitto *client) {
    int one = 1;
    setsockopt(mosquitto_socket(client), IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
}

static void on_connect(struct mosquitto *client, void *context, int code) {
    (void)context;
    if (code == 0) mosquitto_subscribe(client, NULL, in_filter, qos);
}

static void on_subscribe(struct mosquitto *client, void *context, int identifier, int count,
                         const int *granted) {
    (void)client, (void)context, (void)identifier, (void)count, (void)granted;
    atomic_store(&subscribed, true);
}

// The time that the message names, in microseconds since 1970; -1 if it names none.
static int64_t named_time(const char *payload) {
    const char *found = strstr(payload, "\"ts\":");
    if (found) return strtoll(found + 5, NULL, 10);
    found = strstr(payload, "\"end\":\"");
    if (!found) return -1;
    struct tm parts = {0};
    const char *rest = strptime(found + 7, "%Y-%m-%dT%H:%M:%S", &parts);
    if (!rest) return -1;
    double fraction = *rest == '.' ? strtod(rest, NULL) : 0;
    return (int64_t)timegm(&parts) * 1000000 + llround(fraction * 1e6);
}

static void on_message(struct mosquitto *client, void *context,
                       const struct mosquitto_message *message) {
    (void)context;
    int64_t now = now_microseconds();
    quick_ack(client);
    int64_t sent = message->payloadlen ? named_time(message->payload) : -1;
    if (sent < 0) return;
    uint64_t index = atomic_load(&received);
    if (index < CAPACITY) latencies[index] = (double)(now - sent);
    atomic_store(&received, index + 1);
}

static void on_publish(struct mosquitto *client, void *context, int identifier) {
    (void)context;
    (void)identifier;
    quick_ack(client);
}

static struct mosquitto *connected(const char *host, int port, bool subscribes) {
    struct mosquitto *client = mosquitto_new(NULL, true, NULL);
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_max_inflight_messages_set(client, 0);
    if (subscribes) {
        mosquitto_connect_callback_set(client, on_connect);
        mosquitto_subscribe_callback_set(client, on_subscribe);
        mosquitto_message_callback_set(client, on_message);
    } else {
        mosquitto_publish_callback_set(client, on_publish);
    }
    if (mosquitto_connect(client, host, port, 60) != MOSQ_ERR_SUCCESS) {
        fprintf(stderr, "loader: no broker at %s:%d\n", host, port);
        exit(1);
    }
    mosquitto_loop_start(client);
    return client;
}

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double percentile(uint64_t count, double fraction) {
    return count ? latencies[(uint64_t)(fraction * (double)(count - 1))] : NAN;
}

static int reading(char *text, size_t size, int64_t time, double level) {
    return snprintf(text, size, "{\"ts\":%lld,\"a\":%.3f,\"b\":%.3f,\"c\":%.3f,\"d\":%.3f}",
                    (long long)time, level, level * 0.5, level * 0.25, level * 2);
}

// An array of normal readings that end at `newest`. Only the times change: formatting it all anew would be the dearest part of
// a run.
static const char *batch_of(int readings, int64_t newest, int *length) {
    static char text[100 * 96];
    static int each, whole;
    if (whole == 0) {
        text[whole++] = '[';
        for (int index = 0; index < readings; index++) {
            each = reading(text + whole, sizeof text - (size_t)whole, newest, 1.0);
            whole += each;
            text[whole++] = index + 1 < readings ? ',' : ']';
        }
    }
    for (int index = 0; index < readings; index++) {
        // Behind `[{"ts":`; a time has 16 digits until the year 2286.
        char *digits = text + 1 + index * (each + 1) + 6;
        int64_t time = newest - (readings - 1 - index);
        for (int place = 15; place >= 0; place--, time /= 10) digits[place] = (char)('0' + time % 10);
    }
    *length = whole;
    return text;
}

int main(int count, char **arguments) {
    if (count < 10 || count > 12) {
        fprintf(stderr,
                "usage: loader HOST PORT RATE SECONDS QOS ASSETS IN-FILTER WINDOW "
                "steady|flip|READINGS [ROOT [GROUPS]]\n");
        return 2;
    }
    double rate = atof(arguments[3]), seconds = atof(arguments[4]);
    qos = atoi(arguments[5]);
    int assets = atoi(arguments[6]);
    in_filter = arguments[7];
    uint64_t window = strtoull(arguments[8], NULL, 10);
    bool flips = strcmp(arguments[9], "flip") == 0;
    int readings = atoi(arguments[9]);
    if (readings > 100) readings = 100;
    const char *root = count > 10 ? arguments[10] : "bench";
    int groups = count > 11 ? atoi(arguments[11]) : 1;
    latencies = calloc(CAPACITY, sizeof *latencies);
    int64_t *newest = calloc((size_t)assets, sizeof *newest);
    mosquitto_lib_init();
    int port = atoi(arguments[2]);
    struct mosquitto *subscriber = connected(arguments[1], port, true);
    struct mosquitto *publisher = connected(arguments[1], port, false);
    while (!atomic_load(&subscribed)) usleep(1000);

    int64_t start = now_microseconds(), last_progress = start;
    uint64_t last_received = 0;
    for (uint64_t index = 0;; index++) {
        int64_t now = now_microseconds();
        if ((double)(now - start) >= seconds * 1e6) break;
        if (rate > 0) {
            int64_t due = start + (int64_t)((double)index * 1e6 / rate);
            if (due > now) usleep((useconds_t)(due - now));
        } else {
            while (index - atomic_load(&received) >= window) {
                // What was coalesced never comes back: after a second without progress go on.
                now = now_microseconds();
                if (atomic_load(&received) != last_received) {
                    last_received = atomic_load(&received);
                    last_progress = now;
                } else if (now - last_progress > 1000000) {
                    break;
                }
                usleep(50);
            }
        }
        char topic[64], payload[192];
        int asset = (int)(index % (uint64_t)assets);
        double level = flips && (index / (uint64_t)assets) % 2 ? 8.0 : 1.0;
        int length;
        snprintf(topic, sizeof topic, "%s/%d/asset-%d/reading", root, asset % groups, asset);
        if (readings > 0) {
            // No reading of an asset is older than those of its last message, however soon that was.
            newest[asset] = newest[asset] + readings;
            if (newest[asset] < now_microseconds()) newest[asset] = now_microseconds();
            const char *batch = batch_of(readings, newest[asset], &length);
            mosquitto_publish(publisher, NULL, topic, length, batch, qos, false);
        } else {
            length = reading(payload, sizeof payload, now_microseconds(), level);
            mosquitto_publish(publisher, NULL, topic, length, payload, qos, false);
        }
        atomic_fetch_add(&published, 1);
    }
    double elapsed = (double)(now_microseconds() - start) / 1e6;
    for (int wait = 0; wait < 2000 && atomic_load(&received) < atomic_load(&published); wait++) usleep(1000);
    uint64_t total = atomic_load(&received), kept = total < CAPACITY ? total : CAPACITY;
    mosquitto_disconnect(publisher);
    mosquitto_disconnect(subscriber);
    qsort(latencies, kept, sizeof *latencies, ascending);
    printf("{\"published\":%llu,\"received\":%llu,\"rate\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f,"
           "\"p999_us\":%.0f,\"max_us\":%.0f}\n",
           (unsigned long long)atomic_load(&published), (unsigned long long)total,
           (double)total / elapsed, percentile(kept, 0.5), percentile(kept, 0.99),
           percentile(kept, 0.999), kept ? latencies[kept - 1] : NAN);
    return 0;
}
