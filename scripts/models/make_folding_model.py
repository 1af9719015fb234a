"""Makes the model of Fixtures/folding: float16 weights that a DEQUANTIZE makes float32, and LiteRT's answers to it.

    python3 scripts/models/make_folding_model.py
"""

import pathlib

import numpy

import goldens
import litert_runner
from tflite_writer import Model

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "Tests/InferenceRuntimeTests/Fixtures/folding"


def main():
    rng = numpy.random.RandomState(1)
    model = Model()
    graph = model.graph()
    x = graph.input("x", [2, 5], "float32")
    weights = graph.constant("w16", rng.uniform(-1, 1, (3, 5)).astype(numpy.float16))
    bias = graph.constant("b16", rng.uniform(-1, 1, 3).astype(numpy.float16))
    real_weights = graph.tensor("w", [3, 5], "float32")
    real_bias = graph.tensor("b", [3], "float32")
    graph.operator("DEQUANTIZE", [weights], [real_weights], 3)
    graph.operator("DEQUANTIZE", [bias], [real_bias], 3)
    y = graph.output("y", [2, 3], "float32")
    graph.operator("FULLY_CONNECTED", [x, real_weights, real_bias], [y], activation="NONE")
    serialized = model.serialized()
    vectors = [[rng.uniform(-2, 2, (2, 5)).astype(numpy.float32)] for _ in range(3)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "float16_weights.tflite").write_bytes(serialized)
    goldens.write(FOLDER / "float16_weights.io", vectors, [litert_runner.answers(serialized, vectors)])


if __name__ == "__main__":
    main()
