#!/usr/bin/env python3
"""Cuts the power at every step of an update of the running agent, and looks at what the next start makes of it.

    make update-faults             every fourth step, in less than a minute
    make update-faults LONG=1      every step, and at each of many a second cut while the agent recovers from the first

A bundle signed by OpenSSF Model Signing lies on a "USB stick"; the agent polls it, copies, verifies and tests it, watches it in shadow and on trial,
and commits it. update_shim.c (LD_PRELOAD) kills agent and registry process instead of the k-th change of a file of the model store or of the
updates' state. At each next start the old or the new version has to decide within seconds, the state has to be whole, and the update has to come
to its end by itself. Status 0 if it always did; the last line is one JSON object.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.mqtt_publisher import Publisher  # noqa: E402
from support.processes import Broker, Children, find, wait_for  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEVEL = ROOT / "Tests/EdgeAgentTests/Fixtures/level/bundle"
OLD, NEW = "1.0.0", "1.2.0"
PATIENCE = 40  # seconds until a step that takes three has not happened

CONFIGURATION = """
agent: {{ id: {name}, stateDirectory: {state} }}
brokers: {{ local: {{ host: localhost, port: {port}, reconnect: {{ initial: 50ms, maximum: 200ms }} }} }}
registries: {{ stick: {{ type: directory, path: {stick} }} }}
updates:
  keys: [{key}]
  pollInterval: 10s
  shadow: {{ minimumTime: 0s, windows: 1 }}
  # A busy machine's missed budgets are not the version's.
  trial: {{ minimumTime: 0s, windows: 1, judgedAfter: 1, missShare: 1 }}
pipelines:
  - name: level
    topics: ["{name}/{{asset}}/reading"]
    model: {level}
    predictions: {{ mode: full, qos: 0 }}
    update: {{ registry: stick, model: "level:{new}" }}
