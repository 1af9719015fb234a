"""CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV, and 1-D convolutions as Keras writes them."""

import numpy

import goldens
from tflite_writer import Model

from .case import KIND, KINDS, Case, float_ranges, make_parameters, sum_tolerance

CHANNELS = [1, 3, 5, 7, 8, 9, 16, 17, 31, 33]


def extent(size, kernel, stride, dilation, padding):
    reach = (kernel - 1) * dilation + 1
    return -(-size // stride) if padding == "SAME" else -(-(size - reach + 1) // stride)


def conv_2d(name, kind, *, n=1, h=5, w=5, ci=3, co=8, kh=3, kw=3, sh=1, sw=1, dh=1, dw=1, padding="SAME", act="NONE",
            groups=1, zx=None, zy=None, sx=None, sy=None, bias="normal", weights=None, weight_scales=None, note="", **case):
    kind = KIND[kind]
    full = f"conv_2d/{kind.name}_{name}"
    rng = goldens.random(full)
    scale_x, scale_y = kind.scales
    scale_x, scale_y = sx or scale_x, sy or scale_y
    zero_x, zero_y = kind.zero_points
    zero_x, zero_y = zero_x if zx is None else zx, zero_y if zy is None else zy
    values, scales, zero_w, biases, bias_scales = make_parameters(
        rng, kind, (co, kh, kw, ci // groups), 0, kh * kw * ci // groups, scale_x, scale_y,
        weights=weights, weight_scales=weight_scales, bias=bias or "normal")
    model = Model()
    graph = model.graph()
    x = graph.input("x", [n, h, w, ci], kind.activation, scale_x, zero_x)
    filters = graph.constant("w", values, scales, zero_w, 0)
    b = graph.constant("b", biases, bias_scales) if bias else None
    y = graph.output("y", [n, extent(h, kh, sh, dh, padding), extent(w, kw, sw, dw, padding), co], kind.activation,
                     scale_y, zero_y)
    version = {"int8": 3, "int16": 4, "uint8": 1, "float32": 1}[kind.activation] if kind.weight != "int8" or kind.is_quantized else (5 if kind.per_channel else 2)
    graph.operator("CONV_2D", [x, filters, b], [y], version, padding=padding, strideH=sh, strideW=sw,
                   dilationHFactor=dh, dilationWFactor=dw, activation=act)
    return Case(full, model, kind.name, sum_tolerance(kind), note, ranges=float_ranges(kind), **{"count": 1 if kind.name == "float32" else None, **case})


def depthwise(name, kind, *, n=1, h=5, w=5, ci=8, multiplier=1, kh=3, kw=3, sh=1, sw=1, dh=1, dw=1, padding="SAME",
              act="NONE", zx=None, zy=None, sx=None, sy=None, bias="normal", weights=None, weight_scales=None, note="", **case):
    kind = KIND[kind]
    full = f"depthwise_conv_2d/{kind.name}_{name}"
    rng = goldens.random(full)
    scale_x, scale_y = kind.scales
    scale_x, scale_y = sx or scale_x, sy or scale_y
    zero_x, zero_y = kind.zero_points
    zero_x, zero_y = zero_x if zx is None else zx, zero_y if zy is None else zy
    co = ci * multiplier
    values, scales, zero_w, biases, bias_scales = make_parameters(
        rng, kind, (1, kh, kw, co), 3, kh * kw, scale_x, scale_y, weights=weights, weight_scales=weight_scales, bias=bias or "normal")
    model = Model()
    graph = model.graph()
    x = graph.input("x", [n, h, w, ci], kind.activation, scale_x, zero_x)
    filters = graph.constant("w", values, scales, zero_w, 3)
    b = graph.constant("b", biases, bias_scales) if bias else None
    y = graph.output("y", [n, extent(h, kh, sh, dh, padding), extent(w, kw, sw, dw, padding), co], kind.activation,
                     scale_y, zero_y)
    hybrid = kind.weight == "int8" and not kind.is_quantized
    version = 6 if hybrid and kind.per_channel else 4 if hybrid else {"int8": 3, "int16": 5, "uint8": 2, "float32": 2}[kind.activation]
    graph.operator("DEPTHWISE_CONV_2D", [x, filters, b], [y], version, padding=padding, strideH=sh, strideW=sw,
                   dilationHFactor=dh, dilationWFactor=dw, depthMultiplier=multiplier, activation=act)
    return Case(full, model, kind.name, sum_tolerance(kind), note, ranges=float_ranges(kind), **{"count": 1 if kind.name == "float32" else None, **case})


def transpose_conv(name, kind, *, n=1, h=3, w=3, ci=3, co=4, kh=3, kw=3, sh=2, sw=2, padding="SAME", act="NONE", bias=True,
                   note="", **case):
    kind = KIND[kind]
    full = f"transpose_conv/{kind.name}_{name}"
    rng = goldens.random(full)
    scale_x, scale_y = kind.scales
    zero_x, zero_y = kind.zero_points
    values, scales, zero_w, biases, bias_scales = make_parameters(
        rng, kind, (co, kh, kw, ci), 0, max(1, kh * kw * ci // (sh * sw)), scale_x, scale_y)
    if padding == "SAME":
        size = [n, h * sh, w * sw, co]
    else:
        size = [n, (h - 1) * sh + kh, (w - 1) * sw + kw, co]
    model = Model()
    graph = model.graph()
    shape = graph.constant("shape", numpy.array(size, numpy.int32))
    filters = graph.constant("w", values, scales, zero_w, 0)
    x = graph.input("x", [n, h, w, ci], kind.activation, scale_x, zero_x)
    b = graph.constant("b", biases, bias_scales) if bias else None
    y = graph.output("y", size, kind.activation, scale_y, zero_y)
    version = 4 if act != "NONE" else 3 if bias else 2
    graph.operator("TRANSPOSE_CONV", [shape, filters, x] + ([b] if bias else []), [y], version, padding=padding,
                   strideH=sh, strideW=sw, activation=act)
    return Case(full, model, kind.name, sum_tolerance(kind), note, ranges=float_ranges(kind), **{"count": 1 if kind.name == "float32" else None, **case})


def keras_conv_1d(name, kind, *, wrap="EXPAND_DIMS", steps=12, ci=3, co=8, k=3, stride=1, dilation=1, padding="SAME",
                  act="RELU", depthwise=False):
    """Conv1D as Keras models carry it: a dimension of 1 put in before the time, CONV_2D, the dimension taken out."""
    kind = KIND[kind]
    full = f"conv_1d/{kind.name}_{name}"
    rng = goldens.random(full)
    scale_x, scale_y = kind.scales
    zero_x, zero_y = kind.zero_points
    if act == "RELU" and kind.activation == "int8":
        zero_y = -128
    shape, axis = ((1, 1, k, ci), 3) if depthwise else ((co, 1, k, ci), 0)
    co = ci if depthwise else co
    values, scales, zero_w, biases, bias_scales = make_parameters(
        rng, kind, shape, axis, k * (1 if depthwise else ci), scale_x, scale_y)
    length = extent(steps, k, stride, dilation, padding)
    model = Model()
    graph = model.graph()
    x = graph.input("x", [1, steps, ci], kind.activation, scale_x, zero_x)
    wide = graph.tensor("expanded", [1, 1, steps, ci], kind.activation, scale_x, zero_x)
    if wrap == "EXPAND_DIMS":
        graph.operator("EXPAND_DIMS", [x, graph.constant("axis", numpy.array(-3, numpy.int32))], [wide])
    else:
        graph.operator("RESHAPE", [x, graph.constant("wide", numpy.array([1, 1, steps, ci], numpy.int32))], [wide])
    filters = graph.constant("w", values, scales, zero_w, axis)
    b = graph.constant("b", biases, bias_scales)
    result = graph.tensor("convolved", [1, 1, length, co], kind.activation, scale_y, zero_y)
    options = dict(padding=padding, strideH=stride if depthwise else 1, strideW=stride, dilationHFactor=1, dilationWFactor=dilation, activation=act)
    if depthwise:
        graph.operator("DEPTHWISE_CONV_2D", [wide, filters, b], [result], 3, depthMultiplier=1, **options)
    else:
        graph.operator("CONV_2D", [wide, filters, b], [result], 3, **options)
    y = graph.output("y", [1, length, co], kind.activation, scale_y, zero_y)
    if wrap == "EXPAND_DIMS":
        graph.operator("SQUEEZE", [result], [y], squeezeDims=[-3])
    else:
        graph.operator("RESHAPE", [result, graph.constant("narrow", numpy.array([1, length, co], numpy.int32))], [y])
    return Case(full, model, kind.name, sum_tolerance(kind), ranges=float_ranges(kind))


def some_minimal(values, rng):
    """Weights among which every seventh or so is -128, which converters avoid and hand-made models do not."""
    return numpy.where(rng.uniform(size=values.shape) < 0.15, -128, values).astype(numpy.int8)


def all_minimal(values, rng):
    return numpy.full(values.shape, -128, numpy.int8)


def dead_channels(scales, rng):
    scales = scales.copy()
    scales[::3] = 1e-9
    return scales


def wild_scales(scales, rng):
    return scales * numpy.exp(rng.uniform(-7, 4, scales.shape))


def cases():
    for kind in KINDS:
        k = kind.name
        yield conv_2d("same_3x3", k, h=4)
        yield depthwise("same_3x3", k, h=4, w=3)
        if not kind.name.endswith("per_tensor"):
            yield transpose_conv("same_3x3_stride_2", k)
        if kind.name.endswith("per_tensor"):
            yield conv_2d("1x1", k, h=3, w=3, ci=8, co=9, kh=1, kw=1)
            continue
        yield conv_2d("valid_3x3_stride_2", k, h=7, w=6, ci=4, co=5, sh=2, sw=2, padding="VALID")
        if k in ("int8", "float32", "hybrid"):
            yield conv_2d("same_3x3_stride_2_even", k, h=6, w=6, ci=2, co=3, sh=2, sw=2)
        yield conv_2d("dilated_2", k, h=6, w=7, ci=2, co=3, dh=2, dw=2)
        yield conv_2d("1x1", k, h=3, w=3, ci=8, co=9, kh=1, kw=1)
        yield conv_2d("1x1_stride_2", k, h=5, w=5, ci=8, co=7, kh=1, kw=1, sh=2, sw=2)
        yield conv_2d("stride_above_kernel", k, h=8, w=8, ci=3, co=4, kh=2, kw=2, sh=3, sw=3, padding="VALID")
        yield conv_2d("batch_2_relu6", k, n=2, h=3, w=3, ci=3, co=5, act="RELU6")
        if k in ("int8", "float32"):
            yield conv_2d("relu", k, h=4, w=4, act="RELU")
        yield depthwise("valid_3x3_stride_2", k, h=7, w=6, ci=5, sh=2, sw=2, padding="VALID")
        yield depthwise("same_3x3_stride_2_even", k, h=6, w=6, ci=3, sh=2, sw=2)
        yield depthwise("dilated_2", k, h=6, w=7, ci=2, dh=2, dw=2)
        yield depthwise("multiplier_2", k, ci=3, multiplier=2)
        yield depthwise("multiplier_8_of_1", k, ci=1, multiplier=8, kh=5, kw=4, sh=2, sw=2, h=8, w=5)
        yield depthwise("batch_2_relu6", k, n=2, h=3, w=3, ci=5, act="RELU6")
        yield transpose_conv("valid_2x2_stride_2", k, kh=2, kw=2, padding="VALID", ci=4, co=3)
        yield transpose_conv("valid_3x3_stride_1_no_bias", k, sh=1, sw=1, padding="VALID", ci=2, co=3, bias=False)
        yield keras_conv_1d("same_relu", k)
    for k in ("int8", "float32"):
        yield conv_2d("relu_n1_to_1", k, h=4, w=4, act="RELU_N1_TO_1")
        yield conv_2d("dilated_1x3_by_3", k, h=2, w=11, ci=3, co=4, kh=1, kw=3, dw=3, padding="VALID")
        yield conv_2d("same_4x2_stride_1x2", k, h=5, w=6, ci=3, co=4, kh=4, kw=2, sw=2)
        yield conv_2d("kernel_above_input", k, h=2, w=3, ci=2, co=3, kh=5, kw=5)
        yield conv_2d("whole_input", k, h=4, w=4, ci=3, co=5, kh=4, kw=4, padding="VALID")
        yield conv_2d("10x4_stride_2_of_1", k, h=12, w=6, ci=1, co=8, kh=10, kw=4, sh=2, sw=2, count=3)
        yield conv_2d("batch_3_stride_2", k, n=3, h=3, w=3, ci=3, co=4, sh=2, sw=2, kh=2, kw=2)
        yield conv_2d("groups_2", k, ci=8, co=6, groups=2, h=4, w=4)
        yield conv_2d("groups_4", k, ci=4, co=8, groups=4, h=4, w=3, padding="VALID")
        yield conv_2d("no_bias", k, h=3, w=4, bias=None)
        yield depthwise("relu", k, h=4, w=4, ci=3, act="RELU")
        yield depthwise("relu_n1_to_1", k, h=4, w=4, ci=3, act="RELU_N1_TO_1")
        yield depthwise("3x1_time", k, h=9, w=1, ci=5, kh=3, kw=1, padding="VALID")
        yield depthwise("15x1_time", k, h=15, w=1, ci=7, kh=15, kw=1, padding="VALID")
        yield depthwise("5x5", k, h=6, w=6, ci=4, kh=5, kw=5)
        yield depthwise("1x1", k, h=3, w=3, ci=9, kh=1, kw=1)
        yield depthwise("stride_above_kernel", k, h=8, w=8, ci=3, kh=2, kw=2, sh=3, sw=3, padding="VALID")
        yield depthwise("dilated_1x4_multiplier_3", k, h=2, w=9, ci=2, multiplier=3, kh=2, kw=3, dw=4, dh=1)
        yield depthwise("batch_3_multiplier_2", k, n=3, h=3, w=3, ci=2, multiplier=2, kh=2, kw=2, sh=2, sw=2)
        yield depthwise("stride_1x2", k, h=4, w=7, ci=3, sh=1, sw=2)
        yield depthwise("no_bias", k, h=3, w=4, ci=5, bias=None)
        yield transpose_conv("same_4x4_stride_2_batch_2", k, n=2, h=3, w=2, kh=4, kw=4, ci=2, co=3)
        yield transpose_conv("stride_above_kernel", k, h=3, w=3, kh=2, kw=2, sh=3, sw=3, ci=3, co=2, padding="VALID")
        yield transpose_conv("stride_2x1", k, h=3, w=3, kh=3, kw=2, sh=2, sw=1, ci=3, co=4)
        yield transpose_conv("relu", k, act="RELU")
        yield keras_conv_1d("valid_stride_2_reshape", k, wrap="RESHAPE", padding="VALID", stride=2, k=4)
        yield keras_conv_1d("dilated_3", k, dilation=3, act="NONE")
        yield keras_conv_1d("pointwise", k, k=1, ci=7, co=5, steps=6)
        yield keras_conv_1d("depthwise", k, depthwise=True, ci=5)
    for place, (ci, co) in enumerate(zip(CHANNELS, reversed(CHANNELS))):
        if place % 2 == 0:
            yield conv_2d(f"1x1_channels_{ci}_to_{co}", "int8", h=2, w=3, ci=ci, co=co, kh=1, kw=1, count=2)
        else:
            yield conv_2d(f"2x2_channels_{ci}_to_{co}", "int8", h=3, w=3, ci=ci, co=co, kh=2, kw=2, padding="VALID", count=2)
        yield depthwise(f"channels_{ci}", "int8", h=4, w=3, ci=ci, count=2)
    for ci, co in list(zip(CHANNELS, reversed(CHANNELS)))[::3]:
        yield conv_2d(f"1x1_channels_{ci}_to_{co}", "float32", h=1, w=3, ci=ci, co=co, kh=1, kw=1, count=2)
        yield depthwise(f"channels_{ci}", "float32", h=3, w=3, ci=ci, padding="VALID", count=2)
    yield conv_2d("1x1_channels_31_to_33", "int8", h=1, w=2, ci=31, co=33, kh=1, kw=1, count=3)
    for width in (1, 2, 5, 7, 17):
        yield conv_2d(f"pixels_{width}", "int8", h=1, w=width, ci=4, co=8, kh=1, kw=3, count=3)
    low, high = -128, 127
    for build in (conv_2d, depthwise):
        small = dict(h=4, w=4, ci=3)
        yield build("some_weights_-128", "int8", **small, weights=some_minimal)
        yield build("all_weights_-128", "int8", **small, weights=all_minimal, count=5)
        yield build("zero_points_low_high", "int8", **small, zx=low, zy=high, count=5)
        yield build("zero_points_high_low", "int8", **small, zx=high, zy=low, count=5)
        yield build("zero_point_high_relu", "int8", **small, zy=100, act="RELU", count=5)
        yield build("clamp_off_zero_point_relu6", "int8", **small, zy=-31, act="RELU6")
        yield build("dead_channels", "int8", **small, weight_scales=dead_channels)
        yield build("wild_scales", "int8", **small, weight_scales=wild_scales, count=5)
        yield build("tiny_output_scale", "int8", **small, weight_scales=lambda s, r: s * 300)
        yield build("huge_output_scale", "int8", **small, weight_scales=lambda s, r: s / 40000)
        yield build("bias_near_limits", "int8", **small, bias="limit", weight_scales=lambda s, r: s / 100000,
                    note="accumulators come within 2^24 of the limits of int32")
        yield build("zero_points_low_high", "uint8", **small, zx=0, zy=255)
        yield build("zero_points_high_low", "uint8", **small, zx=255, zy=0, act="RELU")
        yield build("wild_scales", "int16", **small, weight_scales=wild_scales)
        yield build("wild_scales", "hybrid", **small, weight_scales=wild_scales)
