"""Trains, packs, replays and scores: see README.md beside this file."""

import argparse
import csv
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from support.processes import Broker, Children, find, wait_for  # noqa: E402  (found by the line above)

TRAINING_ROWS = 400
DESCRIPTION = pathlib.Path(__file__).with_name("description.json")
CHANNELS = [channel["name"] for channel in json.loads(DESCRIPTION.read_text(encoding="utf-8"))["inputs"]["channels"]]
WINDOW = json.loads(DESCRIPTION.read_text(encoding="utf-8"))["inputs"]["window"]
TRAINING = ["--hidden", "16,4,16", "--epochs", "120", "--batch", "32", "--false-alarm-rate", "0.01", "--severity", "warning=2",
            "--raise-after", "3", "--clear-after", "3", "--seed", "1"]


class Run:
    """One file: its rows, their times and labels, and the topic that they are replayed on."""

    def __init__(self, path):
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        self.number = int(path.stem)
        self.path = path
        self.values = [[float(row[name]) for name in CHANNELS] for row in rows]
        zone = datetime.timezone.utc
        self.times = [datetime.datetime.fromisoformat(row["datetime"]).replace(tzinfo=zone).timestamp() for row in rows]
        self.labels = numpy.array([float(row["anomaly"]) > 0 for row in rows])
        self.alarmed = numpy.zeros(len(rows), bool)
        self.evaluations = 0

    @property
    def name(self):
        return f"valve1-{self.number}"

    def message(self, index):
        return json.dumps({"ts": self.times[index], **dict(zip(CHANNELS, self.values[index]))}, separators=(",", ":"))

    def rows_until(self, seconds):
        """The index of the row at which a window that ends at this time ends."""
        return int(numpy.argmin(numpy.abs(numpy.array(self.times) - seconds)))


