#!/usr/bin/env python3
"""Says how well the demo bundle finds the simulated pump's faults, on seeds that training has not seen.

    .build-venv/bin/python scripts/models/evaluate_demo.py config/demo/bundle > config/demo/EVALUATION.md

Runs the bundle's model in LiteRT and its thresholds and counts as `bundle.json` has them, over windows at the bundle's hop.
"""

import argparse
import json
import pathlib
import sys

import numpy
from ai_edge_litert.interpreter import Interpreter, OpResolverType

import window_features

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "demo"))
import pump  # noqa: E402  (found by the line above)

RATE = 25.0
FIRST_SEED = 500_000
FAULT_START, FAULT_SECONDS, FAULT_RAMP, RUN_SECONDS = 30.0, 20.0, 5.0, 70.0


class Bundle:
    def __init__(self, directory):
        self.manifest = json.loads((directory / "bundle.json").read_text(encoding="utf-8"))
        self.inputs = self.manifest["inputs"]
        self.thresholds = self.manifest["thresholds"]
        self.content = (directory / "model.tflite").read_bytes()

    def scores(self, rows):
        """The mean square error of each window of a series."""
        values = window_features.features(rows, self.inputs["window"], self.inputs["hop"], self.inputs["features"])
        normalization = self.inputs["normalization"]
        features = ((values - normalization["offsets"]) / normalization["scales"]).astype(numpy.float32)
        interpreter = Interpreter(model_content=self.content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
        place, answer = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        interpreter.resize_tensor_input(place["index"], features.shape)
        interpreter.allocate_tensors()
        scale, zero_point = place["quantization"]
        steps = numpy.clip(numpy.rint(features / numpy.float32(scale)) + zero_point, -128, 127)
        interpreter.set_tensor(place["index"], steps.astype(numpy.int8))
        interpreter.invoke()
        scale, zero_point = answer["quantization"]
        outputs = (interpreter.get_tensor(answer["index"]).astype(numpy.float32) - zero_point) * numpy.float32(scale)
        return numpy.square(features - outputs).mean(-1)

    def alarms(self, scores):
        """Times at which an alarm was raised and cleared (None: not yet), in seconds of the series."""
        raise_above = self.thresholds["severities"][0]["raiseAbove"]
        result, raised, count = [], False, 0
        for index, score in enumerate(scores):
            seconds = (index * self.inputs["hop"] + self.inputs["window"]) / RATE
            count = count + 1 if (score < self.thresholds["clearBelow"] if raised else score > raise_above) else 0
            if count >= self.thresholds["clearAfter" if raised else "raiseAfter"]:
                if raised:
                    result[-1][1] = seconds
                else:
                    result.append([seconds, None])
                raised, count = not raised, 0
        return result


def rows(seed, seconds, faults=()):
    one = pump.Pump(seed, RATE)
    one.faults = list(faults)
    return numpy.array([one.reading() for _ in range(round(seconds * RATE))])


def median(values):
    return f"{numpy.median(values):.1f} s" if values else "–"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=40, help="pumps for each fault and severity (default %(default)s)")
    parser.add_argument("--hours", type=float, default=10, help="pump-hours without a fault (default %(default)s)")
    arguments = parser.parse_args()
    bundle = Bundle(arguments.bundle)
    hop = bundle.inputs["hop"] / RATE
    print("# How well the demo model finds the simulated faults\n")
    print(f"`{bundle.manifest['name']}` {bundle.manifest['version']}, {len(bundle.content)} bytes; pumps with seeds from {FIRST_SEED} on, "
          f"none of them seen in training.\nMade by `scripts/models/make-demo-bundle`. "
          f"A fault lasts {FAULT_SECONDS:g} s, of which it takes {FAULT_RAMP:g} s to grow and as long to go; severity 1 is what `make demo` shows.\n"
          "A negative time: the alarm was cleared before the fault had gone, which weak faults do.\n")
    print("| fault | severity | detected | raised after (median) | cleared after its end (median) |\n|---|---|---|---|---|")
    seed = FIRST_SEED
    for kind in pump.FAULTS:
        for severity in (1.0, 0.4, 0.2, 0.1):
            delays, clears = [], []
            for _ in range(arguments.runs):
                seed += 1
                fault = pump.Fault(kind, FAULT_START, FAULT_SECONDS, severity, FAULT_RAMP)
                for raised, cleared in bundle.alarms(bundle.scores(rows(seed, RUN_SECONDS, [fault]))):
                    if fault.start <= raised <= fault.end:
                        delays.append(raised - fault.start)
                        if cleared:
                            clears.append(cleared - fault.end)
                        break
            print(f"| {kind} | {severity:g} | {100 * len(delays) / arguments.runs:.0f} % | {median(delays)} | {median(clears)} |")
    alarms = evaluations = 0
    pumps = max(1, round(arguments.hours * 2))
    for _ in range(pumps):
        seed += 1
        scores = bundle.scores(rows(seed, arguments.hours / pumps * 3600))
        alarms += len(bundle.alarms(scores))
        evaluations += len(scores)
    print(f"\nFalse alarms: {alarms} in {arguments.hours:g} pump-hours without a fault ({pumps} pumps, {evaluations} evaluations, "
          f"one each {hop:g} s).")


if __name__ == "__main__":
    main()
