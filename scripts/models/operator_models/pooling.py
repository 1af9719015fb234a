"""Pooling and reductions."""

from .convolutions import extent
from .simple import USUAL, indices, one

POOLS = ["AVERAGE_POOL_2D", "MAX_POOL_2D"]
TYPES = ["int8", "uint8", "int16", "float32"]


def pool(operator, dtype, name, *, n=1, h=5, w=5, c=3, kh=2, kw=2, sh=2, sw=2, padding="VALID", act="NONE", how=None, **case):
    shape, result = (n, h, w, c), (n, extent(h, kh, sh, 1, padding), extent(w, kw, sw, 1, padding), c)
    if how:
        shape, result = (shape, *how), (result, *how)
    tolerance = "exact" if dtype != "float32" or operator == "MAX_POOL_2D" else "floatElement"
    version = {"int8": 2, "int16": 3}.get(dtype, 1)
    return one(name, operator, dtype, [shape], [result], tolerance=tolerance, version=version, case=case, padding=padding,
               filterHeight=kh, filterWidth=kw, strideH=sh, strideW=sw, activation=act)


def reduction(operator, dtype, name, shape, axes, *, keep=False, x=None, y=None, **case):
    rank = len(shape)
    gone = {axis % rank for axis in axes}
    result = tuple(1 if i in gone else size for i, size in enumerate(shape) if keep or i not in gone)
    # REDUCE_MAX passes values through; the others may change scale.
    if dtype in USUAL:
        x = x or USUAL[dtype]
        factor = {"MEAN": 0.437, "SUM": 2.53}.get(operator)
        y = y or ((x[0] * factor, x[1] + (6 if dtype != "int16" else 0)) if factor else x)
        shape, result = (shape, *x), (result, *y)
    tolerance = "floatSum" if dtype == "float32" and operator in ("MEAN", "SUM") else "exact"
    version = {"int8": 2, "int16": 2 if operator == "SUM" else 3}.get(dtype, 1)
    return one(name, operator, dtype, [shape, indices(*axes)], [result], tolerance=tolerance, version=version, case=case, keepDims=keep)


def cases():
    for operator in POOLS:
        for dtype in TYPES:
            yield pool(operator, dtype, "2x2")
            yield pool(operator, dtype, "same_3x3_stride_1", h=4, w=4, c=5, kh=3, kw=3, sh=1, sw=1, padding="SAME")
            yield pool(operator, dtype, "same_3x2_stride_2", h=6, w=5, kh=3, kw=2, padding="SAME")
            yield pool(operator, dtype, "whole_input", h=4, w=3, c=9, kh=4, kw=3)
            yield pool(operator, dtype, "batch_2_relu6", n=2, h=4, w=4, act="RELU6")
        for dtype in ("int8", "float32"):
            yield pool(operator, dtype, "stride_above_kernel", h=7, w=7, sh=3, sw=3)
            yield pool(operator, dtype, "1x4_time", h=1, w=13, c=4, kh=1, kw=4, sh=1, sw=3)
            yield pool(operator, dtype, "relu", h=4, w=4, act="RELU")
            yield pool(operator, dtype, "relu_n1_to_1", h=4, w=4, act="RELU_N1_TO_1")
            yield pool(operator, dtype, "1x1", h=2, w=2, c=5, kh=1, kw=1, sh=1, sw=1)
        for channels in (1, 7, 33):
            yield pool(operator, "int8", f"channels_{channels}", h=3, w=3, c=channels, kh=3, kw=3, count=3)
        yield pool(operator, "int8", "zero_point_low_relu", h=4, w=4, act="RELU", how=(0.02, -128))
        yield pool(operator, "int8", "zero_point_high_relu6", h=4, w=4, act="RELU6", how=(0.3, 90))
    for operator in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"):
        types = TYPES if operator != "REDUCE_MIN" else ["int8", "float32"]
        for dtype in types:
            yield reduction(operator, dtype, "height_width", (1, 3, 4, 5), (1, 2))
            yield reduction(operator, dtype, "height_width_keep", (1, 3, 4, 5), (1, 2), keep=True)
            yield reduction(operator, dtype, "last", (2, 3, 7), (-1,))
        if operator == "REDUCE_MIN":
            continue
        for dtype in ("int8", "float32"):
            yield reduction(operator, dtype, "first", (3, 2, 5), (0,))
            yield reduction(operator, dtype, "middle_keep", (2, 5, 3), (1,), keep=True)
            yield reduction(operator, dtype, "all", (2, 3, 4), (0, 1, 2))
            if operator != "MEAN":
                continue
            yield reduction(operator, dtype, "all_keep", (2, 3, 4), (0, 1, 2), keep=True)
            yield reduction(operator, dtype, "mixed_axes", (2, 3, 4, 2), (-1, 1))
            yield reduction(operator, dtype, "axes_in_reverse", (1, 3, 4, 5), (2, 1))
        yield reduction(operator, "int32", "last", (2, 3, 7), (-1,))
    for dtype, how in (("int8", (0.05, -128)), ("int8", (0.05, 7)), ("uint8", (0.05, 120)), ("int16", (0.0002, 0))):
        suffix = "_zero_point_low" if how[1] == -128 else ""
        yield reduction("MEAN", dtype, f"same_quantization{suffix}", (1, 5, 5, 4), (1, 2), x=how, y=how)
        yield reduction("SUM", dtype, f"same_quantization{suffix}", (1, 2, 3, 4), (1, 2), x=how, y=how)
    yield reduction("MEAN", "int8", "whole_7x7_channels_33", (1, 3, 3, 33), (1, 2), keep=True, count=3)
    yield reduction("MEAN", "int8", "batch_3", (3, 4, 4, 3), (1, 2), count=3)
