"""Makes the golden ONNX models, and ONNX Runtime's answers to them.

    python3 scripts/models/make_onnx_models.py [--only PREFIX] [--into DIRECTORY]
    python3 scripts/models/make_onnx_models.py --bench-forest FILE

Writes FAMILY/NAME.onnx and FAMILY/NAME.io (see goldens.py), manifest.json, and operators.txt: every operator that ONNX defines. What ONNX Runtime refuses is left out and listed in
the manifest under "refused". The second form writes the forest of the benchmarks (300 trees, depth 8, 20 features), which is too
large to commit.
"""

import argparse
import importlib
import importlib.metadata
import json
import pathlib
import shutil
import sys


import onnx

import goldens
import onnxruntime_runner

FAMILIES = ["floats", "quantized", "classical", "exports"]
FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "Tests/InferenceRuntimeTests/Fixtures/onnx"
LIBRARIES = ["onnxruntime", "onnx", "numpy", "scikit-learn", "skl2onnx", "onnxmltools", "lightgbm", "xgboost"]


def all_cases():
    for family in FAMILIES:
        yield from importlib.import_module(f"onnx_models.{family}").cases()


def build(case, directory):
    """Writes one case's files and returns its entry for the manifest. Raises what ONNX Runtime raises."""
    answers = onnxruntime_runner.answers(case.model.SerializeToString(), case.vectors)
    for output, answer in zip(case.model.graph.output, answers[0]):
        if output.type.WhichOneof("value") == "tensor_type" and not output.type.tensor_type.HasField("shape"):
            unknown = any(d.dim_param for i in case.model.graph.input for d in i.type.tensor_type.shape.dim)
            shape = output.type.tensor_type.shape
            shape.SetInParent()
            for place, size in enumerate(answer.shape):
                dimension = shape.dim.add()
                if unknown and place == 0:
                    dimension.dim_param = "N"
                else:
                    dimension.dim_value = size
    model = case.model.SerializeToString(deterministic=True)
    assert goldens.worst_excess(onnxruntime_runner.answers(model, case.vectors), answers, "exact") == 0
    plain = onnxruntime_runner.answers(model, case.vectors, optimised=False)
    path = directory / f"{case.name}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model)
    goldens.write(path.with_suffix(".io"), case.vectors, [answers])
    entry = {
        "name": case.name,
        "operators": sorted({f"{node.domain}.{node.op_type}".lstrip(".") for node in case.model.graph.node}),
        "type": case.kind,
        "opsets": {one.domain: one.version for one in case.model.opset_import},
        "inputs": [goldens.written(tensor) for tensor in case.vectors[0]],
        "outputs": [goldens.written(tensor) for tensor in answers[0]],
        "vectors": len(case.vectors),
        "tolerance": case.tolerance,
    }
    if goldens.worst_excess(plain, answers, case.tolerance) > 0:
        entry["unoptimisedDiffers"] = True
    if case.optional:
        entry["optional"] = True
    if case.note:
        entry["note"] = case.note
    return entry


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="make only cases whose name starts so; leaves the manifest alone")
    parser.add_argument("--into", type=pathlib.Path, default=FIXTURES)
    parser.add_argument("--bench-forest", type=pathlib.Path, help="write only the forest of the benchmarks, to this file")
    arguments = parser.parse_args()
    if arguments.bench_forest:
        from onnx_models import exports

        arguments.bench_forest.write_bytes(exports.bench_forest().SerializeToString(deterministic=True))
        print(f"{arguments.bench_forest.stat().st_size} bytes in {arguments.bench_forest}")
        return
    if not arguments.only and arguments.into.exists():
        shutil.rmtree(arguments.into)
    entries, refused = [], []
    for case in all_cases():
        if not case.name.startswith(arguments.only):
            continue
        try:
            entries.append(build(case, arguments.into))
            if arguments.only:
                print(json.dumps(entries[-1]))
        except Exception as error:  # ONNX Runtime's errors have no common base but this
            if type(error).__module__.split(".")[0] != "onnxruntime" and "onnxruntime" not in type(error).__module__:
                raise
            refused.append({"name": case.name, "type": case.kind, "reason": " ".join(str(error).split())[:240]})
    names = [entry["name"] for entry in entries]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    entries.sort(key=lambda entry: entry["name"])
    refused.sort(key=lambda entry: entry["name"])
    for entry in refused:
        print(f"refused: {entry['name']}: {entry['reason']}", file=sys.stderr)
    if arguments.only:
        return
    defined = {f"{one.domain}.{one.name}".lstrip(".") for one in onnx.defs.get_all_schemas() if one.domain in ("", "ai.onnx.ml")}
    (arguments.into / "operators.txt").write_text("".join(f"{name}\n" for name in sorted(defined)))
    versions = ", ".join(f"{library} {importlib.metadata.version(library)}" for library in LIBRARIES)
    goldens.write_manifest(arguments.into, f"scripts/models/make_onnx_models.py with {versions}", entries, refused)


if __name__ == "__main__":
    main()
