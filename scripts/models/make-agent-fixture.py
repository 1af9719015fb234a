"""Makes the models that the agent's own tests run.

`model.tflite`: its score is the level of its input. An autoencoder whose weights are all zero: the reconstruction is 0, so the
score is the mean square of the features, and a test knows beforehand which reading raises an alarm.

`root.tflite`: the square root of the same inputs. It passes its golden vectors, is normal at 1, and gives NaN below 0.

    python3 scripts/models/make-agent-fixture.py Tests/EdgeAgentTests/Fixtures/level
"""

import json
import pathlib
import sys

import numpy

from tflite_writer import Model

CHANNELS = ["a", "b", "c", "d"]


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    count = len(CHANNELS)
    model = Model("level")
    graph = model.graph()
    x = graph.input("x", [1, count], "int8", scale=0.125, zero_point=0)
    w = graph.constant("w", numpy.zeros((count, count), numpy.int8), scale=0.5)
    y = graph.output("y", [1, count], "int8", scale=0.125, zero_point=0)
    graph.operator("FULLY_CONNECTED", [x, w, None], [y])
    (directory / "model.tflite").write_bytes(model.serialized())
    root = Model("root")
    graph = root.graph()
    x = graph.input("x", [1, count], "float32")
    y = graph.output("y", [1, count], "float32")
    graph.operator("SQRT", [x], [y])
    (directory / "root.tflite").write_bytes(root.serialized())
    description = {
        "name": "level",
        "version": "1.0.0",
        "release": 1,
        "summary": "the score is the mean square of the readings",
        "runtime": "tflite",
        "inputs": {
            "channels": [{"name": name, "unit": "V", "validRange": [-100, 100]} for name in CHANNELS],
            "window": 1,
            "hop": 1,
            "features": "raw",
        },
        "output": {"kind": "reconstructionError"},
        "thresholds": {
            "severities": [
                {"severity": "warning", "raiseAbove": 16},
                {"severity": "critical", "raiseAbove": 400},
            ],
            "clearBelow": 4,
        },
        "fallback": {"feature": "a[0]", "above": 5, "clear": 3, "severity": "warning"},
    }
    (directory / "description.json").write_text(json.dumps(description, indent=2) + "\n")
    rows = [[1 + 0.1 * ((i * 7 + c) % 5) for c in range(count)] for i in range(64)]
    lines = [",".join(CHANNELS)] + [",".join(f"{value:.1f}" for value in row) for row in rows]
    (directory / "samples.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
