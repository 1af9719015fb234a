"""What the checks share: the box with the package's service, the brokers, the plant, the consumer, and the registry. Standard library only."""

import json
import pathlib
import socket
import subprocess
import sys
import time

SCRIPTS = pathlib.Path(__file__).resolve().parents[1]
ROOT = SCRIPTS.parent
sys.path[:0] = [str(SCRIPTS), str(SCRIPTS / "demo"), str(SCRIPTS / "faults")]
import pump  # noqa: E402  (found by the line above)
import readings  # noqa: E402
from support.mqtt_publisher import Publisher  # noqa: E402
from support.processes import Broker, find, wait_for  # noqa: E402

UNIT = "edge-agent.service"
PLANT_PORT, UPLINK_PORT, REGISTRY_PORT = 1883, 1884, 5000
WATCHDOG_SECONDS = 6
LEVEL = ROOT / "Tests/EdgeAgentTests/Fixtures/level/bundle"

# Two pipelines: one with windows to be saved, and one whose alerts are known in advance.
CONFIGURATION = """\
agent: {{ id: box, logLevel: {log_level} }}
brokers:
  plant: {{ host: 127.0.0.1, reconnect: {{ initial: 100ms, maximum: 500ms }} }}
  uplink:
    host: 127.0.0.1
    port: 1884
    username: edge-agent
    passwordFile: ${{CREDENTIALS_DIRECTORY}}/uplink-password
    reconnect: {{ initial: 100ms, maximum: 500ms }}
sensors: {{ broker: plant }}
uplink: {{ broker: uplink }}
{more}
pipelines:
  - name: pumps
    topics: ["plant/{{site}}/pump/{{asset}}/readings"]
    model: /usr/share/edge-agent/demo-bundle
    budget: 1s
    payload:
      channels: {{ {channels} }}
  - name: line
    topics: ["line/{{asset}}"]
    model: {line_model}
    budget: {line_budget}
    onOverrun: evaluate
    {line_more}
"""
# Shorter than in the field, for the checks' sake; and a credential, as docs/install.md has it.
DROP_IN = f"""\
[Service]
WatchdogSec={WATCHDOG_SECONDS}
RestartSec=200ms
LoadCredential=uplink-password:/etc/edge-agent/uplink-password
"""
ASSETS = 5  # of the pipeline `line`
PASSWORD = "correct horse"
CHANNELS = ["vibration.x", "vibration.y", "temperature", "current", "pressure", "flow", "speed"]


class Skipped(Exception):
    """A check that this machine cannot make, with the reason."""


class Consumer:
    """Whoever takes alerts: a session that the uplink's broker keeps, one line a message in a file."""

    def __init__(self, children, directory):
        self.children, self.path, self.child = children, pathlib.Path(directory) / "consumer.log", None
        self.path.touch()

    def start(self):
        with open(self.path, "ab") as log:
            self.child = self.children.start(
                "stdbuf", "--output=L", find("mosquitto_sub"), "-h", "127.0.0.1", "-p", UPLINK_PORT, "-u", "edge-agent", "-P", PASSWORD,
                "-c", "-i", "consumer", "-q", "1", "-t", "edge/#", "-F", "%r %t %p", stdout=log, stderr=subprocess.DEVNULL)

    def messages(self, topic_prefix, offset=0):
        """(retained, topic, JSON) of what has come since the message number `offset` of all."""
        lines = self.path.read_text().splitlines()[offset:]
        parts = (line.split(" ", 2) for line in lines)
        return [(part[0] == "1", part[1], json.loads(part[2]) if part[2] else None) for part in parts
                if len(part) == 3 and part[1].startswith(topic_prefix)]

    @property
    def count(self):
        return len(self.path.read_text().splitlines())


class Stage:
    Skipped = Skipped

    def __init__(self, box, children, directory, package, agent):
        self.box, self.children, self.directory, self.package, self.agent = box, children, pathlib.Path(directory), package, agent
        passwords = self.directory / "passwords"
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "edge-agent", PASSWORD], check=True, capture_output=True)
        self.uplink = Broker(children, directory, "uplink", persistent=True, port=UPLINK_PORT,
                             settings=[f"password_file {passwords}", "allow_anonymous false"])
        self.consumer = Consumer(children, directory)
        self.pumps = {f"P-{index:03}": pump.Pump(index, 25.0) for index in range(5)}
        self.reading = 0

    # MARK: the service

    def configure(self, **changes):
        """Writes the configuration of the checks, with changes."""
        channels = ", ".join(f"{name}: {name}" for name in CHANNELS)
        values = dict(channels=channels, log_level="info", more="", line_budget="20ms", line_more="", line_model="/opt/level") | changes
        self.box.write("/etc/edge-agent/edge-agent.yaml", CONFIGURATION.format(**values), 0o640)
        self.box.run("chgrp", "edge-agent", "/etc/edge-agent/edge-agent.yaml")

    def systemctl(self, *words, **options):
        return self.box.run("systemctl", *words, **options)

    def state(self, unit=UNIT):
        return self.box.show(unit, "ActiveState")

    def main_pid(self, unit=UNIT):
        return int(self.box.show(unit, "MainPID"))

    def restarts(self):
        return int(self.box.show(UNIT, "NRestarts"))

    def status_text(self, unit=UNIT):
        return self.box.show(unit, "StatusText")

    def await_state(self, state, seconds=20, unit=UNIT):
        wait_for(lambda: self.state(unit) == state, seconds, f"{unit} to be {state} (it is {self.state(unit)}): that")

    def begin(self):
        """The service as the checks want it: running, with nothing remembered of restarts."""
        self.systemctl("reset-failed", UNIT, check=False)
        if self.state() != "active":
            self.configure()
            self.systemctl("start", "mosquitto", UNIT)
        if not self.uplink.answers():
            self.uplink.start()

    def await_restart(self, before, result, seconds):
        """Waits until another process has become ready, and asserts why the one before ended."""
        wait_for(lambda: self.state() == "active" and self.main_pid() not in (0, before), seconds, "the restarted service")
        assert self.restarts() == 1, f"it was restarted {self.restarts()} times"
        journal = self.box.journal(None, UNIT, "--lines=40")
        assert f"Failed with result '{result}'" in journal, f"the journal has no result '{result}':\n{journal}"

    # MARK: the plant

    def raise_or_clear(self):
        """Publishes a reading for each of the five assets that changes its alarm; returns whether they are raised now."""
        self.reading += 1
        publisher = Publisher(PLANT_PORT, "plant")
        publisher.publish((f"line/L-{asset}", readings.payload(self.reading, self.reading).decode()) for asset in range(ASSETS))
        publisher.close()
        return readings.is_raised(self.reading)

    def publish_pumps(self, batches):
        publisher = Publisher(PLANT_PORT, "pumps")
        for _ in range(batches):
            now = round(time.time() * 1000)
            publisher.publish((f"plant/demo/pump/{asset}/readings", pump.message(now, one.reading())) for asset, one in self.pumps.items())
            time.sleep(0.002)
        publisher.close()

    def alerts(self, offset):
        return [event for _, _, event in self.consumer.messages("edge/box/alerts/line/", offset)]

    def await_alerts(self, offset, count, seconds=10):
        wait_for(lambda: len(self.alerts(offset)) >= count, seconds, f"the {count}th alert")
        return self.alerts(offset)

    def assert_works(self):
        """A change of level comes out as alerts."""
        before = self.consumer.count
        self.raise_or_clear()
        self.await_alerts(before, ASSETS)


def silent_listener(port):
    """Accepts connections and never says a word: a broker that does not answer."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(16)
    return listener
