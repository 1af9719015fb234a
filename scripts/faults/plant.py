"""The processes of a run: two brokers, the agent between them, and what stands on either side of it. Standard library only."""

import asyncio
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import time

import mqtt
import proxy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.processes import Broker  # noqa: E402  (found by the line above)

BUNDLE = pathlib.Path(__file__).resolve().parents[2] / "Tests/EdgeAgentTests/Fixtures/level/bundle"
AGENT, PIPELINE = "box", "line"
# mosquitto writes its store every second, so a kill -9 costs it what it has confirmed since: see Loader.rewind and Audit.lost.
PERSISTENCE = ["autosave_interval 1", "max_inflight_messages 0", "message_size_limit 0"]
CONFIGURATION = """
agent: {{ id: {agent}, stateDirectory: {state} }}
brokers:
{brokers}sensors: {{ broker: sensors }}
uplink: {{ broker: {uplink} }}
outbox: {{ maximumBytes: 256MiB }}
pipelines:
  - name: {pipeline}
    topics: ["plant/{{asset}}"]
    model: {bundle}
    onOverrun: evaluate
    budget: 1m
    predictions: {{ mode: "{predictions}" }}
"""
BROKER = ("  {name}: {{ host: 127.0.0.1, port: {port}, keepAlive: 5s, connectTimeout: 2s, reconnect: {{ initial: 20ms, maximum: 200ms }}"
          "{tls} }}\n")


class Authority:
    """A certificate authority for one run, with a certificate for the brokers; made by openssl."""

    def __init__(self, directory):
        self.certificate, key = directory / "ca.pem", directory / "ca-key.pem"
        broker, broker_key, request = directory / "broker.pem", directory / "broker-key.pem", directory / "broker.csr"
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self._openssl("req", "-x509", *curve, "-keyout", key, "-out", self.certificate, "-days", "2", "-subj", "/CN=faults")
        self._openssl("req", *curve, "-keyout", broker_key, "-out", request, "-subj", "/CN=127.0.0.1")
        names = directory / "names.conf"
        names.write_text("subjectAltName=IP:127.0.0.1\n")
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", key, "-CAcreateserial", "-out", broker,
                      "-days", "2", "-extfile", names)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(broker, broker_key)

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Station:
    """A broker with the proxy through which the agent reaches it."""

    def __init__(self, children, directory, name, settings=(), authority=None):
        self.broker = Broker(children, directory, name, persistent=True, settings=[*PERSISTENCE, *settings])
        self.authority = authority
        self.proxy = proxy.Proxy(self.broker.port, authority.context if authority else None)
        self.clients = []  # the loader, the consumer: they do not go through the proxy

    @property
    def configuration(self):
        """The broker as the agent's configuration names it."""
        tls = f", tls: {{ ca: {self.authority.certificate} }}" if self.authority else ""
        return BROKER.format(name=self.broker.name, port=self.proxy.port, tls=tls)

    @property
    def is_ready(self):
        return all(client.ready.is_set() for client in self.clients)

    async def start(self):
        await asyncio.to_thread(self.broker.start)
        await self.proxy.start()

    async def stop(self, how):
        """Ends the broker; the agent finds nobody until `resume()`."""
        self.proxy.cut(reset=how == signal.SIGKILL)
        await asyncio.to_thread(self.broker.children.stop, self.broker.child, 5.0, how)

    async def resume(self):
        await asyncio.to_thread(self.broker.start)
        # Nobody but the broker would be to blame for what the agent sends to no session.
        await wait_for(lambda: self.is_ready, 10, f"the sessions at the {self.broker.name} broker")
        self.proxy.heal()


class AgentProcess:
    """The agent under a supervisor: as systemd does, it starts it again when it has ended by itself."""

    def __init__(self, children, path, directory, environment, configuration):
        self.children, self.path, self.directory = children, path, pathlib.Path(directory)
        self.environment, self.configuration = environment, configuration
        self.child = None
        self.log_path = self.directory / "agent.log"
        self.starts = self.exits = 0
        self.last_exits = []
        self.wanted = False
        self.started_at = 0.0
        self.on_unexpected_end = lambda status: None

    def start(self):
        self.wanted = True
        self.starts += 1
        self.started_at = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.child = self.children.start(self.path, "run", "--config", self.configuration, stdout=log, stderr=subprocess.STDOUT,
                                             env=dict(os.environ, **self.environment))

    async def stop(self, how=signal.SIGTERM, patience=5.0):
        self.wanted = False
        return await asyncio.to_thread(self.children.stop, self.child, patience, how)

    async def supervise(self):
        while True:
            await asyncio.sleep(0.05)
            if self.wanted and self.child.poll() is not None:
                self.exits += 1
                self.last_exits.append(self.child.returncode)
                self.on_unexpected_end(self.child.returncode)
                if self.child in self.children.running:
                    self.children.running.remove(self.child)
                await asyncio.sleep(0.1)
                if self.wanted:
                    self.start()

    def resident_kilobytes(self):
        """(resident memory, open descriptors), None while it does not run."""
        try:
            text = pathlib.Path(f"/proc/{self.child.pid}/smaps_rollup").read_text()
            size = int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1])
            return size, len(os.listdir(f"/proc/{self.child.pid}/fd"))
        except (OSError, StopIteration):
            return None


class Loader:
    """Publishes readings at a rate, asset by asset in turn; it rests while the agent is too far behind."""

    def __init__(self, client, audit, rate, longest_lag):
        self.client, self.audit, self.rate, self.longest_lag = client, audit, rate, longest_lag
        self.assets = list(audit.assets)
        self.turn = 0
        self.running = False
        self.rests = 0
        client.on_acknowledged = audit.acknowledged

    async def run(self):
        due = time.monotonic()
        while True:
            await asyncio.sleep(0.01)
            now = time.monotonic()
            if not self.running or not self.client.has_room or self.audit.lag > self.longest_lag:
                self.rests += self.running
                due = now
                continue
            due = max(due, now - 0.2)
            while due <= now and self.client.has_room:
                self.publish_next()
                due += 1 / self.rate

    def publish_next(self):
        name = self.assets[self.turn % len(self.assets)]
        self.turn += 1
        asset = self.audit.assets[name]
        asset.issued += 1
        self.client.publish(f"plant/{name}", asset.payload(asset.issued), (name, asset.issued))

    def rewind(self):
        """The sensors' broker may have lost what it had confirmed: all that the agent has not confirmed is published again.

        From the last reading that it has confirmed, so that each alarm is as it was before the next one.
        """
        self.client.forget()
        for name, asset in self.audit.assets.items():
            for number in range(max(asset.taken, 1), asset.issued + 1):
                self.client.publish(f"plant/{name}", asset.payload(number), (name, number))


async def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not there within {seconds:g} s")
        await asyncio.sleep(0.01)


async def retained_messages(port):
    """What a consumer finds who comes now."""
    found = {}
    client = mqtt.Client(port, "newcomer", ["edge/#"], clean=True)
    client.on_message = lambda topic, payload, retained, again: found.__setitem__(topic, payload) if retained else None
    await wait_for(lambda: client.ready.is_set(), 10, "the newcomer's session")
    count = -1
    while len(found) != count:
        count = len(found)
        await asyncio.sleep(0.3)
    client.close()
    return found
