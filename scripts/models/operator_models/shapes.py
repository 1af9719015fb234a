"""Operators that move, cut, join and look up, and those that resize."""

import numpy

import goldens

from .simple import USUAL, indices, one

TYPES = ["int8", "uint8", "int16", "float32", "int32"]


def move(operator, dtype, name, inputs, outputs, **more):
    """Values pass through unchanged: all tensors carry the usual quantization."""
    more.setdefault("version", 2 if dtype == "int8" and operator not in ("RESHAPE", "EXPAND_DIMS", "SQUEEZE") else 1)
    count = more.pop("count", 1)
    return one(name, operator, dtype, inputs, outputs, case={"count": count, **more.pop("case", {})}, **more)


def reshapes():
    for dtype in TYPES:
        if dtype == "uint8":
            yield move("RESHAPE", dtype, "to_rows", [(1, 2, 3, 4), indices(6, 4)], [(6, 4)], newShape=[6, 4])
            yield move("CONCATENATION", dtype, "last", [(1, 2, 3), (1, 2, 4), (1, 2, 1)], [(1, 2, 8)], axis=-1, activation="NONE")
            yield move("PAD", dtype, "causal", [(1, 5, 3), numpy.array([[0, 0], [2, 0], [0, 0]], numpy.int32)], [(1, 7, 3)])
            continue
        yield move("RESHAPE", dtype, "to_rows", [(1, 2, 3, 4), indices(6, 4)], [(6, 4)], newShape=[6, 4])
        yield move("STRIDED_SLICE", dtype, "step_2", [(1, 7, 5), indices(0, 1, 0), indices(1, 7, 5), indices(1, 2, 2)], [(1, 3, 3)])
        yield move("GATHER", dtype, "first", [(5, 3), indices(4, 0, 2, 2)], [(4, 3)], axis=0)
        yield move("CONCATENATION", dtype, "last", [(1, 2, 3), (1, 2, 4), (1, 2, 1)], [(1, 2, 8)], axis=-1, activation="NONE")
        if dtype == "int32":
            continue
        yield move("TRANSPOSE", dtype, "channels_first", [(1, 3, 4, 5), indices(0, 3, 1, 2)], [(1, 5, 3, 4)])
        yield move("SPLIT", dtype, "last_in_3", [numpy.array(2, numpy.int32), (1, 2, 9)], [(1, 2, 3)] * 3, numSplits=3)
        yield move("SLICE", dtype, "middle", [(2, 5, 4), indices(0, 1, 1), indices(2, 3, 2)], [(2, 3, 2)])
        yield move("PAD", dtype, "height_width", [(1, 2, 3, 2), numpy.array([[0, 0], [1, 2], [2, 0], [0, 0]], numpy.int32)], [(1, 5, 5, 2)])
        yield move("PACK", dtype, "first", [(2, 3)] * 3, [(3, 2, 3)], axis=0, valuesCount=3)
        yield move("UNPACK", dtype, "middle", [(2, 3, 4)], [(2, 4)] * 3, axis=1, num=3)
        yield move("SQUEEZE", dtype, "given", [(1, 3, 1, 4)], [(1, 3, 4)], squeezeDims=[2])
        yield move("EXPAND_DIMS", dtype, "first", [(3, 4), numpy.array(0, numpy.int32)], [(1, 3, 4)])
        yield one("last", "ARG_MAX", dtype, [(2, 3, 7), numpy.array(-1, numpy.int32)], [((2, 3), "int32")], case={"count": 3}, outputType="int32")


