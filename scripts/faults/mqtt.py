"""MQTT for the fault harness: a parser of packets (3.1.1 and 5), and a 3.1.1 client at QoS 1 that outlives its broker. Standard library only."""

import asyncio
import collections
import struct

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9


def string(text):
    content = text.encode() if isinstance(text, str) else text
    return struct.pack(">H", len(content)) + content


def packet(first, body):
    length, size = bytearray(), len(body)
    while True:
        size, digit = size >> 7, size & 0x7F
        length.append(digit | (0x80 if size else 0))
        if not size:
            return bytes([first]) + bytes(length) + body


class Parser:
    """Cuts a stream of bytes into packets."""

    def __init__(self):
        self._bytes = bytearray()

    @property
    def is_within_packet(self):
        return bool(self._bytes)

    def feed(self, data):
        """Returns the (type, flags, body) of all packets that are complete now."""
        self._bytes += data
        bytes_, packets, start, end = self._bytes, [], 0, len(self._bytes)
        while end - start >= 2:
            length, shift, position = 0, 0, start + 1
            while position < end:
                digit = bytes_[position]
                position += 1
                length |= (digit & 0x7F) << shift
                shift += 7
                if not digit & 0x80:
                    break
            else:
                break
            if end - position < length:
                break
            packets.append((bytes_[start] >> 4, bytes_[start] & 15, bytes(bytes_[position:position + length])))
            start = position + length
        del bytes_[:start]
        return packets


def read_publish(flags, body, version=4):
    """(topic, packet identifier or None, payload) of a PUBLISH."""
    size = body[0] << 8 | body[1]
    topic, position, identifier = body[2:2 + size].decode(), 2 + size, None
    if flags & 6:
        identifier = body[position] << 8 | body[position + 1]
        position += 2
    if version == 5:
        length, shift = 0, 0
        while True:
            digit = body[position]
            position += 1
            length |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                break
        position += length
    return topic, identifier, body[position:]


class Client:
    """Connects again for ever; publishes in order, each message again until its PUBACK; its session is kept by the broker.

    on_message(topic, payload, retained, again) and on_acknowledged(token) run on the loop.
    """

    window = 2000  # messages without a PUBACK

    def __init__(self, port, identifier, subscriptions=(), clean=False):
        self.port, self.identifier, self.subscriptions, self.clean = port, identifier, subscriptions, clean
        self.on_message = self.on_acknowledged = lambda *_: None
        self.ready = asyncio.Event()  # connected and subscribed
        self.unacknowledged = collections.OrderedDict()  # packet identifier → (topic, payload, token)
        self._next = 0
        self._writer = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def has_room(self):
        return self.ready.is_set() and len(self.unacknowledged) < self.window

    def publish(self, topic, payload, token=None):
        self._next = self._next % 65535 + 1
        self.unacknowledged[self._next] = (topic, payload, token)
        self._write(packet(0x32, string(topic) + struct.pack(">H", self._next) + payload))

    def forget(self):
        """Drops what waits for its PUBACK; returns the tokens."""
        tokens = [token for _, _, token in self.unacknowledged.values()]
        self.unacknowledged.clear()
        return tokens

    def close(self):
        self._task.cancel()
        self._write(b"\xe0\x00")
        if self._writer:
            self._writer.close()

    def _write(self, data):
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(data)

    async def _run(self):
        while True:
            try:
                await self._connection()
            except (OSError, EOFError, asyncio.IncompleteReadError):
                pass
            finally:
                self.ready.clear()
                if self._writer:
                    self._writer.close()
                self._writer = None
            await asyncio.sleep(0.02)

    async def _connection(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        parser = Parser()
        flags = 2 if self.clean else 0
        writer.write(packet(0x10, string("MQTT") + bytes([4, flags, 0, 0]) + string(self.identifier)))
        self._writer = writer
        while True:
            data = await reader.read(65536)
            if not data:
                raise EOFError
            answers = bytearray()
            for kind, flags, body in parser.feed(data):
                if kind == PUBLISH:
                    topic, identifier, payload = read_publish(flags, body)
                    self.on_message(topic, payload, bool(flags & 1), bool(flags & 8))
                    if identifier is not None:
                        answers += packet(0x40, struct.pack(">H", identifier))
                elif kind == PUBACK:
                    entry = self.unacknowledged.pop(body[0] << 8 | body[1], None)
                    if entry:
                        self.on_acknowledged(entry[2])
                elif kind == CONNACK:
                    if body[1]:
                        raise OSError(f"refused: {body[1]}")
                    if self.subscriptions:
                        topics = b"".join(string(topic) + b"\x01" for topic in self.subscriptions)
                        writer.write(packet(0x82, b"\x00\x01" + topics))
                    else:
                        self._begin()
                elif kind == SUBACK:
                    self._begin()
            if answers:
                writer.write(bytes(answers))

    def _begin(self):
        for identifier, (topic, payload, _) in list(self.unacknowledged.items()):
            self._write(packet(0x3A, string(topic) + struct.pack(">H", identifier) + payload))
        self.ready.set()
