"""Runs a .tflite model in LiteRT, with its default delegate or without."""

import numpy
from ai_edge_litert.interpreter import Interpreter, OpResolverType

DEFAULT = OpResolverType.AUTO
BUILT_IN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def open_model(model, resolver=DEFAULT):
    interpreter = Interpreter(model_content=model, num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    return interpreter


def specifications(model):
    """The inputs as (shape, dtype, scale, zero point)."""
    interpreter = Interpreter(model_content=model, num_threads=1, experimental_op_resolver_type=BUILT_IN)
    return [
        (tuple(d["shape"]), numpy.dtype(d["dtype"]), *d["quantization"]) for d in interpreter.get_input_details()
    ]


def delegated(model):
    """The number of operators that the default delegate takes, of the number there are in the main graph."""
    interpreter = open_model(model)
    plain = open_model(model, BUILT_IN)
    total = len(plain._get_ops_details())
    taken = 0
    by_output = {}
    for operator in interpreter._get_ops_details():
        if operator["op_name"] != "DELEGATE":
            for output in operator["outputs"]:
                by_output[int(output)] = operator
    for operator in interpreter._get_ops_details():
        if operator["op_name"] != "DELEGATE":
            continue
        seen, borders, todo = set(), set(map(int, operator["inputs"])), list(map(int, operator["outputs"]))
        while todo:
            producer = by_output.get(todo.pop())
            if producer is not None and producer["index"] not in seen:
                seen.add(producer["index"])
                todo += [int(i) for i in producer["inputs"] if int(i) >= 0 and int(i) not in borders]
        taken += len(seen)
    return taken, total


def answers(model, vectors, steps=1, resolver=DEFAULT):
    """The outputs to each vector; a new interpreter at the start of each sequence of `steps`."""
    results = []
    interpreter = None
    for index, inputs in enumerate(vectors):
        if interpreter is None or (steps > 1 and index % steps == 0):
            interpreter = open_model(model, resolver)
            places = [d["index"] for d in interpreter.get_input_details()]
            outputs = [d["index"] for d in interpreter.get_output_details()]
        for place, values in zip(places, inputs):
            interpreter.set_tensor(place, values)
        interpreter.invoke()
        results.append([numpy.array(interpreter.get_tensor(output)) for output in outputs])
    return results
