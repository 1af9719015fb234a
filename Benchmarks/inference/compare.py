"""Alternates the engines over the models and prints how they compare. Called by run."""

import argparse
import glob
import json
import os
import pathlib
import statistics
import subprocess
import sys

import numpy as np
import onnxruntime

import to_onnx

HERE = pathlib.Path(__file__).resolve().parent
MODELS = {
    "autoencoder": ("ad01_int8", 1.25),
    "ds-cnn": ("kws_ref_model", 2.0),
    "resnet8": ("pretrainedResnet_quant", 1.25),
    "mobilenet-0.25": ("vww_96_int8", 1.6),
    "wake-word": ("str_ww_ref_model", 2.0),
}
OURS = "edge-agent"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", required=True)
    parser.add_argument("--onnxruntime", required=True)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--iterations", type=int, default=4000)
    parser.add_argument("--warm-up", type=int, default=1000)
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--isa", help="force this instruction set here; the libraries choose freely")
    parser.add_argument("--quick", action="store_true", help="a smoke run: 1 round, few iterations")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.iterations, given.warm_up = 1, 200, 50

    ort_library = glob.glob(
        str(pathlib.Path(onnxruntime.__file__).parent / "capi/libonnxruntime.so*"))[0]
    commands, details = {}, {}
    for label, (name, _) in MODELS.items():
        model = given.models / f"{name}.tflite"
        converter = to_onnx.Converter(model)
        shape = converter.shape(int(converter.graph.Inputs(0)))
        outputs = int(np.prod(converter.shape(int(converter.graph.Outputs(0)))))
        x = np.fromfile(given.models / f"golden/{name}.input.int8", np.int8)[: int(np.prod(shape))]
        signed, unsigned = given.work / f"{name}.s8", given.work / f"{name}.u8"
        x.tofile(signed)
        (x.view(np.uint8) ^ 0x80).tofile(unsigned)
        onnx_file = given.work / f"{name}.onnx"
        to_onnx.convert(model, onnx_file)
        loops = [str(given.warm_up), str(given.iterations)]

        def answer(engine):
            return str(given.work / f"{name}.{engine}.out")

        commands[label] = {
            OURS: [given.runner, str(model), str(signed), answer(OURS)] + loops,
            "litert": [sys.executable, str(HERE / "litert_bench.py"), str(model), str(signed),
                       answer("litert")] + loops,
            "onnxruntime": [given.onnxruntime, ort_library, str(onnx_file), str(unsigned),
                            answer("onnxruntime")] + loops
            + ["input", "output", str(outputs)] + [str(d) for d in shape],
        }
        details[label] = {engine: answer(engine) for engine in commands[label]}

    environment = dict(os.environ)
    if given.isa:
        environment["EDGE_AGENT_ISA"] = given.isa
    results = {label: {engine: [] for engine in commands[label]} for label in MODELS}
    for turn in range(given.rounds):
        for label in MODELS:
            for engine, command in commands[label].items():
                result = subprocess.run(
                    ["taskset", "-c", str(given.cpu)] + command, env=environment, check=True,
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                results[label][engine].append(json.loads(result.stdout.splitlines()[-1]))
        print(f"round {turn + 1} of {given.rounds}", file=sys.stderr)

    isa = results["autoencoder"][OURS][0]["isa"]
    print(f"p50 in microseconds, median of {given.rounds} alternating rounds of "
          f"{given.iterations}; {isa}; onnxruntime {onnxruntime.__version__}")
    print(f"{'model':16}{OURS:>12}{'litert':>12}{'onnxruntime':>12}{'ratio':>8}{'target':>8}  answers")
    medians = {}
    for label, (_, target) in MODELS.items():
        medians[label] = {
            engine: round(statistics.median(r["p50"] for r in runs), 3)
            for engine, runs in results[label].items()}
        row = medians[label]
        ratio = min(row["litert"], row["onnxruntime"]) / row[OURS]
        outputs = {e: np.fromfile(f, np.uint8) for e, f in details[label].items()}
        outputs["onnxruntime"] ^= 0x80
        same = [e for e in ("litert", "onnxruntime") if (outputs[e] == outputs[OURS]).all()]
        print(f"{label:16}{row[OURS]:12.2f}{row['litert']:12.2f}{row['onnxruntime']:12.2f}"
              f"{ratio:8.2f}{target:8.2f}  equal to {', '.join(same) or 'neither'}")
    print(json.dumps(medians))


main()
