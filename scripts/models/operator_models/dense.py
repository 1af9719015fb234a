"""FULLY_CONNECTED and BATCH_MATMUL."""

import numpy

import goldens
from tflite_writer import Model

from .case import KIND, KINDS, Case, Kind, float_ranges, make_parameters, sum_tolerance
from .convolutions import CHANNELS, all_minimal, dead_channels, some_minimal, wild_scales

# What FULLY_CONNECTED comes in beside KINDS: old converters quantize its weights per tensor, new ones per channel.
PER_TENSOR_INT16 = Kind("int16_per_tensor", "int16", "int8", "int64")
FULLY_CONNECTED_KINDS = KINDS + [PER_TENSOR_INT16]


def fully_connected(name, kind, *, lead=(1,), ci=16, co=8, act="NONE", keep=False, bias="normal", asymmetric=False, zx=None, zy=None,
                    weights=None, weight_scales=None, note="", **case):
    kind = PER_TENSOR_INT16 if kind == PER_TENSOR_INT16.name else KIND[kind]
    full = f"fully_connected/{kind.name}_{name}"
    rng = goldens.random(full)
    scale_x, scale_y = kind.scales
    zero_x, zero_y = kind.zero_points
    zero_x, zero_y = zero_x if zx is None else zx, zero_y if zy is None else zy
    values, scales, zero_w, biases, bias_scales = make_parameters(
        rng, kind, (co, ci), 0, ci, scale_x, scale_y, weights=weights, weight_scales=weight_scales, bias=bias or "normal")
    model = Model()
    graph = model.graph()
    x = graph.input("x", [*lead, ci], kind.activation, scale_x, zero_x)
    w = graph.constant("w", values, scales, zero_w, 0)
    b = graph.constant("b", biases, bias_scales) if bias else None
    rows = list(lead) if keep else [int(numpy.prod(lead))]
    y = graph.output("y", [*rows, co], kind.activation, scale_y, zero_y)
    hybrid = kind.weight == "int8" and not kind.is_quantized
    version = 4 if kind.activation == "int8" else 7 if kind.activation == "int16" else 3 if hybrid else 1
    version = 12 if kind.per_channel else 9 if asymmetric else max(version, 5 if keep else 1, 6 if not bias else 1)
    graph.operator("FULLY_CONNECTED", [x, w, b], [y], version, activation=act, keepNumDims=keep, asymmetricQuantizeInputs=asymmetric)
    return Case(full, model, kind.name, sum_tolerance(kind), note, ranges=float_ranges(kind), **case)


def batch_matmul(name, kind, a, b, *, adj_x=False, adj_y=False, constant=False, note="", asymmetric=False):
    hybrid = kind == "hybrid"
    kind = KIND[kind]
    full = f"batch_matmul/{kind.name}_{name}"
    rng = goldens.random(full)
    scale, _ = kind.scales
    zero_a, zero_y = kind.zero_points
    rows, depth = (a[-1], a[-2]) if adj_x else (a[-2], a[-1])
    columns = b[-2] if adj_y else b[-1]
    lead = numpy.broadcast_shapes(tuple(a[:-2]), tuple(b[:-2]))
    model = Model()
    graph = model.graph()
    x = graph.input("a", a, kind.activation, scale, zero_a)
    if constant or hybrid:
        if kind.weight == "float32":
            w = graph.constant("b", rng.standard_normal(b).astype(numpy.float32))
        else:
            w = graph.constant("b", rng.randint(-127, 128, b).astype(numpy.int8), 0.011)
    else:
        w = graph.input("b", b, kind.activation, scale, 0 if kind.activation == "int16" else zero_a + 9)
    second = 0.011 if constant and kind.is_quantized else scale
    factor = {"int8": 1.2, "uint8": 1.2, "int16": 200.0}.get(kind.activation)
    y_scale = None if not kind.is_quantized else factor * scale * second * numpy.sqrt(depth) * 60
    y = graph.output("y", [*lead, rows, columns], kind.activation, y_scale, zero_y)
    version = {"int8": 2, "int16": 3}.get(kind.activation, 4 if asymmetric else 1)
    graph.operator("BATCH_MATMUL", [x, w], [y], version, adjX=adj_x, adjY=adj_y, asymmetricQuantizeInputs=asymmetric)
    return Case(full, model, kind.name, sum_tolerance(kind), note)


