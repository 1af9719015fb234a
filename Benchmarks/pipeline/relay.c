// The yardstick: a relay on libmosquitto that does no work at all. Subscribes to one filter and
// publishes each payload, as it came, to another topic, or to two of them; nothing else.
//
//     relay HOST PORT FILTER QOS OUT-TOPIC [RETAINED-OUT-TOPIC]
#define _GNU_SOURCE
#include <mosquitto.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static const char *filter, *out_topic, *retained_topic;
static int qos;

static void quick_ack(struct mosquitto *client) {
    int one = 1;
    setsockopt(mosquitto_socket(client), IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
}

static void on_connect(struct mosquitto *client, void *context, int code) {
    (void)context;
    if (code == 0) mosquitto_subscribe(client, NULL, filter, qos);
    fprintf(stderr, "relay: connected (%d)\n", code);
}

static void on_message(struct mosquitto *client, void *context,
                       const struct mosquitto_message *message) {
    (void)context;
    mosquitto_publish(client, NULL, out_topic, message->payloadlen, message->payload, qos, false);
    if (retained_topic)
        mosquitto_publish(client, NULL, retained_topic, message->payloadlen, message->payload, qos, true);
    quick_ack(client);
}

static void on_publish(struct mosquitto *client, void *context, int identifier) {
    (void)context;
    (void)identifier;
    quick_ack(client);
}

int main(int count, char **arguments) {
    if (count != 6 && count != 7) {
        fprintf(stderr, "usage: relay HOST PORT FILTER QOS OUT-TOPIC [RETAINED-OUT-TOPIC]\n");
        return 2;
    }
    filter = arguments[3];
    qos = atoi(arguments[4]);
    out_topic = arguments[5];
    retained_topic = count > 6 ? arguments[6] : NULL;
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(NULL, true, NULL);
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_max_inflight_messages_set(client, 200);
    mosquitto_threaded_set(client, true);
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_message_callback_set(client, on_message);
    mosquitto_publish_callback_set(client, on_publish);
    if (mosquitto_connect(client, arguments[1], atoi(arguments[2]), 60) != MOSQ_ERR_SUCCESS) return 1;
    return mosquitto_loop_forever(client, -1, 1);
}
