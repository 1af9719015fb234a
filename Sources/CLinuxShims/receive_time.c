// When received bytes became readable. Apart from the other shims: <linux/tcp.h> and <netinet/tcp.h> exclude each other.
#define _GNU_SOURCE
#include "linux_shims.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

void els_enable_receive_time(int socket) {
    int one = 1;
    setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
}

int64_t els_receive_age(int socket) {
    char byte, control[128];
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT) <= 0) return -1;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SO_TIMESTAMPNS) continue;
        struct timespec then, now;
        memcpy(&then, CMSG_DATA(part), sizeof then);
        clock_gettime(CLOCK_REALTIME, &now);
        int64_t age = ((int64_t)now.tv_sec - then.tv_sec) * 1000000000 + now.tv_nsec - then.tv_nsec;
        return age < 0 ? -1 : age;
    }
    return -1;
}

int els_stream_position(int socket, uint64_t *received, uint64_t *unread) {
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    int queued = 0;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return -1;
    if (ioctl(socket, SIOCINQ, &queued) != 0 || queued < 0) return -1;
    *received = info.tcpi_bytes_received;
    *unread = (uint64_t)queued;
    return 0;
}
