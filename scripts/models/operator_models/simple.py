"""Builds a model of one operator over given inputs, constants and outputs."""

import numpy

from tflite_writer import Model

from .case import Case

# What one element type is usually quantized with, as (scale, zero point).
USUAL = {"int8": (0.047, -9), "uint8": (0.047, 119), "int16": (0.0002, 0)}


def quantized(dtype, scale=None, zero_point=None):
    """Scale and zero point of a tensor of this type: the usual ones where none are given, none for floats and indices."""
    if dtype not in USUAL:
        return None, 0
    return scale or USUAL[dtype][0], USUAL[dtype][1] if zero_point is None else zero_point


def one(name, operator, dtype, inputs, outputs, *, tolerance="exact", kind=None, version=1, note="", case=None, **options):
    """A case of one operator.

    `inputs`: a shape for an input of type `dtype`; (shape, scale, zero point) to quantize it otherwise; (shape, "TYPE") for another
    type; an array for a constant without quantization; (array, scale, zero point) for a quantized one; None to leave it out.
    `outputs`: shapes or such tuples. `name` follows the operator and the type in the case's name.
    """
    model = Model()
    graph = model.graph()

    def add(place, what, given):
        described = isinstance(given, tuple) and len(given) > 0 and isinstance(given[0], (tuple, numpy.ndarray))
        given = given if described else (given,)
        first = given[0]
        label = f"{what}{place}"
        if isinstance(first, numpy.ndarray):
            scale, zero_point = (list(given[1:]) + [None, 0])[:2]
            return graph.constant(label, first, scale, zero_point)
        of = given[1] if len(given) == 2 else dtype
        scale, zero_point = given[1:] if len(given) == 3 else quantized(of)
        return (graph.input if what == "x" else graph.output)(label, list(first), of, scale, zero_point)

    sources = [None if given is None else add(place, "x", given) for place, given in enumerate(inputs)]
    results = [add(place, "y", given) for place, given in enumerate(outputs)]
    graph.operator(operator, sources, results, version, **options)
    kind = kind or dtype
    return Case(f"{operator.lower()}/{kind}{'_' if name else ''}{name}", model, kind, tolerance, note, **(case or {}))


def indices(*values):
    return numpy.array(values, numpy.int32)
