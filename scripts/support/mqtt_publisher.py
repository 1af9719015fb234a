"""Publishes on many topics over one connection: MQTT 3.1.1 at QoS 0, no more than the scripts here need. Standard library only."""

import socket
import struct


def _string(text):
    content = text.encode()
    return struct.pack(">H", len(content)) + content


def _packet(kind, body):
    length, size = b"", len(body)
    while True:
        size, digit = size >> 7, size & 0x7F
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            return bytes([kind]) + length + body


class Publisher:
    def __init__(self, port, identifier):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Level 4 is 3.1.1; a clean session; no keep alive, since it is only ever publishing.
        self.socket.sendall(_packet(0x10, _string("MQTT") + b"\x04\x02\x00\x00" + _string(identifier)))
        answer = self.socket.recv(4)
        if answer[:1] != b"\x20" or answer[3:4] != b"\x00":
            raise ConnectionError(f"the broker refused the connection: {answer!r}")

    def publish(self, messages):
        """messages: (topic, text) pairs, sent with one system call."""
        self.socket.sendall(b"".join(_packet(0x30, _string(topic) + text.encode()) for topic, text in messages))

    def close(self):
        """Ends the connection, once the broker has read all that was published."""
        self.socket.sendall(b"\xe0\x00")
        self.socket.settimeout(5)
        try:
            while self.socket.recv(64):
                pass
        except OSError:
            pass  # a broker that is gone or hangs: whoever published to it finds out by what does not arrive
        self.socket.close()
