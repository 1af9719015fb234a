"""Alternates the engines over the models and prints how they compare. Called by run."""

import argparse
import glob
import json
import os
import pathlib
import platform
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
LIBRARIES = ("litert-xnnpack", "onnxruntime")
# What most boxes in the field have, against the path that defines the results.
FORCED = "neon" if platform.machine() == "aarch64" else "avx2"
# The scalar path takes milliseconds: fewer invokes do.
SCALAR_SHARE = 20


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", required=True)
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

    library = glob.glob(
        str(pathlib.Path(onnxruntime.__file__).parent / "capi/libonnxruntime.so*"))[0]
    commands, answers = {}, {}
    for label, (name, _) in MODELS.items():
        model = given.models / f"{name}.tflite"
        converter = to_onnx.Converter(model)
        shape = converter.shape(int(converter.graph.Inputs(0)))
        x = np.fromfile(given.models / f"golden/{name}.input.int8", np.int8)[: int(np.prod(shape))]
        signed, unsigned = given.work / f"{name}.s8", given.work / f"{name}.u8"
        x.tofile(signed)
        (x.view(np.uint8) ^ 0x80).tofile(unsigned)
        onnx_file = given.work / f"{name}.onnx"
        to_onnx.convert(model, onnx_file)

        def bench(engine, file, x, divisor=1, *more):
            answers.setdefault(label, {})[engine] = answer = str(given.work / f"{name}.{engine}.out")
            return [given.agent, "bench", str(file), "--input", str(x), "--output", answer, "--json", "--rounds", "1",
                    "--iterations", str(max(20, given.iterations // divisor)),
                    "--warm-up", str(given.warm_up // divisor), *more]

        commands[label] = {
            OURS: bench(OURS, model, signed),
            "litert-xnnpack": [sys.executable, str(HERE / "litert_bench.py"), str(model), str(signed),
                               str(given.work / f"{name}.litert.out"), str(given.warm_up), str(given.iterations)],
            "onnxruntime": bench("onnxruntime", onnx_file, unsigned, 1, "--engine", "onnxRuntime", "--onnxruntime", library),
            f"{OURS} {FORCED}": bench(f"{OURS} {FORCED}", model, signed),
            f"{OURS} scalar": bench(f"{OURS} scalar", model, signed, SCALAR_SHARE),
        }
        answers[label]["litert-xnnpack"] = commands[label]["litert-xnnpack"][4]

    def environment(engine):
        variables = dict(os.environ)
        forced = given.isa if engine == OURS else engine.partition(" ")[2]
        if forced:
            variables["EDGE_AGENT_ISA"] = forced
        return variables

    results = {label: {engine: [] for engine in commands[label]} for label in MODELS}
    for turn in range(given.rounds):
        for label in MODELS:
            for engine, command in commands[label].items():
                result = subprocess.run(
                    ["taskset", "-c", str(given.cpu)] + command, env=environment(engine), check=True,
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                measured = json.loads(result.stdout.splitlines()[-1])
                results[label][engine].append(measured["engines"][0] if "engines" in measured else measured)
        print(f"round {turn + 1} of {given.rounds}", file=sys.stderr)

    medians = {
        label: {engine: round(statistics.median(run["p50Microseconds"] for run in runs), 3)
                for engine, runs in results[label].items()}
        for label in MODELS}
    isa = results["autoencoder"][OURS][0]["instructionSet"]
    print(f"p50 in microseconds, median of {given.rounds} alternating rounds of {given.iterations} invokes; "
          f"onnxruntime {onnxruntime.__version__}")
    table(f"{OURS} ({isa}) against the best of the libraries", medians, OURS, LIBRARIES, answers)
    table(f"{OURS}, {FORCED} forced, against its scalar path", medians, f"{OURS} {FORCED}", (f"{OURS} scalar",), answers)
    print(json.dumps(medians))


def table(title, medians, engine, others, answers):
    columns = (engine, *others)
    print(f"\n{title}")
    print(f"{'model':16}" + "".join(f"{name:>19}" for name in columns) + f"{'ratio':>8}{'target':>8}  same answers")
    for label, (_, target) in MODELS.items():
        row = medians[label]
        ratio = min(row[other] for other in others) / row[engine]
        outputs = {name: np.fromfile(answers[label][name], np.uint8) for name in columns}
        if "onnxruntime" in outputs:
            outputs["onnxruntime"] ^= 0x80
        same = [other for other in others if (outputs[other] == outputs[engine]).all()]
        print(f"{label:16}" + "".join(f"{row[name]:19.2f}" for name in columns)
              + f"{ratio:8.2f}{target:8.2f}  {', '.join(same) or 'none'}")


main()
