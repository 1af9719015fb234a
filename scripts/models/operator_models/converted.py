"""The models that make_keras_models.py left in the tree."""

import pathlib

from ai_edge_litert import schema_py_generated as schema

from .case import Case

SOURCES = pathlib.Path(__file__).resolve().parents[3] / "Tests/InferenceRuntimeTests/Fixtures/operators/keras"
KINDS = {"float": "float32", "float16": "float16", "hybrid": "hybrid", "int8": "int8", "uint8": "uint8", "int16": "int16", "mixed": "mixed"}
STATEFUL = ("lstm", "lstm_stack", "lstm_wide", "streaming")


class Converted:
    """A model that is there already, with what Case asks of one."""

    def __init__(self, octets):
        self.octets = octets
        names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
        model = schema.ModelT.InitFromPackedBuf(octets, 0)
        self.operators = sorted({names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes})

    def serialized(self):
        return self.octets


def tolerance(form, name):
    if form in ("int8", "uint8", "int16"):
        return "exact"
    if form == "mixed":
        return "floatElement"
    if "lstm" in name or "gru" in name:
        return "floatRecurrent"
    return "floatFunction" if name == "activations" else "floatSum"


def cases():
    for path in sorted(SOURCES.glob("*.tflite")):
        form, name = path.stem.split("_", 1)
        steps = 3 if name in STATEFUL else 1
        ranges = {} if form in ("int8", "uint8", "int16") else {0: (-2.5, 3.0)}
        yield Case(f"keras/{path.stem}", Converted(path.read_bytes()), KINDS[form], tolerance(form, name), steps=steps, count=6 if steps > 1 else None, ranges=ranges)
