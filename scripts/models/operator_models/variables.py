"""Streaming models: what they saw stays in variables from one invoke to the next."""

import numpy

import goldens
from tflite_writer import Model

from .case import KIND, Case, make_parameters
from .simple import indices


def handle_of(graph, name):
    handle = graph.tensor(f"{name}_handle", [], "resource")
    graph.operator("VAR_HANDLE", [], [handle], container="", sharedName=name)
    return handle


def initialised(model, main, values):
    """Adds the graph that gives variables their first values, and the call to it. values: {name: (array, scale, zero point)}."""
    main.operator("CALL_ONCE", [], [], initSubgraphIndex=len(model.graphs))
    graph = model.graph("initialise")
    for name, (array, scale, zero_point) in values.items():
        constant = graph.constant(f"{name}_first", array, scale, zero_point)
        graph.operator("ASSIGN_VARIABLE", [handle_of(graph, name), constant], [])


def running_sum(dtype):
    model = Model()
    graph = model.graph()
    x = graph.input("x", [1, 3], dtype)
    initialised(model, graph, {"sum": (numpy.array([[1, 2, 3]]).astype(dtype), None, 0)})
    handle = handle_of(graph, "sum")
    before = graph.tensor("before", [1, 3], dtype)
    graph.operator("READ_VARIABLE", [handle], [before])
    after = graph.output("after", [1, 3], dtype)
    graph.operator("ADD", [before, x], [after], activation="NONE")
    graph.operator("ASSIGN_VARIABLE", [handle, after], [])
    return Case(f"variables/{dtype}_running_sum", model, dtype, "floatElement" if dtype == "float32" else "exact", steps=4, count=8)


def streaming_convolution(kind, *, two=False):
    """Keeps the last samples in a ring, shifts a new one in, convolves the ring: a streaming Conv1D. `two` puts two in a row."""
    kind = KIND[kind]
    full = f"variables/{kind.name}_streaming_{'two_' if two else ''}convolution{'s' if two else ''}"
    rng = goldens.random(full)
    model = Model()
    graph = model.graph()
    dtype = kind.activation
    scale_x, scale_y = kind.scales
    zero_x, zero_y = kind.zero_points
    x = graph.input("x", [1, 1, 3], dtype, scale_x, zero_x)
    layers = [("ring", 4, 3, 5, scale_x, zero_x, scale_y, zero_y)]
    if two:
        layers.append(("second", 3, 5, 2, scale_y, zero_y, scale_x, zero_x))
    first = {}
    for name, memory, ci, _, scale, zero_point, _, _ in layers:
        first[name] = (numpy.full((1, memory, ci), zero_point if kind.is_quantized else 0).astype(dtype), scale, zero_point)
    initialised(model, graph, first)
    current = x
    for place, (name, memory, ci, co, scale, zero_point, scale_out, zero_out) in enumerate(layers):
        handle = handle_of(graph, name)
        old = graph.tensor(f"{name}_old", [1, memory, ci], dtype, scale, zero_point)
        graph.operator("READ_VARIABLE", [handle], [old])
        kept = graph.tensor(f"{name}_kept", [1, memory - 1, ci], dtype, scale, zero_point)
        graph.operator("STRIDED_SLICE", [old, graph.constant(f"{name}_begin", indices(0, 1, 0)), graph.constant(f"{name}_end", indices(0, memory, 0)),
                                         graph.constant(f"{name}_step", indices(1, 1, 1))], [kept], beginMask=5, endMask=5)
        new = graph.tensor(f"{name}_new", [1, memory, ci], dtype, scale, zero_point)
        graph.operator("CONCATENATION", [kept, current], [new], axis=1, activation="NONE")
        graph.operator("ASSIGN_VARIABLE", [handle, new], [])
        wide = graph.tensor(f"{name}_wide", [1, 1, memory, ci], dtype, scale, zero_point)
        graph.operator("EXPAND_DIMS", [new, graph.constant(f"{name}_axis", numpy.array(1, numpy.int32))], [wide])
        values, scales, zero_w, biases, bias_scales = make_parameters(rng, kind, (co, 1, memory, ci), 0, memory * ci, scale, scale_out)
        filters = graph.constant(f"{name}_w", values, scales, zero_w, 0)
        b = graph.constant(f"{name}_b", biases, bias_scales)
        convolved = graph.tensor(f"{name}_convolved", [1, 1, 1, co], dtype, scale_out, zero_out)
        graph.operator("CONV_2D", [wide, filters, b], [convolved], 3, padding="VALID", strideH=1, strideW=1, dilationHFactor=1,
                       dilationWFactor=1, activation="RELU" if place + 1 < len(layers) else "NONE")
        last = place + 1 == len(layers)
        current = (graph.output if last else graph.tensor)(f"{name}_y", [1, 1, co], dtype, scale_out, zero_out)
        graph.operator("SQUEEZE", [convolved], [current], squeezeDims=[1])
    return Case(full, model, kind.name, "exact" if kind.is_quantized else "floatSum", steps=6, count=12)


def assigned_without_reading():
    """The output is what the variable held before: reading comes before assigning, by the order of the operators."""
    model = Model()
    graph = model.graph()
    x = graph.input("x", [2, 2], "int8", 0.05, 3)
    initialised(model, graph, {"last": (numpy.array([[1, 2], [3, 4]], numpy.int8), 0.05, 3)})
    handle = handle_of(graph, "last")
    y = graph.output("y", [2, 2], "int8", 0.05, 3)
    graph.operator("READ_VARIABLE", [handle], [y])
    graph.operator("ASSIGN_VARIABLE", [handle, x], [])
    return Case("variables/int8_delay", model, "int8", "exact", steps=5, count=5)


def cases():
    yield running_sum("float32")
    yield running_sum("int32")
    yield assigned_without_reading()
    yield streaming_convolution("float32")
    yield streaming_convolution("float32", two=True)
    yield streaming_convolution("int8")
    yield streaming_convolution("int8", two=True)
    yield streaming_convolution("int16")