def more_reshapes():
    for dtype in ("int8", "float32"):
        yield move("RESHAPE", dtype, "one_unknown", [(2, 3, 4), indices(2, -1)], [(2, 12)], newShape=[2, -1])
        yield move("RESHAPE", dtype, "attribute_only", [(2, 3, 4)], [(4, 6)], newShape=[4, 6])
        if dtype == "float32":
            yield move("TRANSPOSE", dtype, "2_0_4_1_3", [(2, 3, 2, 2, 3), indices(2, 0, 4, 1, 3)], [(2, 2, 3, 3, 2)])
            yield move("STRIDED_SLICE", dtype, "negative_step", [(2, 6), indices(0, -1), indices(2, 0), indices(1, -2)], [(2, 3)])
            yield move("GATHER", dtype, "batch", [(2, 4, 3), numpy.array([[3, 0], [1, 2]], numpy.int32)], [(2, 2, 3)], axis=1, batchDims=1)
            yield move("PACK", dtype, "last", [(2, 3)] * 2, [(2, 3, 2)], axis=-1, valuesCount=2)
            yield move("PADV2", dtype, "value", [(2, 3), numpy.array([[1, 1], [0, 2]], numpy.int32), numpy.array([2.5], numpy.float32)], [(4, 5)])
            yield move("SPLIT_V", dtype, "sizes", [(2, 7), indices(3, 1, 3), numpy.array(1, numpy.int32)], [(2, 3), (2, 1), (2, 3)], numSplits=3)
            yield move("CONCATENATION", dtype, "first", [(1, 3), (2, 3)], [(3, 3)], axis=0, activation="NONE")
            ties = numpy.array([[3, 7, 7, 1, 7], [-5, -5, -9, -5, -5]], numpy.float32)
            yield one("first_of_ties", "ARG_MAX", dtype, [(2, 5), numpy.array(1, numpy.int32)], [((2,), "int32")], case={"vectors": [[ties]]}, outputType="int32")
            continue
        yield move("SQUEEZE", dtype, "all", [(1, 3, 1, 4)], [(3, 4)])
        yield move("SQUEEZE", dtype, "negative", [(1, 3, 4, 1)], [(1, 3, 4)], squeezeDims=[-1])
        yield move("EXPAND_DIMS", dtype, "negative", [(3, 4), numpy.array(-1, numpy.int32)], [(3, 4, 1)])
        yield move("EXPAND_DIMS", dtype, "negative_2", [(3, 4), indices(-2)], [(3, 1, 4)])
        for order in ((1, 0), (0, 2, 1), (2, 0, 1), (2, 1, 0), (0, 2, 1, 3), (3, 2, 1, 0), (0, 1, 3, 2), (1, 2, 3, 0), (2, 0, 4, 1, 3)):
            shape = (3, 4, 5, 2, 2)[: len(order)]
            yield move("TRANSPOSE", dtype, "_".join(map(str, order)), [shape, indices(*order)], [tuple(shape[i] for i in order)], count=1)
        yield move("CONCATENATION", dtype, "first", [(1, 3), (2, 3)], [(3, 3)], axis=0, activation="NONE")
        yield move("CONCATENATION", dtype, "middle", [(2, 1, 3), (2, 2, 3)], [(2, 3, 3)], axis=1, activation="NONE")
        yield move("CONCATENATION", dtype, "one_input", [(2, 3)], [(2, 3)], axis=1, activation="NONE")
        constant = goldens.random("concatenation").randint(-9, 9, (1, 3)).astype(dtype)
        yield move("CONCATENATION", dtype, "with_constant", [(1, 4), (constant, *USUAL[dtype])], [(1, 7)], axis=1, activation="NONE")
        yield move("CONCATENATION", dtype, "6_inputs", [(2, i + 1) for i in range(6)], [(2, 21)], axis=1, activation="NONE", count=1)
        yield move("SPLIT", dtype, "first_in_2", [numpy.array(0, numpy.int32), (4, 3)], [(2, 3)] * 2, numSplits=2)
        yield move("SPLIT", dtype, "negative_axis_in_4", [numpy.array(-2, numpy.int32), (1, 4, 3)], [(1, 1, 3)] * 4, numSplits=4)
        yield move("SPLIT_V", dtype, "sizes", [(2, 7), indices(3, 1, 3), numpy.array(1, numpy.int32)], [(2, 3), (2, 1), (2, 3)], numSplits=3)
        yield move("SLICE", dtype, "to_end", [(2, 5, 4), indices(1, 2, 0), indices(-1, -1, 3)], [(1, 3, 3)])
        yield move("SLICE", dtype, "rank_1", [(9,), indices(4), indices(3)], [(3,)])
        begin, end, step = (indices(1, 2, 1), indices(2, 5, 3), indices(1, 1, 1))
        shape = (3, 6, 4)
        masks = [("begin_mask", {"beginMask": 0b011}, (2, 5, 2)), ("end_mask", {"endMask": 0b110}, (1, 4, 3)),
                 ("shrink_mask", {"shrinkAxisMask": 0b001}, (3, 2)), ("shrink_two", {"shrinkAxisMask": 0b101}, (3,)),
                 ("begin_end_masks", {"beginMask": 0b111, "endMask": 0b111}, (3, 6, 4))]
        for name, mask, result in masks:
            yield move("STRIDED_SLICE", dtype, name, [shape, begin, end, step], [result], count=1, **mask)
        yield move("STRIDED_SLICE", dtype, "last_step_of_sequence", [(1, 6, 4), indices(0, -1, 0), indices(0, 0, 0), indices(1, 1, 1)], [(1, 4)],
                   beginMask=0b101, endMask=0b101, shrinkAxisMask=0b010)
        yield move("STRIDED_SLICE", dtype, "negative_step", [(2, 6), indices(0, -1), indices(2, 0), indices(1, -2)], [(2, 3)])
        yield move("STRIDED_SLICE", dtype, "backwards", [(7,), indices(0), indices(0), indices(-1)], [(7,)], beginMask=1, endMask=1)
        yield move("STRIDED_SLICE", dtype, "beyond_the_end", [(2, 6), indices(0, 2), indices(9, 99), indices(1, 1)], [(2, 4)])
        yield move("STRIDED_SLICE", dtype, "ellipsis_mask", [(2, 3, 6), indices(0, 2), indices(0, 5), indices(1, 1)], [(2, 3, 3)], ellipsisMask=0b01)
        yield move("STRIDED_SLICE", dtype, "new_axis_mask", [(3, 6), indices(0, 1, 2), indices(0, 3, 5), indices(1, 1, 1)], [(1, 2, 3)], newAxisMask=0b001)
        yield move("PAD", dtype, "all_sides", [(2, 3), numpy.array([[1, 1], [0, 4]], numpy.int32)], [(4, 7)])
        yield move("PAD", dtype, "causal", [(1, 5, 3), numpy.array([[0, 0], [2, 0], [0, 0]], numpy.int32)], [(1, 7, 3)])
        yield move("PAD", dtype, "int64_paddings", [(2, 3), numpy.array([[1, 0], [0, 2]], numpy.int64)], [(3, 5)])
        value = (numpy.array([77], numpy.int8), *USUAL["int8"])
        yield move("PADV2", dtype, "value", [(2, 3), numpy.array([[1, 1], [0, 2]], numpy.int32), value], [(4, 5)])
        yield move("MIRROR_PAD", dtype, "reflect", [(2, 4), numpy.array([[1, 1], [2, 3]], numpy.int32)], [(4, 9)], mode=0)
        yield move("PACK", dtype, "last", [(2, 3)] * 2, [(2, 3, 2)], axis=-1, valuesCount=2)
        yield move("PACK", dtype, "scalars", [()] * 3, [(3,)], axis=0, valuesCount=3)
        yield move("UNPACK", dtype, "last", [(2, 3)], [(2,)] * 3, axis=-1, num=3)
        yield move("GATHER", dtype, "last", [(2, 5), indices(3, 1, 1, 0)], [(2, 4)], axis=-1)
        yield move("GATHER", dtype, "middle_of_matrix", [(2, 4, 3), numpy.array([[3, 0], [1, 2]], numpy.int32)], [(2, 2, 2, 3)], axis=1)
        yield move("GATHER", dtype, "batch", [(2, 4, 3), numpy.array([[3, 0], [1, 2]], numpy.int32)], [(2, 2, 3)], axis=1, batchDims=1)
        yield move("GATHER", dtype, "one", [(4, 3), numpy.array(2, numpy.int32)], [(3,)], axis=0)
        yield move("SPACE_TO_BATCH_ND", dtype, "dilation_2", [(1, 5, 1, 3), indices(2, 1), numpy.array([[2, 1], [0, 0]], numpy.int32)], [(2, 4, 1, 3)])
        yield move("BATCH_TO_SPACE_ND", dtype, "dilation_2", [(2, 4, 1, 3), indices(2, 1), numpy.array([[0, 1], [0, 0]], numpy.int32)], [(1, 7, 1, 3)])
        ties = numpy.array([[3, 7, 7, 1, 7], [-5, -5, -9, -5, -5]]).astype(dtype)
        yield one("first_of_ties", "ARG_MAX", dtype, [(2, 5), numpy.array(1, numpy.int32)], [((2,), "int32")], case={"vectors": [[ties]]}, outputType="int32")
        yield one("first_axis_int64", "ARG_MAX", dtype, [(4, 3), numpy.array(0, numpy.int32)], [((3,), "int64")], case={"count": 2}, outputType="int64")
        yield one("int64_axis", "ARG_MAX", dtype, [(2, 3, 4), numpy.array(1, numpy.int64)], [((2, 4), "int32")], case={"count": 2}, outputType="int32")
        yield one("last", "ARG_MIN", dtype, [(3, 5), numpy.array(-1, numpy.int32)], [((3,), "int32")], case={"count": 2}, outputType="int32")
    yield move("TRANSPOSE", "float32", "9x7", [(9, 7), indices(1, 0)], [(7, 9)], count=1)
    yield move("TRANSPOSE", "int8", "17x33", [(17, 33), indices(1, 0)], [(33, 17)], count=1)
    yield one("other_scales", "CONCATENATION", "uint8", [((1, 5), 0.05, 120), ((1, 6), 0.031, 3)], [((1, 11), 0.06, 100)],
              case={"count": 5}, axis=1, activation="NONE", note="the inputs are requantized to the output's scale")
    yield one("other_scales", "CONCATENATION", "int8", [((1, 5), 0.05, -8), ((1, 6), 0.031, -125)], [((1, 11), 0.06, -28)],
              case={"count": 5}, axis=1, activation="NONE", version=2)


def resizes():
    for operator in ("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"):
        tolerance = "floatSum" if operator == "RESIZE_BILINEAR" else "exact"
        for dtype in ("int8", "uint8", "int16", "float32"):
            of = tolerance if dtype == "float32" else "exact"
            for name, corners, centers in (("plain", False, False), ("align_corners", True, False), ("half_pixel_centers", False, True)):
                more = dict(alignCorners=corners, halfPixelCenters=centers, version=3, tolerance=of, case={"count": 2})
                yield one(f"twice_{name}", operator, dtype, [(1, 3, 2, 3), indices(6, 4)], [(1, 6, 4, 3)], **more)
                if dtype in ("int8", "float32"):
                    yield one(f"smaller_{name}", operator, dtype, [(1, 5, 7, 2), indices(3, 4)], [(1, 3, 4, 2)], **more)
                    yield one(f"uneven_batch_2_{name}", operator, dtype, [(2, 2, 3, 1), indices(5, 7)], [(2, 5, 7, 1)], **more)


def cases():
    yield from reshapes()
    yield from more_reshapes()
    yield from resizes()