"""


class Plant:
    """Readings for every agent all the time, and who has scored them last."""

    def __init__(self, children, port):
        self.port, self.names, self.lock, self.ended = port, set(), threading.Lock(), threading.Event()
        self.versions = {}  # of each agent's scores, since `forget`
        listener = children.start(find("mosquitto_sub"), "-p", port, "-t", "edge/+/predictions/#", "-F", "%t %p", stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, args=(listener.stdout,), daemon=True).start()
        threading.Thread(target=self._publish, daemon=True).start()

    def _listen(self, lines):
        for line in lines:
            topic, _, payload = line.partition(" ")
            version = json.loads(payload)["data"]["model"]["version"]
            with self.lock:
                self.versions.setdefault(topic.split("/")[1], []).append(version)

    def _publish(self):
        publisher = Publisher(self.port, "readings")
        while not self.ended.wait(0.05):
            with self.lock:
                names = list(self.names)
            if names:
                publisher.publish([(f"{name}/p1/reading", '{"a":1,"b":1,"c":1,"d":1}') for name in names])

    def forget(self, name):
        with self.lock:
            self.names.add(name)
            self.versions[name] = []

    def leave(self, name):
        with self.lock:
            self.names.discard(name)

    def seen(self, name):
        with self.lock:
            return list(self.versions.get(name, []))


class Bench:
    """What all the runs share."""

    def __init__(self, arguments, directory, children):
        self.agent, self.directory, self.children, self.lock = arguments.agent, pathlib.Path(directory), children, threading.Lock()
        self.broker = Broker(children, directory, "broker", log=False)
        self.broker.start()
        self.plant = Plant(children, self.broker.port)
        self.shim = self.directory / "update_shim.so"
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-fPIC", "-shared", ROOT / "Tests/faults/update_shim.c", "-o", self.shim,
                        "-ldl"], check=True)
        self.key, private = self.directory / "key.pub", self.directory / "key.pem"
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private], check=True)
        subprocess.run(["openssl", "ec", "-in", private, "-pubout", "-out", self.key], check=True, capture_output=True)
        self.stick = self.directory / "stick"
        bundle = self.stick / "level" / NEW
        shutil.copytree(LEVEL, bundle)
        manifest = json.loads((bundle / "bundle.json").read_text())
        manifest.update(version=NEW, release=2)
        (bundle / "bundle.json").write_text(json.dumps(manifest))
        subprocess.run([arguments.signer, "sign", "key", "--private_key", private, "--signature", bundle / "model.sig", bundle], check=True,
                       capture_output=True)


class Box:
    """One agent with a state of its own."""

    def __init__(self, bench, name):
        self.bench, self.name, self.starts, self.process = bench, name, 0, None
        self.directory = bench.directory / name
        self.state = self.directory / "state"
        self.state.mkdir(parents=True)
        self.configuration = self.directory / "edge-agent.yaml"
        self.configuration.write_text(CONFIGURATION.format(name=name, state=self.state, port=bench.broker.port, stick=bench.stick, key=bench.key,
                                                           level=LEVEL, new=NEW))
        self.counted = []

    def start(self, cut=None):
        """Starts the agent, without the shim where `cut` is None; with 0 the changes are only counted."""
        self.starts += 1
        environment = dict(os.environ)
        if cut is not None:
            counter = self.directory / f"count{self.starts}"
            counter.write_bytes(bytes(16))
            self.counted.append(counter)
            # Not the outbox beside them, which has faults of its own: make faults.
            environment.update(LD_PRELOAD=str(self.bench.shim), UPDATE_SHIM_DIRECTORY=str(self.state / "updates"), UPDATE_SHIM_CUT=str(cut),
                               UPDATE_SHIM_ALSO=str(self.state / "models"), UPDATE_SHIM_COUNT=str(counter))
        self.bench.plant.forget(self.name)
        log = open(self.directory / f"agent{self.starts}.log", "wb")
        with self.bench.lock, log:
            self.process = self.bench.children.start(self.bench.agent, "run", "--config", self.configuration, stdout=subprocess.DEVNULL, stderr=log,
                                                     env=environment)

    def changes(self):
        return int.from_bytes(self.counted[-1].read_bytes()[:8], "little")

    def audit(self):
        path = self.state / "updates/audit.jsonl"
        return [json.loads(line) for line in path.read_text(errors="replace").splitlines() if line.endswith("}")] if path.exists() else []

    def has_committed(self):
        return any(line["what"] == "committed" for line in self.audit())

    def has_died(self):
        return self.process.poll() is not None

    def wait(self, condition, what):
        def check():
            if self.has_died() and self.process.returncode != -signal.SIGKILL:
                raise AssertionError(f"the agent ended with {self.process.returncode} before {what}")
            return condition()
        try:
            wait_for(check, PATIENCE, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}; audit: {[line['what'] for line in self.audit()]}") from None

    def stop(self):
        with self.bench.lock:
            self.bench.children.stop(self.process)
        self.bench.plant.leave(self.name)

    def logs(self):
        return "".join(path.read_text(errors="replace") for path in sorted(self.directory.glob("agent*.log")))

    def run(self, cuts):
        """Cuts after so many changes, once for each start; then lets it come to its end. Gives how many cuts came to pass."""
        passed = 0
        for cut in cuts:
            self.start(cut)
            self.wait(lambda: self.has_died() or self.has_committed(), "the cut")
            if not self.has_died():
                # The update had fewer steps, or the cut lies behind its end.
                self.process.kill()
                self.process.wait()
            else:
                passed += 1
        self.start()
        seen = self.bench.plant.seen
        self.wait(lambda: seen(self.name), "a score after the cut")
        assert seen(self.name)[0] in (OLD, NEW), f"{seen(self.name)[0]} decides"
        self.wait(lambda: seen(self.name)[-1] == NEW and self.has_committed(), "the new version")
        self.check()
        self.stop()
        return passed

    def check(self):
        """What has to hold at the end."""
        seen = self.bench.plant.seen(self.name)
        assert seen == sorted(seen), f"a version came back: {seen}"
        wait_for(lambda: json.loads((self.state / "updates/level.json").read_text())["candidate"] is None, 5, "the end of the update")
        state = json.loads((self.state / "updates/level.json").read_text())
        assert state["active"]["version"] == NEW and state["previous"] == "configured", state
        digest = state["active"]["digest"]
        stored = [path.name for path in (self.state / "models/level").iterdir()]
        assert stored == [digest], f"the store has {stored}, active is {digest}"
        for path in (self.bench.stick / "level" / NEW).iterdir():
            copy = self.state / "models/level" / digest / path.name
            assert copy.read_bytes() == path.read_bytes(), f"{copy} is another"
        left = [path.name for path in (self.state / "models/.partial").iterdir()]
        assert not left, f"left over: {left}"
        damaged = [path.name for path in (self.state / "updates").iterdir() if path.name.endswith(".damaged")]
        assert not damaged, f"damaged: {damaged}"
        commits = [line for line in self.audit() if line["what"] == "committed"]
        assert len(commits) == 1, f"{len(commits)} lines of the audit log say committed"
        bad = [line["what"] for line in self.audit() if line["what"] in ("refused", "rolledBack", "failed")]
        assert not bad, f"the update was {bad[0]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agent", required=True, help="the edge-agent command")
    parser.add_argument("--signer", default=ROOT / ".build-python/bin/model_signing", help="the model_signing command")
    parser.add_argument("--long", action="store_true", help="every step, and second cuts")
    parser.add_argument("--every", type=int, help="each how many steps; 4, in the long form 1")
    parser.add_argument("--seed", type=int, default=1, help="where second cuts are")
    parser.add_argument("--workers", type=int, default=12, help="agents at the same time: most of an update is waiting")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    every = arguments.every or (1 if arguments.long else 4)
    generator = random.Random(arguments.seed)
    began = time.monotonic()
    directory = tempfile.mkdtemp(prefix="edge-agent-update-faults-")
    failures = []
    with Children() as children:
        bench = Bench(arguments, directory, children)
        # How many steps there are.
        first = Box(bench, "count")
        first.start(0)
        first.wait(first.has_committed, "the update without a cut")
        time.sleep(0.5)
        steps = first.changes()
        first.stop()
        plans = [[cut] for cut in range(1, steps + 1, every)]
        if arguments.long:
            plans += [[cut, generator.randint(1, steps)] for cut in range(1, steps + 1)]

        def one(number_and_cuts):
            number, cuts = number_and_cuts
            box = Box(bench, f"box{number}")
            try:
                return box.run(cuts)
            except (AssertionError, OSError, ValueError, KeyError, TimeoutError) as error:
                failures.append(f"cuts {cuts}: {error}; see {box.directory}")
                box.stop()
                return 0

        with concurrent.futures.ThreadPoolExecutor(arguments.workers) as pool:
            passed = sum(pool.map(one, enumerate(plans)))
    result = {"updateFaults": len(plans), "steps": steps, "cuts": passed, "seconds": round(time.monotonic() - began, 1), "failures": len(failures)}
    for failure in failures:
        print(f"  ✘ {failure}")
    if not failures:
        shutil.rmtree(directory, ignore_errors=True)
    if not failures and passed < len(plans) * 0.8:
        print(f"  ✘ only {passed} of {len(plans)} cuts came to pass")
        failures.append("cuts")
    print(json.dumps(result))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
