"""What is measured: the relay in C, two Python pipelines and the agent, each started fresh on one broker, and how one run is measured."""

import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
from support.processes import Broker  # noqa: E402  (found by the line above)

FILTER = "bench/+/+/reading"
PYTHON = ROOT / ".build-bench/pipeline/bin/python"
SUBJECTS = ("relay", "agent", "litert", "onnxruntime")
PIPELINE = """
  - name: {name}
    topics: ["{topic}"]
    qos: {qos}
    payload: {{ maximumSamples: {samples}, timestamp: {{ field: ts, unit: us }} }}
    model: {bundle}
    onOverrun: {overrun}
    maximumAssets: {assets}
    predictions: {{ mode: {predictions}, everyNth: {samples}, qos: {qos} }}
"""


def readings_of(scenario):
    """How many readings a message has: n in `batch<n>`."""
    return int(scenario.removeprefix("batch")) if scenario.startswith("batch") else 1


def agent_configuration(port, pipelines):
    """One agent on the broker at `port`, with these pipelines."""
    head = f"agent: {{ id: bench, stateDirectory: state }}\nbrokers: {{ local: {{ host: 127.0.0.1, port: {port}, cleanStart: true }} }}\npipelines:"
    return head + "".join(pipelines)


def pipeline(qos, scenario, name="bench", topic="bench/+/{asset}/reading", bundle=HERE / "bundle", assets=100, overrun="evaluate", more=""):
    samples = readings_of(scenario)
    # Of several readings in a message, the score of the last one.
    predictions = {"stream": "full", "alerts": "off"}.get(scenario, "sampled")
    return PIPELINE.format(name=name, topic=topic, qos=qos, bundle=bundle, overrun=overrun, assets=assets, predictions=predictions,
                           samples=samples) + more


