#!/usr/bin/env python3
"""The whole way on one machine: simulated pumps → broker → edge-agent → broker → a consumer on the terminal.

    make demo                     runs until Ctrl-C
    DEMO_SECONDS=30 make demo     ends by itself: status 0 only if every fault raised an alert and cleared it, and nothing was lost

Half way the uplink's broker is stopped and started again. What the agent decides meanwhile comes afterwards, marked historical.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import audit
import consumer
import plant

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.processes import Broker, Children, free_port, wait_for  # noqa: E402  (found by the line above)

CONFIGURATION = pathlib.Path(__file__).resolve().parents[2] / "config/demo/edge-agent.yaml"
CYCLE = 40.0  # seconds of a cycle when no end is set
# Of one cycle, as shares of its length: (pump, fault, from, to). The second is decided while the uplink is away, the third
# is raised while it is away and cleared when it is back.
FAULTS = ((1, "imbalance", 0.10, 0.25), (3, "cavitation", 0.42, 0.53), (0, "bearing-wear", 0.58, 0.78))
OUTAGE = (0.38, 0.66)
EXPLANATION = """
  Five pumps, 25 readings a second each, seven channels. ▲ raised with its causes, ▼ cleared.
  The status page of the agent: http://localhost:{port}/
"""


def note(text):
    print(consumer.coloured(f"  {consumer.clock(time.time())}  · {text}", "note"), flush=True)


class Demo:
    def __init__(self, agent, directory, children):
        self.directory, self.children = pathlib.Path(directory), children
        self.plant_broker = Broker(children, directory, "plant")
        self.uplink = Broker(children, directory, "uplink", persistent=True)
        self.consumer = consumer.Consumer(children, self.uplink)
        self.plant = plant.Plant(children, self.plant_broker)
        self.agent_path = agent
        self.http_port = free_port()
        self.faults, self.outages = [], []

    def start(self):
        self.plant_broker.start()
        self.uplink.start()
        self.consumer.start()
        state = self.directory / "state"
        state.mkdir()
        # The configuration runs as it stands in the tree; only the ports and the directory are this run's own.
        environment = dict(
            os.environ, EDGE_AGENT_AGENT_STATE_DIRECTORY=str(state), EDGE_AGENT_BROKERS_PLANT_PORT=str(self.plant_broker.port),
            EDGE_AGENT_BROKERS_UPLINK_PORT=str(self.uplink.port), EDGE_AGENT_HTTP_ENABLED="true", EDGE_AGENT_HTTP_PORT=str(self.http_port))
        with open(self.directory / "agent.log", "wb") as log:
            self.agent = self.children.start(self.agent_path, "run", "--config", CONFIGURATION, stdout=log, stderr=subprocess.STDOUT,
                                             env=environment)
        wait_for(lambda: self.consumer.online.is_set() or self._agent_ended(), 15, "the agent")
        self.plant.start()

    def _agent_ended(self):
        if self.agent.poll() is not None:
            raise RuntimeError(f"the agent ended with status {self.agent.returncode}")
        return False

    def cycle(self, length, turn):
        """One round of faults, with the uplink away for a while."""
        begin = self.plant.seconds
        wall = time.time()
        assets = list(self.plant.pumps)
        timeline = []
        for index, kind, start, end in FAULTS:
            asset = assets[(index + turn) % len(assets)]
            self.plant.break_pump(asset, kind, begin + start * length, (end - start) * length)
            self.faults.append((asset, wall + start * length, wall + end * length))
            timeline.append((start, lambda asset=asset, kind=kind: note(f"{asset} gets a fault: {kind}")))
        timeline.append((OUTAGE[0], self.take_uplink_away))
        timeline.append((OUTAGE[1], self.bring_uplink_back))
        for share, action in sorted(timeline, key=lambda entry: entry[0]):
            self.sleep_until(begin + share * length)
            action()
        self.sleep_until(begin + length)

    def sleep_until(self, seconds):
        while self.plant.seconds < seconds:
            time.sleep(min(0.2, max(0.0, seconds - self.plant.seconds)))
            self._agent_ended()

    def take_uplink_away(self):
        note("the uplink's broker is stopped")
        self.outages.append([time.time(), None])
        self.uplink.stop()

    def bring_uplink_back(self):
        self.outages[-1][1] = time.time()
        self.uplink.start()
        note("the uplink's broker is back")

    def audit(self):
        """What is still on its way has a few seconds; then what was received is held against what happened."""
        deadline = time.monotonic() + 8
        result = audit.audit(self.consumer, self.faults, self.outages)
        while result.failures and time.monotonic() < deadline:
            time.sleep(0.25)
            result = audit.audit(self.consumer, self.faults, self.outages)
        print(f"\n  {self.plant.readings} readings sent. Audit of what the consumer received:")
        print("\n".join(result.lines) + "\n", flush=True)
        return not result.failures


def run(demo, seconds):
    demo.start()
    print(EXPLANATION.format(port=demo.http_port), flush=True)
    if seconds is not None:
        demo.cycle(max(seconds, 20.0), 0)
        return demo.audit()
    good, turn = True, 0
    while True:
        demo.cycle(CYCLE, turn)
        good = demo.audit() and good
        turn += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agent", required=True, help="the edge-agent command")
    parser.add_argument("--seconds", type=float, default=os.environ.get("DEMO_SECONDS") or None,
                        help="when to end (default: DEMO_SECONDS, else at Ctrl-C)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = tempfile.mkdtemp(prefix="edge-agent-demo-")
    good = None  # None: somebody ended it
    try:
        with Children() as children:
            demo = Demo(arguments.agent, directory, children)
            good = run(demo, arguments.seconds)
            demo.plant.stop()
    except KeyboardInterrupt:
        print("\n  Ended.", flush=True)
    except (TimeoutError, RuntimeError) as error:
        good = False
        print(f"\n  The demo failed: {error}", file=sys.stderr)
    finally:
        if good is not False:
            shutil.rmtree(directory, ignore_errors=True)
    if good is not False:
        return 0
    log = pathlib.Path(directory) / "agent.log"
    if log.exists():
        print(f"  The last lines of {log}:", file=sys.stderr)
        print("\n".join(log.read_text(errors="replace").splitlines()[-30:]), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