def cases():
    for kind in FULLY_CONNECTED_KINDS:
        k = kind.name
        yield fully_connected("one_row", k, count=5)
        yield fully_connected("batch_3_relu", k, lead=(3,), ci=17, co=9, act="RELU")
        yield fully_connected("relu6", k, ci=9, co=7, act="RELU6")
        if k in ("hybrid_per_tensor", "int16_per_tensor"):
            continue
        yield fully_connected("no_bias", k, ci=8, co=5, bias=None)
        yield fully_connected("keep_dimensions", k, lead=(1, 3), ci=7, co=5, keep=True)
        yield fully_connected("rows_flattened", k, lead=(1, 2, 2), ci=6, co=3)
    for k in ("int8", "int8_per_tensor", "float32"):
        yield fully_connected("relu_n1_to_1", k, ci=9, co=7, act="RELU_N1_TO_1")
        yield fully_connected("deep_700", k, ci=700, co=3, count=3) if k != "float32" else fully_connected("deep_300", k, ci=300, co=2, count=3)
        for ci, co in list(zip(CHANNELS, reversed(CHANNELS)))[:: 2 if k == "int8_per_tensor" else 3]:
            yield fully_connected(f"{ci}_to_{co}", k, ci=ci, co=co, count=3)
        yield fully_connected("31_to_33_batch_2", k, lead=(2,), ci=31, co=33 if k != "float32" else 17, count=3)
    for k in ("hybrid", "hybrid_per_tensor"):
        yield fully_connected("asymmetric_inputs", k, lead=(2,), asymmetric=True)
        yield fully_connected("wide_200", k, ci=200, co=5)
    for k in ("int8", "int8_per_tensor"):
        yield fully_connected("some_weights_-128", k, weights=some_minimal)
        yield fully_connected("all_weights_-128", k, ci=33, weights=all_minimal, count=5)
        yield fully_connected("bias_near_limits", k, bias="limit", weight_scales=lambda s, r: s / 100000,
                              note="accumulators come within 2^24 of the limits of int32")
        if k != "int8":
            continue
        yield fully_connected("zero_points_low_high", k, zx=-128, zy=127, count=5)
        yield fully_connected("zero_points_high_low", k, zx=127, zy=-128, count=5)
        yield fully_connected("clamp_off_zero_point_relu6", k, zy=-31, act="RELU6")
        yield fully_connected("clamp_off_zero_point_relu", k, zy=89, act="RELU")
        yield fully_connected("tiny_output_scale", k, weight_scales=lambda s, r: s * 300)
        yield fully_connected("huge_output_scale", k, weight_scales=lambda s, r: s / 40000)
    yield fully_connected("dead_channels", "int8", weight_scales=dead_channels)
    yield fully_connected("wild_scales", "int8", weight_scales=wild_scales, co=33, count=5)
    for k in ("int8", "int16", "float32", "hybrid"):
        yield batch_matmul("plain", k, [2, 3, 5], [2, 5, 4])
        yield batch_matmul("broadcast", k, [2, 1, 3, 4], [1, 3, 4, 2])
        yield batch_matmul("second_transposed", k, [1, 4, 7], [1, 3, 7], adj_y=True)
        yield batch_matmul("first_transposed", k, [2, 5, 3], [2, 5, 4], adj_x=True)
        yield batch_matmul("second_constant", k, [1, 3, 8], [1, 8, 5], constant=True)
    yield batch_matmul("asymmetric_inputs", "hybrid", [1, 3, 8], [1, 8, 5], asymmetric=True)
