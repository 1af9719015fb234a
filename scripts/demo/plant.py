"""The simulated plant: several pumps that publish through `mosquitto_pub`, in real time. Standard library only."""

import subprocess
import sys
import pathlib
import threading
import time

import pump

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.processes import find  # noqa: E402  (found by the line above)


class Plant:
    """Pumps P-101, P-102, … on one broker, one `mosquitto_pub -l` a topic."""

    def __init__(self, children, broker, pumps=5, rate=25.0, first_seed=300):
        self.children, self.broker, self.rate = children, broker, rate
        self.pumps = {f"P-{101 + index}": pump.Pump(first_seed + index, rate) for index in range(pumps)}
        self.publishers = {}
        self.readings = 0
        self.started = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plant", daemon=True)

    def start(self):
        for asset in self.pumps:
            self.publishers[asset] = self.children.start(
                find("mosquitto_pub"), "-h", "127.0.0.1", "-p", self.broker.port, "-i", f"sensor-{asset}", "-q", "1",
                "-t", f"plant/demo/pump/{asset}/readings", "-l", stdin=subprocess.PIPE, text=True)
        self.started = time.monotonic()
        self._thread.start()

    @property
    def seconds(self):
        """How long the pumps have been running: the time base of faults."""
        return time.monotonic() - self.started

    def break_pump(self, asset, kind, start, duration):
        """Lets a fault come at `start` (seconds of the plant) and go after `duration`."""
        self.pumps[asset].faults = [pump.Fault(kind, start, duration)]

    def stop(self):
        self._stopping.set()
        self._thread.join(2)
        for publisher in self.publishers.values():
            publisher.stdin.close()
        for publisher in self.publishers.values():
            self.children.stop(publisher)

    def _run(self):
        turn = 0
        while not self._stopping.is_set():
            turn += 1
            if self._stopping.wait(max(0.0, self.started + turn / self.rate - time.monotonic())):
                return
            now = round(time.time() * 1000)
            for asset, one in self.pumps.items():
                publisher = self.publishers[asset].stdin
                try:
                    publisher.write(pump.message(now, one.reading()) + "\n")
                    publisher.flush()
                except (BrokenPipeError, ValueError):
                    return
                self.readings += 1
