"""Makes the golden models of single TensorFlow Lite operators, and LiteRT's answers to them.

    python3 scripts/models/make_operator_models.py [--only PREFIX] [--into DIRECTORY]

Writes OPERATOR/NAME.tflite and OPERATOR/NAME.io (see goldens.py) and manifest.json. The models in keras/ come from
make_keras_models.py; this adds the answers to them. What LiteRT refuses is left out and listed in
the manifest under "refused" with LiteRT's own words.
"""

import argparse
import importlib
import importlib.metadata
import json
import pathlib
import re
import shutil
import sys

import numpy

import goldens
import litert_runner
from operator_models import case as cases_module

FAMILIES = ["convolutions", "dense", "elementwise", "pooling", "shapes", "recurrent", "variables", "networks", "converted"]
# Operators beyond those the runtime promises; their models say "optional" in the manifest.
BEYOND = {"REDUCE_MIN", "RELU_N1_TO_1", "MIRROR_PAD", "PADV2", "SPLIT_V", "ARG_MIN"}
FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "Tests/InferenceRuntimeTests/Fixtures/operators"


def all_cases():
    for family in FAMILIES:
        yield from importlib.import_module(f"operator_models.{family}").cases()


def first_words(error):
    """What LiteRT said, on one line, without what differs between two runs."""
    text = " ".join(str(error).split())
    return re.sub(r"0x[0-9a-f]+", "0x…", text)[:240]


def build(case, directory):
    """Writes one case's files and returns its entry for the manifest. Raises what LiteRT raises."""
    model = case.model.serialized()
    specifications = litert_runner.specifications(model)
    vectors = case.vectors or cases_module.generated_vectors(case, specifications)
    answers = [litert_runner.answers(model, vectors, case.steps)]
    note = case.note
    try:
        plain = litert_runner.answers(model, vectors, case.steps, litert_runner.BUILT_IN)
    except (RuntimeError, ValueError) as error:
        plain = None
        note = "; ".join(filter(None, [note, f"the built-in kernels refuse it: {first_words(error)}"]))
    differs = plain is not None and goldens.worst_excess(plain, answers[0], case.tolerance) > 0
    if differs:
        answers.append(plain)
    taken, total = litert_runner.delegated(model)
    path = directory / f"{case.name}.tflite"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model)
    goldens.write(path.with_suffix(".io"), vectors, answers, case.steps)
    entry = {
        "name": case.name,
        "operators": case.model.operators,
        "type": case.kind,
        "inputs": [goldens.written(tensor) for tensor in vectors[0]],
        "outputs": [goldens.written(tensor) for tensor in answers[0][0]],
        "vectors": len(vectors),
        "tolerance": case.tolerance,
        "rule": "delegate" if taken == total else "builtin" if taken == 0 else "both",
    }
    if set(case.model.operators) & BEYOND:
        entry["optional"] = True
    if case.steps > 1:
        entry["steps"] = case.steps
    if differs:
        entry["builtinDiffers"] = True
    if note:
        entry["note"] = note
    return entry


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="make only cases whose name starts so; leaves the manifest alone")
    parser.add_argument("--into", type=pathlib.Path, default=FIXTURES)
    arguments = parser.parse_args()
    cases = [case for case in all_cases() if case.name.startswith(arguments.only)]
    if not arguments.only and arguments.into.exists():
        shutil.rmtree(arguments.into)
    entries, refused = [], []
    for case in cases:
        try:
            entries.append(build(case, arguments.into))
            if arguments.only:
                print(json.dumps(entries[-1]))
        except (RuntimeError, ValueError) as error:
            refused.append({"name": case.name, "operators": case.model.operators, "type": case.kind, "reason": first_words(error)})
    names = [entry["name"] for entry in entries]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    entries.sort(key=lambda entry: entry["name"])
    refused.sort(key=lambda entry: entry["name"])
    for entry in refused:
        print(f"refused: {entry['name']}: {entry['reason']}", file=sys.stderr)
    if arguments.only:
        return
    by = f"scripts/models/make_operator_models.py with LiteRT {importlib.metadata.version('ai-edge-litert')} (PyPI ai-edge-litert), numpy {numpy.__version__}"
    goldens.write_manifest(arguments.into, by, entries, refused)


if __name__ == "__main__":
    main()
