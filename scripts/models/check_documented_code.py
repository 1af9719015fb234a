"""Runs the code of docs/models.md as it stands there, on made-up data, and asks edge-agent whether it takes what came out.

    python3 scripts/models/check_documented_code.py [--agent .build/debug/edge-agent] [--only NAME]

A piece whose packages are not installed is left out, and named. scripts/models/requirements-onnx.txt has those for scikit-learn, LightGBM
and XGBoost, requirements-keras.txt TensorFlow; PyTorch's are torch, onnxscript and onnxruntime.
"""

import argparse
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PIECE = re.compile(r"^<!-- code: (\S+?)(?:, needs (.*?))? -->\n```(\w+)\n(.*?)^```$", re.M | re.S)
NAMES = numpy.array(["bearing", "imbalance", "normal"])


def write_data(directory):
    """What the pieces load: windows and rows of features with their classes, and a table of samples."""
    rng = numpy.random.RandomState(1)
    classes = numpy.arange(240) % 3
    windows = (rng.standard_normal((240, 50, 3)) * (1 + classes)[:, None, None]).astype(numpy.float32)
    numpy.save(directory / "windows.npy", windows)
    numpy.save(directory / "window_classes.npy", classes)
    rows = numpy.stack([windows.mean(1), windows.std(1)], -1).reshape(240, -1)
    numpy.save(directory / "rows.npy", rows)
    numpy.save(directory / "row_classes.npy", NAMES[classes])
    lines = ["vibration,temperature,current"] + [",".join(f"{x:.4f}" for x in row) for row in windows[classes == 2].reshape(-1, 3)[:2000]]
    (directory / "samples.csv").write_text("\n".join(lines) + "\n")


def run(piece, directory, agent):
    name, needs, language, text = piece
    missing = [part for part in (needs or "").split() if part != "edge-agent" and importlib.util.find_spec(part) is None]
    if "edge-agent" in (needs or "") and not agent:
        missing.append("--agent")
    if missing:
        print(f"{name}: left out, without {', '.join(missing)}")
        return True
    if language == "json":
        (directory / name).write_text(text)
        return True
    if language == "sh":
        command = ["sh", "-e", "-c", text]
    else:
        command = [sys.executable, "-W", "ignore", "-c", text]
    before = set(directory.iterdir())
    path = f"{agent.parent}:{os.environ['PATH']}" if agent else os.environ["PATH"]
    result = subprocess.run(command, cwd=directory, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    if result.returncode:
        print(f"{name}: failed\n{result.stdout}{result.stderr}")
        return False
    good = True
    made = sorted(file for file in set(directory.iterdir()) - before if file.suffix in (".tflite", ".onnx"))
    for file in made if agent else []:
        info = subprocess.run([agent, "model", "info", file], capture_output=True, text=True)
        good = good and info.returncode == 0
        print(f"{name}: {file.name}: {'taken' if info.returncode == 0 else info.stderr.strip()}")
    print(f"{name}: ran, made {', '.join(file.name for file in made) or 'what it says'}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--agent", type=pathlib.Path)
    parser.add_argument("--only", default="", help="one piece by its name, and those without packages")
    arguments = parser.parse_args()
    agent = arguments.agent and arguments.agent.resolve()
    pieces = PIECE.findall((REPOSITORY / "docs/models.md").read_text())
    assert len(pieces) >= 6, "the pieces in docs/models.md have another form"
    directory = pathlib.Path(tempfile.mkdtemp())
    try:
        write_data(directory)
        results = [run(piece, directory, agent) for piece in pieces if arguments.only in ("", piece[0]) or not piece[1]]
    finally:
        shutil.rmtree(directory)
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
