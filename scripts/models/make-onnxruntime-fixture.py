"""Makes the model by which the agent's tests need ONNX Runtime: it uses the operator DFT, which edge-agent's own runtime does not have.

The score is the mean square of the four readings, found from their spectrum (Parseval: sum |X|^2 = N sum x^2), so a test knows
beforehand which reading raises an alarm. Writes the bundle with golden answers from ONNX Runtime.

    python3 scripts/models/make-onnxruntime-fixture.py Tests/EdgeAgentTests/Fixtures/spectrum
"""

import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

CHANNELS = ["a", "b", "c", "d"]


def model():
    count = len(CHANNELS)
    constants = {
        "signal": numpy.array([1, count, 1], numpy.int64),
        "axes": numpy.array([1, 2], numpy.int64),
        "scale": numpy.array([1 / count**2], numpy.float32),
    }
    nodes = [
        helper.make_node("Reshape", ["readings", "signal"], ["time"]),
        helper.make_node("DFT", ["time"], ["spectrum"], axis=1),
        helper.make_node("Mul", ["spectrum", "spectrum"], ["power"]),
        helper.make_node("ReduceSum", ["power", "axes"], ["energy"], keepdims=0),
        helper.make_node("Mul", ["energy", "scale"], ["level"]),
    ]
    graph = helper.make_graph(
        nodes, "spectrum",
        [helper.make_tensor_value_info("readings", TensorProto.FLOAT, ["batch", count])],
        [helper.make_tensor_value_info("level", TensorProto.FLOAT, ["batch"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="make-onnxruntime-fixture")
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made.SerializeToString(deterministic=True)


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    code = model()
    (directory / "model.onnx").write_bytes(code)
    session = onnxruntime.InferenceSession(code, providers=["CPUExecutionProvider"])
    answers = []
    for readings in [[1, 1, 1, 1], [8, 8, 8, 8], [1.5, -2, 0.25, 3], [0, 0, 0, 0]]:
        output, = session.run(None, {"readings": numpy.array([readings], numpy.float32)})
        answers.append({"input": readings, "output": [float(v) for v in output], "tolerance": 1e-5})
    (directory / "answers.jsonl").write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    description = {
        "name": "spectrum",
        "version": "1.0.0",
        "release": 1,
        "summary": "the score is the mean square of the readings, from their spectrum",
        "runtime": "onnx",
        "inputs": {
            "channels": [{"name": name, "unit": "V", "validRange": [-100, 100]} for name in CHANNELS],
            "window": 1,
            "hop": 1,
            "features": "raw",
        },
        "output": {"kind": "value", "index": 0},
        "thresholds": {
            "severities": [{"severity": "warning", "raiseAbove": 16}, {"severity": "critical", "raiseAbove": 400}],
            "clearBelow": 4,
        },
    }
    (directory / "description.json").write_text(json.dumps(description, indent=2) + "\n")
    rows = [[1 + 0.1 * ((i * 7 + c) % 5) for c in range(len(CHANNELS))] for i in range(64)]
    lines = [",".join(CHANNELS)] + [",".join(f"{value:.1f}" for value in row) for row in rows]
    (directory / "samples.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
