"""The network between the agent and a broker: a TCP proxy that can be cut, stalled, reset or made to drop, and that reads what passes.

With TLS the faults are in the encrypted stream, and behind them a second proxy ends TLS and reads.
"""

import asyncio
import contextlib
import socket
import struct
import time

import mqtt

UP, DOWN = 0, 1  # from the agent, to the agent


class Connection:
    """One connection of the agent, and the one to the broker that belongs to it."""

    def __init__(self, proxy, agent, broker):
        self.proxy, self.ends = proxy, (agent, broker)
        self.version = 4
        self.since = time.monotonic()
        self.subscribed = False
        self.parsers = (mqtt.Parser(), mqtt.Parser())
        self.goes_by_packet = False  # what the agent sends is passed on packet by packet
        self.published = {}  # the agent's packet identifiers
        self.delivered = {}  # the broker's

    def pass_on(self, direction, data):
        """Reads along; returns the bytes that go on to the other end."""
        parser = self.parsers[direction]
        # Only between two packets can one begin to hold single ones back.
        if direction == UP and self.proxy.refusal and not parser.is_within_packet:
            self.goes_by_packet = True
        packets = parser.feed(data)
        self.tap(direction, packets)
        if direction == DOWN or not self.goes_by_packet:
            return data
        forwarded, answers = bytearray(), bytearray()
        for kind, flags, body in packets:
            if self.proxy.refusal and kind == mqtt.PUBLISH and flags & 6 and self.version == 5:
                answers += self.refuse(mqtt.read_publish(flags, body, 5)[1])
            else:
                forwarded += mqtt.packet(kind << 4 | flags, body)
        if answers:
            self.write(self.ends[0][1], bytes(answers))
        if not self.proxy.refusal and not parser.is_within_packet:
            self.goes_by_packet = False
        return bytes(forwarded)

    @staticmethod
    def write(writer, data):
        # asyncio's TLS transport that was aborted does not take it in silence.
        if data and not writer.transport.is_closing():
            writer.write(data)

    def refuse(self, identifier):
        """A PUBACK in the broker's place, which does not see the message."""
        self.proxy.refused += 1
        self.proxy.on_published(*self.published.pop(identifier), self.proxy.refusal)
        return mqtt.packet(0x40, struct.pack(">HBB", identifier, self.proxy.refusal, 0))

    def tap(self, direction, packets):
        for kind, flags, body in packets:
            if self.proxy.trace:
                self.proxy.trace(id(self) % 9973, direction, kind, flags, body)
            if kind == mqtt.PUBLISH:
                topic, identifier, payload = mqtt.read_publish(flags, body, self.version)
                if direction == UP:
                    self.published[identifier] = (topic, payload)
                else:
                    self.delivered[identifier] = (topic, payload)
            elif kind == mqtt.PUBACK:
                identifier, reason = body[0] << 8 | body[1], body[2] if len(body) > 2 else 0
                entry = (self.published if direction == DOWN else self.delivered).pop(identifier, None)
                if entry and direction == DOWN:
                    self.proxy.on_published(*entry, reason)
                elif entry:
                    self.proxy.on_taken(*entry)
            elif kind == mqtt.CONNECT:
                self.version = body[6]
            elif kind == mqtt.SUBACK or kind == mqtt.CONNACK and body[0] & 1:
                self.subscribed = True  # the session that the broker kept has the subscription

    def close(self, reset):
        for _, writer in self.ends:
            if reset:
                endpoint = writer.get_extra_info("socket")
                if endpoint is not None and endpoint.fileno() >= 0:
                    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            else:
                writer.close()


