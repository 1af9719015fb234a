"""A consumer of the agent's alerts: `mosquitto_sub` with a session that outlives the broker. Standard library only."""

import datetime
import json
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.processes import find  # noqa: E402  (found by the line above)

COLOURS = {"warning": "33", "minor": "33", "major": "35", "critical": "31", "cleared": "32", "note": "36"}


def coloured(text, name):
    return f"\x1b[{COLOURS[name]}m{text}\x1b[0m" if sys.stdout.isatty() else text


def clock(seconds):
    return datetime.datetime.fromtimestamp(seconds).strftime("%H:%M:%S.%f")[:-5]


def seconds_of(text):
    """An RFC 3339 time as seconds since 1970."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Consumer:
    """Collects what the agent publishes, and prints a line for each alert."""

    def __init__(self, children, broker, agent="demo", quiet=False):
        self.children, self.broker, self.agent, self.quiet = children, broker, agent, quiet
        self.alerts = []  # in order of arrival: (time of arrival, event)
        self.states = {}  # asset → the last state message
        self.status = None
        self.duplicates = 0
        self._seen = set()
        self.online = threading.Event()

    def start(self):
        # -c and -x: the broker keeps the session and queues for it while this end is away.
        self.child = self.children.start(
            find("mosquitto_sub"), "-h", "127.0.0.1", "-p", self.broker.port, "-V", "5", "-i", "demo-consumer", "-c",
            "-x", "3600", "-q", "1", "-t", f"edge/{self.agent}/#", "-F", "%t %p", stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        threading.Thread(target=self._read, name="consumer", daemon=True).start()

    def stop(self):
        self.children.stop(self.child)

    def _read(self):
        for line in self.child.stdout:
            topic, _, payload = line.decode("utf-8", "replace").rstrip("\n").partition(" ")
            try:
                self._take(topic, json.loads(payload) if payload else None)
            except (ValueError, KeyError, TypeError) as error:
                print(f"  ? a message that this script does not understand on {topic}: {error!r}", flush=True)

    def _take(self, topic, message):
        kind = topic.split("/")[2]
        if kind == "status":
            self.status = message
            if message and message["status"] == "online":
                self.online.set()
        elif kind == "state" and message:
            self.states[message.get("asset")] = message
        elif kind == "alerts":
            if message["id"] in self._seen:
                self.duplicates += 1
                return
            self._seen.add(message["id"])
            self.alerts.append((time.time(), message))
            if not self.quiet:
                print(self._line(message), flush=True)

    @staticmethod
    def _line(event):
        data = event["data"]
        decided = seconds_of(event["time"])
        asset = event.get("subject", "")
        if event["type"].startswith("edge.alert.cleared"):
            words = coloured(f"▼ {asset:6} cleared ", "cleared")
        else:
            words = coloured(f"▲ {asset:6} {data['severity']:8}", data["severity"])
        score = f"score {data['score']:8.2f}" if data.get("score") is not None else ""
        causes = ", ".join(f"{c['channel']} {100 * c['share']:.0f} %" for c in data.get("contributors", [])[:2])
        if not event["type"].startswith("edge.alert.raised"):
            causes = ""
        late = coloured("  (kept while the uplink was away)", "note") if data["historical"] else ""
        return f"  {clock(decided)}  {words} {score}  {causes}{late}"