def processor_seconds(pid):
    """What all threads of a process have used, in nanoseconds' resolution."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass  # a thread that has just ended
    return total / 1e9


def proportional_set_kibibytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


class Bench:
    """A private broker, the compiled helpers, and a directory for everything."""

    def __init__(self, agent, directory, children):
        self.agent, self.directory, self.children = agent, pathlib.Path(directory), children
        for name in ("loader", "relay"):
            subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", HERE / f"{name}.c", "-o", self.directory / name,
                            "-lmosquitto", "-lpthread", "-lm"], check=True)
        # As Debian ships it, but for the room that the closed loop needs.
        self.broker = Broker(children, directory, "broker", log=False, settings=["max_inflight_messages 0"])
        self.broker.start()
        self.runs = 0
        self.missing = {}
        self.onnx = None

    def prepare_python(self):
        """Installs what the Python pipelines need and converts the model; says why if it cannot."""
        if not PYTHON.exists() or subprocess.run([PYTHON, "-c", "import ai_edge_litert, onnx, onnxruntime, paho.mqtt, tflite"],
                                                 capture_output=True).returncode:
            made = subprocess.run([sys.executable, "-m", "venv", PYTHON.parents[1]]).returncode == 0 and subprocess.run(
                [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", HERE / "requirements.txt"]).returncode == 0
            if not made:
                self.missing = {name: "its packages cannot be installed" for name in ("litert", "onnxruntime")}
                return
        self.onnx = self.directory / "model.onnx"
        # Any number of windows at once, as LiteRT takes it.
        convert = ("import json, onnx, pathlib, sys; sys.path.insert(0, sys.argv[3]); import to_onnx; from ai_edge_litert.interpreter import Interpreter; "
                   "to_onnx.convert(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])); i = Interpreter(model_path=sys.argv[1]); "
                   "m = onnx.load(sys.argv[2]); [setattr(v.type.tensor_type.shape.dim[0], 'dim_param', 'n') for v in (m.graph.input[0], m.graph.output[0])]; "
                   "onnx.save(m, sys.argv[2]); "
                   "q = lambda d: [float(d['quantization'][0]), int(d['quantization'][1]) + 128]; "
                   "pathlib.Path(sys.argv[2]).with_suffix('.json').write_text(json.dumps("
                   "{'input': q(i.get_input_details()[0]), 'output': q(i.get_output_details()[0])}))")
        subprocess.run([PYTHON, "-c", convert, HERE / "bundle/model.tflite", self.onnx, ROOT / "Benchmarks/inference"], check=True)

    # Starting. Each gives the process and the topics on which its answers come.

    def start(self, subject, qos, scenario):
        if subject == "relay":
            return self._start_relay(qos, scenario)
        if subject == "agent":
            process = self.start_agent(agent_configuration(self.broker.port, [pipeline(qos, scenario)]))
            return process, "edge/bench/alerts/#" if scenario == "alerts" else "edge/bench/predictions/#"
        model = HERE / "bundle/model.tflite" if subject == "litert" else self.onnx
        process = self.children.start(PYTHON, HERE / "python_pipeline.py", subject, model, HERE / "bundle", "127.0.0.1", self.broker.port, qos,
                                      scenario, stderr=subprocess.PIPE)
        self._await_line(process, subject)
        return process, "python/alerts/#" if scenario == "alerts" else "python/predictions/#"

    def _start_relay(self, qos, scenario):
        topics = ["out", "out-state"] if scenario == "alerts" else ["out"]
        relay = self.children.start(self.directory / "relay", "127.0.0.1", self.broker.port, FILTER, qos, *topics, stderr=subprocess.PIPE)
        self._await_line(relay, "relay")  # connected; it subscribes at once
        return relay, "out"

    @staticmethod
    def _await_line(process, what):
        while line := process.stderr.readline():
            if b"ready" in line or b"connected" in line:
                return
        raise SystemExit(f"{what} ended before it was ready")

    def start_agent(self, configuration):
        """Gives the process once it says that it is ready."""
        self.runs += 1
        here = self.directory / f"run{self.runs}"
        (here / "state").mkdir(parents=True)
        (here / "bench.yaml").write_text(configuration)
        log = here / "agent.log"
        began = time.monotonic()
        with open(log, "wb") as output:
            agent = self.children.start(self.agent, "run", "--config", here / "bench.yaml", stdout=subprocess.DEVNULL, stderr=output)
        while "ready" not in log.read_text(errors="replace"):
            if agent.poll() is not None or time.monotonic() - began > 20:
                raise SystemExit(f"the agent is not ready: {log.read_text(errors='replace')}")
            time.sleep(0.02)
        return agent

    # Measuring.

    def load(self, rate, seconds, qos, assets, topics, window=0, mode="steady", root="bench", groups=1):
        """The command that publishes and listens."""
        return [str(word) for word in (self.directory / "loader", "127.0.0.1", self.broker.port, rate, seconds, qos, assets, topics, window, mode,
                                       root, groups)]

    def measure(self, subject, rate, seconds, qos, scenario="stream", assets=10, window=0):
        process, topics = self.start(subject, qos, scenario)
        # The first reading of each asset is a normal one: it clears nothing, so nothing comes back.
        silent = assets if scenario == "alerts" and subject != "relay" else 0
        before = processor_seconds(process.pid)
        answer = subprocess.run(self.load(rate, seconds, qos, assets, topics, window and window + silent,
                                          {"stream": "steady", "alerts": "flip"}.get(scenario, str(readings_of(scenario)))),
                                check=True, capture_output=True, text=True).stdout
        # Nothing came back in time: counted as the longest wait there is.
        result = json.loads(answer.splitlines()[-1].replace("nan", "1e9"))
        result["cpu_us"] = (processor_seconds(process.pid) - before) * 1e6 / max(result["published"], 1)
        result["pss_kib"] = proportional_set_kibibytes(process.pid)
        self.children.stop(process)
        result["lost"] = max(result["published"] - silent - result["received"], 0)
        return result