class Proxy:
    """Listens on a port of its own for the agent. What is set here holds for all connections until `heal()`."""

    def __init__(self, broker_port, tls=None):
        self.broker_port = broker_port
        self.tls = tls  # a server's context, if the agent is to speak TLS
        self.legs = set()  # connections on which faults act
        self.connections = set()  # those whose packets are read: the same ones, without TLS
        self.refusal = 0  # the reason code that PUBLISHes of the agent get in place of the broker's answer; 0: none
        self.refused = 0
        self.on_published = lambda topic, payload, reason: None  # the broker confirmed a message of the agent
        self.on_taken = lambda topic, payload: None  # the agent confirmed a message of the broker
        self.trace = None  # called with each packet
        self._open = True
        self._flowing = (asyncio.Event(), asyncio.Event())
        self._dropping = [False, False]
        self._limit = [None, None]
        for event in self._flowing:
            event.set()

    async def start(self):
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        self.next_port = self.broker_port
        if self.tls:
            self.inner = await asyncio.start_server(self._accept_decrypted, "127.0.0.1", 0, ssl=self.tls)
            self.next_port = self.inner.sockets[0].getsockname()[1]

    async def _accept(self, reader, writer):
        if not self._open:
            writer.transport.abort()
            return
        far = await self._connect(writer, self.next_port)
        if far is None:
            return
        if not self._open:
            writer.transport.abort()
            far[1].transport.abort()
            return
        await self._run(Connection(self, (reader, writer), far), self._pass, [self.legs] if self.tls else [self.legs, self.connections])

    async def _accept_decrypted(self, reader, writer):
        far = await self._connect(writer, self.broker_port)
        if far is not None:
            await self._run(Connection(self, (reader, writer), far), self._pass_decrypted, [self.connections])

    @staticmethod
    async def _connect(writer, port):
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return None

    @staticmethod
    async def _run(connection, function, sets):
        for _, end in connection.ends:
            endpoint = end.get_extra_info("socket")
            with contextlib.suppress(OSError):  # it may have gone already
                if endpoint is not None:
                    endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for one in sets:
            one.add(connection)
        try:
            await asyncio.wait({asyncio.create_task(function(connection, UP)), asyncio.create_task(function(connection, DOWN))},
                               return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in sets:
                one.discard(connection)
            connection.close(reset=False)

    async def _pass_decrypted(self, connection, direction):
        reader, writer = connection.ends[direction][0], connection.ends[1 - direction][1]
        try:
            while data := await reader.read(65536):
                connection.write(writer, connection.pass_on(direction, data))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass

    async def _pass(self, connection, direction):
        reader, writer = connection.ends[direction][0], connection.ends[1 - direction][1]
        pass_on = (lambda _, data: data) if self.tls else connection.pass_on
        try:
            while True:
                data = await reader.read(65536)
                if not data:
                    return
                limit = self._limit[direction]
                if limit is not None:
                    head, data = data[:limit], data[limit:]
                    self._limit[direction] = limit - len(head)
                    if head:
                        connection.write(writer, pass_on(direction, head))
                    if not data:
                        continue
                    self._flowing[direction].clear()
                if not self._flowing[direction].is_set():
                    await self._flowing[direction].wait()
                if self._dropping[direction]:
                    continue
                connection.write(writer, pass_on(direction, data))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass

    @property
    def is_subscribed(self):
        return any(connection.subscribed for connection in self.connections)

    def cut(self, reset=False):
        """Ends all connections, with FIN or RST, and takes no new ones."""
        self._open = False
        self.end_connections(reset)

    def end_connections(self, reset=False):
        for connection in list(self.legs):
            connection.close(reset)

    def drop(self, direction):
        """All bytes of one direction vanish: such a connection cannot be mended, only ended."""
        self._dropping[direction] = True

    def stall(self, direction, after=0):
        """Bytes of one direction wait, from the `after`th on."""
        self._limit[direction] = after

    def heal(self):
        """Connections in which bytes have vanished end; stalled ones go on."""
        if any(self._dropping):
            self.end_connections(reset=True)
        self._dropping = [False, False]
        self._limit = [None, None]
        for event in self._flowing:
            event.set()
        self._open = True
