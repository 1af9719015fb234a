"""Ten times what a slow model can do, beside a calm pipeline in the same agent: what each of them, and the memory, make of it."""

import json
import pathlib
import random
import subprocess
import threading
import time

from subjects import PYTHON, ROOT, agent_configuration, pipeline

FACTOR = 10
ASSETS = 1000
DESCRIPTION = {
    "name": "bench-slow", "version": "1.0.0", "release": 1, "summary": "As wide as it has to be to be slow", "runtime": "tflite",
    "inputs": {"channels": [{"name": name} for name in "abcd"], "window": 1, "hop": 1, "features": "raw"},
    "output": {"kind": "reconstructionError"},
    "fallback": {"feature": "a[0]", "above": 5.0, "clear": 3.0, "severity": "warning"},
}


def make_slow_bundle(bench):
    """Trains and packs an autoencoder of 50 MB, far more than a cache holds: it is bound by the memory; gives its directory."""
    here = bench.directory / "slow"
    here.mkdir()
    generator = random.Random(1)
    rows = ["a,b,c,d"]
    for _ in range(600):
        level = generator.uniform(0.5, 1.5)
        rows.append(",".join(f"{level * factor + generator.gauss(0, 0.02):.4f}" for factor in (1, 0.5, 0.25, 2)))
    (here / "samples.csv").write_text("\n".join(rows) + "\n")
    (here / "description.json").write_text(json.dumps(DESCRIPTION))
    subprocess.run([PYTHON, ROOT / "scripts/models/train_autoencoder.py", "--data", here / "samples.csv", "--description", here / "description.json",
                    "--hidden", "4096,4096,4096,4096", "--epochs", "1", "--severity", "warning=4", "--raise-after", "1", "--clear-after", "1",
                    "--output", here / "model"], check=True, capture_output=True)
    subprocess.run([bench.agent, "model", "pack", here / "model/model.tflite", "--description", here / "model/description.json", "--data",
                    here / "samples.csv", "--output", here / "bundle"], check=True, capture_output=True)
    return here / "bundle"


class Watch(threading.Thread):
    """Samples a process's resident memory until it is told to stop."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path, self.samples, self.ended = pathlib.Path(f"/proc/{pid}/smaps_rollup"), [], threading.Event()

    def run(self):
        while not self.ended.wait(0.5):
            try:
                resident = next(int(line.split()[1]) for line in self.path.read_text().splitlines() if line.startswith("Rss:"))
            except (OSError, StopIteration):
                return
            self.samples.append((time.monotonic(), resident))

    def slope_kib_per_minute(self):
        """By least squares, without the first quarter: that is where windows fill."""
        points = self.samples[len(self.samples) // 4:]
        if len(points) < 3:
            return None
        x0, y0 = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
        return 60 * sum((x - x0) * (y - y0) for x, y in points) / sum((x - x0) ** 2 for x, _ in points)


def last_line(process):
    return json.loads(process.communicate()[0].splitlines()[-1])


def measure(bench, seconds):
    """Prints what was seen and gives it as an object."""
    if bench.missing:
        print("skipped: overload: the slow model cannot be trained without the Python packages")
        return None
    bundle = make_slow_bundle(bench)
    slow = pipeline(0, "stream", name="slow", topic="slow/+/{asset}/reading", bundle=bundle, assets=ASSETS, overrun="coalesce",
                    more="    budget: 100ms\n    inferenceShare: 1\n")
    calm = pipeline(1, "alerts", name="calm", topic="calm/+/{asset}/reading", overrun="coalesce")
    agent = bench.start_agent(agent_configuration(bench.broker.port, [slow, calm]))
    events = bench.directory / "overload-events.txt"
    with open(events, "wb") as output:
        listener = bench.children.start("mosquitto_sub", "-p", bench.broker.port, "-t", "edge/bench/alerts", stdout=output)

    def start(rate, duration, topics, root, mode, assets, qos, window=0):
        return subprocess.Popen(bench.load(rate, duration, qos, assets, topics, window, mode, root), stdout=subprocess.PIPE, text=True)

    def changes(kind):
        return sum(1 for line in events.read_text().splitlines() if "latency-budget-exceeded" in line and f"edge.alert.{kind}.v1" in line
                   and '"slow"' in line)

    slow_topics, calm_topics = "edge/bench/predictions/slow/#", "edge/bench/alerts/calm/#"
    sustainable = last_line(start(0, 3, slow_topics, "slow", "steady", 10, 0, window=8))["rate"]
    before = last_line(start(50, 4, calm_topics, "calm", "flip", 5, 1))
    watch = Watch(agent.pid)
    watch.start()
    flood = start(FACTOR * sustainable, seconds, slow_topics, "slow", "steady", ASSETS, 0)
    beside = last_line(start(50, max(seconds - 1, 1), calm_topics, "calm", "flip", 5, 1))
    flooded = last_line(flood)
    watch.ended.set()
    # A load that it can bear, until it has found that the budget holds again.
    deadline = time.monotonic() + 90
    while changes("cleared") < changes("raised") and time.monotonic() < deadline:
        start(100, 5, slow_topics, "slow", "steady", 10, 0).communicate()
    result = {"sustainable": sustainable, "offered": flooded["published"] / seconds, "evaluated": flooded["rate"],
              "evaluated_p99_us": flooded["p99_us"], "rss_kib_per_minute": watch.slope_kib_per_minute(),
              "calm_p99_us": before["p99_us"], "calm_beside_overload_p99_us": beside["p99_us"], "calm_max_us": beside["max_us"],
              "raised": changes("raised"), "cleared": changes("cleared")}
    bench.children.stop(listener)
    bench.children.stop(agent)
    print("\n| overload for {:.0f} s | |\n|---|---|".format(seconds))
    for key, value in result.items():
        print(f"| {key} | {value if value is None else round(value, 1)} |", flush=True)
    return result
