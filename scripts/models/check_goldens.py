"""Runs every golden model again in LiteRT or ONNX Runtime and compares with the answers in the tree.

    python3 scripts/models/check_goldens.py [--exact] [DIRECTORY …]

An answer must come within its model's tolerance; with --exact (same library version, same instruction set) it must be the same
bytes. Prints what differs, and a last line with the counts; ends with 1 if anything differs or a file is missing or left over.
"""

import argparse
import json
import pathlib
import sys

import goldens

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "Tests/InferenceRuntimeTests/Fixtures"


def run(path, model, vectors, steps, plain):
    if path.suffix == ".onnx":
        import onnxruntime_runner

        return onnxruntime_runner.answers(model, vectors)
    import litert_runner

    return litert_runner.answers(model, vectors, steps, litert_runner.BUILT_IN if plain else litert_runner.DEFAULT)


def check(directory, exact):
    """Yields (name, what is wrong or None) for each model of a directory, then for each file out of place."""
    manifest = json.loads((directory / "manifest.json").read_text())
    expected_files = {directory / "manifest.json"}
    for entry in manifest["models"]:
        path = next((p for p in (directory / f"{entry['name']}.tflite", directory / f"{entry['name']}.onnx") if p.exists()), None)
        if path is None:
            yield entry["name"], "its model is missing"
            continue
        expected_files |= {path, path.with_suffix(".io")}
        vectors, answers, steps = goldens.read(path.with_suffix(".io"))
        problem = None
        if len(vectors) != entry["vectors"] or steps != entry.get("steps", 1) or len(answers) != 1 + entry.get("builtinDiffers", False):
            problem = "the manifest says otherwise than the golden file"
        for plain, answer in enumerate(answers):
            try:
                actual = run(path, path.read_bytes(), vectors, steps, plain == 1)
            except Exception as error:
                problem = f"does not run: {' '.join(str(error).split())[:200]}"
                break
            over = goldens.worst_excess(actual, answer, "exact" if exact else entry["tolerance"])
            if over > 0:
                problem = f"{'built-in' if plain else 'default'} answers are {over:g} beyond {'exact' if exact else entry['tolerance']}"
        yield entry["name"], problem
    for path in sorted(set(p for p in directory.rglob("*") if p.is_file()) - expected_files):
        yield str(path), "belongs to no model of the manifest"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--exact", action="store_true", help="ask for the same bytes")
    parser.add_argument("directories", nargs="*", type=pathlib.Path, default=[FIXTURES / "operators", FIXTURES / "onnx"])
    arguments = parser.parse_args()
    passed = failed = 0
    for directory in arguments.directories:
        for name, problem in check(directory, arguments.exact):
            if problem is None:
                passed += 1
            else:
                failed += 1
                print(f"{directory.name}/{name}: {problem}", file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