def train(run, directory, agent):
    """The bundle of one file, from its first rows alone."""
    work = directory / run.name
    work.mkdir()
    samples = work / "samples.csv"
    with open(samples, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(CHANNELS)
        writer.writerows(run.values[:TRAINING_ROWS])
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1")
    subprocess.run([sys.executable, ROOT / "scripts/models/train_autoencoder.py", "--data", samples, "--description", DESCRIPTION,
                    "--output", work / "model", *TRAINING], check=True, capture_output=True, env=environment)
    subprocess.run([agent, "model", "pack", work / "model/model.tflite", "--description", work / "model/description.json",
                    "--data", samples, "--output", work / "bundle"], check=True, capture_output=True)


def configuration(runs, port):
    lines = ["agent: { id: skab, stateDirectory: state }", f"brokers: {{ local: {{ host: 127.0.0.1, port: {port} }} }}", "pipelines:"]
    for run in runs:
        lines += [
            f"  - name: {run.name}",
            f'    topics: ["skab/{{asset}}/{run.number}"]',
            "    payload: { timestamp: { field: ts, unit: s }, maximumAge: 3650d }",
            f"    model: {run.name}/bundle",
            "    maximumAssets: 1",
            # A replay at a thousand times the speed is bulk work: no window is left out for being late.
            "    onOverrun: evaluate",
            "    budget: 1s",
            "    predictions: { mode: full }",
        ]
    return "\n".join(lines) + "\n"


class Receiver:
    """Takes alerts and scores as any consumer would, by `mosquitto_sub`."""

    def __init__(self, children, broker, runs):
        self.runs = {run.name: run for run in runs}
        self.open = {}
        self.alerts = 0
        self.online = threading.Event()
        self.child = children.start(find("mosquitto_sub"), "-h", "127.0.0.1", "-p", broker.port, "-V", "5", "-q", "1", "-t", "edge/skab/#",
                                    "-F", "%t %p", stdout=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            topic, _, payload = line.decode("utf-8", "replace").rstrip("\n").partition(" ")
            _, _, kind, *rest = topic.split("/")
            if kind == "status":
                if payload and json.loads(payload)["status"] == "online":
                    self.online.set()
            elif kind == "predictions":
                self.runs[rest[0]].evaluations += 1
            elif kind == "alerts" and rest and rest[0] in self.runs:
                self._alert(self.runs[rest[0]], json.loads(payload))

    def _alert(self, run, event):
        data = event["data"]
        self.alerts += 1
        end = datetime.datetime.fromisoformat(data["window"]["end"].replace("Z", "+00:00")).timestamp()
        if data["transition"] == "raised":
            self.open[run.name] = run.rows_until(end)
        elif data["transition"] == "cleared":
            run.alarmed[self.open.pop(run.name) : run.rows_until(end)] = True

    def finish(self):
        """An alarm that is still raised at the end of a run holds to its end."""
        for name, start in self.open.items():
            self.runs[name].alarmed[start:] = True


def replay(children, broker, run, speed):
    """Publishes a file's rows in the rhythm of their timestamps, `speed` times as fast; returns the seconds that it took."""
    publisher = children.start(find("mosquitto_pub"), "-h", "127.0.0.1", "-p", broker.port, "-q", "1", "-t", f"skab/bed/{run.number}", "-l",
                               stdin=subprocess.PIPE, text=True)
    begin = time.monotonic()
    for index in range(len(run.values)):
        wait = begin + (run.times[index] - run.times[0]) / speed - time.monotonic()
        if wait > 0.002:
            publisher.stdin.flush()
            time.sleep(wait)
        publisher.stdin.write(run.message(index) + "\n")
    publisher.stdin.close()
    publisher.wait(60)
    seconds = time.monotonic() - begin
    children.running.remove(publisher)
    return seconds


def score(runs):
    """F1, false alarms and missed alarms in per cent, point by point over the rows after the training rows."""
    truth = numpy.concatenate([run.labels[TRAINING_ROWS:] for run in runs])
    alarmed = numpy.concatenate([run.alarmed[TRAINING_ROWS:] for run in runs])
    hits, wrong, missed = (truth & alarmed).sum(), (~truth & alarmed).sum(), (truth & ~alarmed).sum()
    return {
        "f1": round(float(2 * hits / max(1, 2 * hits + wrong + missed)), 3),
        "falseAlarmPercent": round(float(100 * wrong / max(1, (~truth).sum())), 2),
        "missedAlarmPercent": round(float(100 * missed / max(1, truth.sum())), 2),
    }


def default_data():
    shared = os.environ.get("EDGE_AGENT_SHARED") or ROOT.parent / "shared"
    return pathlib.Path(shared) / "data/skab/valve1"


def main():
    parser = argparse.ArgumentParser(description="Detection of edge-agent on SKAB's valve1, through a real broker.")
    parser.add_argument("--agent", required=True, type=pathlib.Path, help="the edge-agent command")
    parser.add_argument("--data", type=pathlib.Path, default=default_data(), help="directory of 0.csv … 15.csv (default %(default)s)")
    parser.add_argument("--speed", type=float, default=1000.0, help="times real time (default %(default)s)")
    arguments = parser.parse_args()
    files = sorted(arguments.data.glob("*.csv"), key=lambda path: int(path.stem))
    if not files:
        print(f"bench-skab: skipped, there are no files in {arguments.data}")
        return 0
    runs = [Run(path) for path in files]
    with tempfile.TemporaryDirectory(prefix="edge-agent-skab-") as name, Children() as children:
        directory = pathlib.Path(name)
        print(f"Training {len(runs)} models, each on the first {TRAINING_ROWS} rows of its file …", flush=True)
        for run in runs:
            train(run, directory, arguments.agent)
        broker = Broker(children, directory, "broker", log=False)
        broker.start()
        receiver = Receiver(children, broker, runs)
        (directory / "state").mkdir()
        (directory / "skab.yaml").write_text(configuration(runs, broker.port), encoding="utf-8")
        with open(directory / "agent.log", "wb") as log:
            agent = children.start(arguments.agent, "run", "--config", directory / "skab.yaml", stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: receiver.online.is_set() or agent.poll() is not None, 30, "the agent")
            if agent.poll() is not None:
                raise TimeoutError(f"the agent ended with {agent.returncode}")
            rows = sum(len(run.values) for run in runs)
            print(f"Replaying {rows} rows at {arguments.speed:g} times their speed …", flush=True)
            seconds = sum(replay(children, broker, run, arguments.speed) for run in runs)
            wait_for(lambda: all(run.evaluations == len(run.values) - WINDOW + 1 for run in runs), 20, "an evaluation of every row")
        except TimeoutError as error:
            print(f"bench-skab: {error}\n" + (directory / "agent.log").read_text(errors="replace")[-4000:], file=sys.stderr)
            print({run.name: (run.evaluations, len(run.values) - WINDOW + 1) for run in runs}, file=sys.stderr)
            return 1
        time.sleep(0.5)  # alerts have another topic than the scores that were counted
        receiver.finish()

    print(f"{rows} rows in {seconds:.1f} s ({rows / seconds:.0f} a second), {receiver.alerts} alert events, every window evaluated.\n")
    print("| file | F1 | false alarms % | missed alarms % |\n|---|---|---|---|")
    for run in runs:
        one = score([run])
        print(f"| {run.number} | {one['f1']:.3f} | {one['falseAlarmPercent']:.1f} | {one['missedAlarmPercent']:.1f} |")
    groups = {"files 0–7": [run for run in runs if run.number < 8], "files 8–15": [run for run in runs if run.number >= 8], "all": runs}
    results = {group: score(members) for group, members in groups.items() if members}
    for group, one in results.items():
        print(f"| **{group}** | **{one['f1']:.3f}** | **{one['falseAlarmPercent']:.1f}** | **{one['missedAlarmPercent']:.1f}** |")
    print("\n" + json.dumps({"benchmark": "skab-valve1", **results["all"], "groups": results, "rows": rows,
                             "rowsPerSecond": round(rows / seconds)}, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
