"""What a case is, and the shared means to build one."""

import dataclasses

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

import goldens

ELEMENT = {
    "float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int8": TensorProto.INT8, "uint8": TensorProto.UINT8,
    "int32": TensorProto.INT32, "int64": TensorProto.INT64, "bool": TensorProto.BOOL, "string": TensorProto.STRING,
    "int16": TensorProto.INT16, "uint16": TensorProto.UINT16,
}
DEFAULT_OPSET = 17


@dataclasses.dataclass
class Case:
    """A model and the inputs to try it with. `kind` is the number format as issue, documents and tests name it."""

    name: str
    model: onnx.ModelProto
    kind: str
    tolerance: str
    vectors: list
    note: str = ""
    optional: bool = False


def build(nodes, inputs, outputs, constants=None, opset=DEFAULT_OPSET, ml=None, microsoft=False):
    """A model from nodes (operator, inputs, outputs, attributes[, domain]), inputs {name: (type, shape)}, outputs {name: type}.

    The outputs' shapes are filled in when they are known. Constants are arrays by name.
    """
    made = []
    for operator, sources, results, *rest in nodes:
        attributes = rest[0] if rest else {}
        domain = rest[1] if len(rest) > 1 else None
        made.append(helper.make_node(operator, sources, results, domain=domain, **attributes))
    graph = helper.make_graph(
        made,
        "main",
        [helper.make_tensor_value_info(name, ELEMENT[of], shape) for name, (of, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, ELEMENT[of], None) for name, of in outputs.items()],
        [numpy_helper.from_array(numpy.asarray(array), name) for name, array in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    if ml:
        opsets.append(helper.make_opsetid("ai.onnx.ml", ml))
    if microsoft:
        opsets.append(helper.make_opsetid("com.microsoft", 1))
    known = [one for one in opsets if one.domain != "com.microsoft"]
    version = helper.find_min_ir_version_for(known)
    return helper.make_model(graph, opset_imports=opsets, ir_version=version, producer_name="make_onnx_models")


def vectors_for(name, inputs, count=2, low=-3.0, high=3.0):
    """Inputs of each form in turn: the whole range, near zero, extremes mixed."""
    rng = goldens.random(name + "/vectors")
    vectors = []
    for index in range(count):
        vector = []
        for of, shape in inputs.values():
            shape = [1 if not isinstance(size, int) else size for size in shape]
            if of in ("float32", "float64"):
                least, most = (low, high)
                values = [rng.uniform(least, most, shape), (least + most) / 2 + rng.standard_normal(shape) * (most - least) / 20,
                          rng.choice([least, most, (least + most) / 2], shape)][index % 3]
            elif of == "bool":
                values = rng.randint(0, 2, shape)
            else:
                least, most = {"int8": (-128, 127), "uint8": (0, 255)}.get(of, (-9, 9))
                values = rng.randint(least, most + 1, shape) if index % 3 != 2 else rng.choice([least, most], shape)
            vector.append(numpy.asarray(values).astype(of))
        vectors.append(vector)
    return vectors


def case(name, nodes, inputs, outputs, constants=None, *, opset=DEFAULT_OPSET, ml=None, microsoft=False, kind="float32", tolerance="floatSum",
         vectors=None, note="", optional=False, **more):
    model = build(nodes, inputs, outputs, constants, opset, ml, microsoft)
    return Case(name, model, kind, tolerance, vectors or vectors_for(name, inputs, **more), note, optional)
