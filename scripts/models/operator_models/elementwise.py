"""Operators on each element: of one tensor, and of two with broadcasting."""

import numpy

import goldens

from .simple import USUAL, one

# Unary: the types it may have, its tolerance in float, the range of its inputs in float, and a fixed output quantization by type.
SIGMOID_OUTPUT = {"int8": (1 / 256, -128), "uint8": (1 / 256, 0), "int16": (1 / 32768, 0)}
TANH_OUTPUT = {"int8": (1 / 128, 0), "uint8": (1 / 128, 128), "int16": (1 / 32768, 0)}
UNARY = {
    "LOGISTIC": ("floatFunction", (-12.0, 12.0), SIGMOID_OUTPUT),
    "TANH": ("floatFunction", (-6.0, 6.0), TANH_OUTPUT),
    "RELU": ("exact", None, None),
    "RELU6": ("exact", (-9.0, 9.0), None),
    "RELU_N1_TO_1": ("exact", None, None),
    "ELU": ("floatFunction", None, None),
    "HARD_SWISH": ("floatFunction", (-5.0, 5.0), None),
    "GELU": ("floatFunction", None, None),
    "ABS": ("exact", None, None),
    "NEG": ("exact", None, None),
    "SQRT": ("floatElement", (0.0, 100.0), None),
    "RSQRT": ("floatFunction", (0.01, 100.0), None),
    "SQUARE": ("floatElement", None, None),
    "EXP": ("floatFunction", (-10.0, 10.0), None),
    "LOG": ("floatFunction", (0.001, 50.0), None),
}
NOT_NEGATIVE = {"SQRT", "RSQRT", "LOG"}

BINARY = ["ADD", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM", "SQUARED_DIFFERENCE"]
WITH_ACTIVATION = {"ADD", "SUB", "MUL", "DIV"}
SAME_QUANTIZATION = {"MINIMUM", "MAXIMUM"}


def every_value(dtype, shape):
    """All 256 values of a byte, in order."""
    low = -128 if dtype == "int8" else 0
    return numpy.arange(low, low + 256).astype(dtype).reshape(shape)


def unary(operator, dtype, name="", *, x=None, y=None, shape=(2, 4, 8), case=None, note="", **options):
    tolerance, limits, fixed = UNARY.get(operator, ("exact", None, None))
    case = dict(case or {})
    if dtype == "float32":
        if limits:
            case.setdefault("ranges", {0: limits})
        case.setdefault("count", 3)
    else:
        tolerance = "exact"
        if dtype in ("int8", "uint8"):
            case["vectors"] = [[every_value(dtype, shape)]]
    if dtype != "float32" and x is None and operator in NOT_NEGATIVE:
        x = {"int8": (0.1, -128), "uint8": (0.1, 0), "int16": (0.001, 0)}.get(dtype)
        if dtype == "int16":
            case["ranges"] = {0: (1, 32767)}
    if dtype in ("float32", "int32"):
        x = y = None
    else:
        x = x or USUAL[dtype]
        y = y or (fixed or {}).get(dtype) or {"int8": (0.031, -17), "uint8": (0.031, 111), "int16": (0.0003, 0)}[dtype]
    source, result = ((shape, *x), (shape, *y)) if x else (shape, shape)
    return one(name, operator, dtype, [source], [result], tolerance=tolerance, case=case, note=note, **options)


def unary_cases():
    byte = (2, 8, 16)
    for operator in UNARY:
        if operator == "NEG":  # LiteRT 2.3 negates the steps and heeds neither scale nor zero point; converters negate in float
            yield unary(operator, "float32")
            continue
        more = {"approximate": False} if operator == "GELU" else {}
        yield unary(operator, "int8", shape=byte, **more)
        yield unary(operator, "uint8", shape=byte, **more)
        yield unary(operator, "int16", **more)
        yield unary(operator, "float32", **more)
    for operator in ("ABS", "NEG", "SQUARE"):
        yield unary(operator, "int32")
    for dtype in ("int8", "uint8", "float32"):
        yield unary("GELU", dtype, "approximate", shape=byte if dtype != "float32" else (3, 5), approximate=True)
        for alpha in (0.1, 0.3, 1.7):
            yield unary("LEAKY_RELU", dtype, f"alpha_{alpha}", shape=byte if dtype != "float32" else (3, 5), alpha=alpha)
    yield unary("LEAKY_RELU", "int16", "alpha_0.3", alpha=0.3)
    yield unary("LEAKY_RELU", "int8", "alpha_negative", shape=byte, alpha=-0.4)
    same = (0.05, -128)
    yield unary("RELU", "int8", "same_quantization", shape=byte, x=(0.05, 3), y=(0.05, 3))
    yield unary("RELU6", "int8", "converter_output", shape=byte, x=(0.07, 3), y=(6 / 255, -128))
    yield unary("RELU", "int8", "finer_output", shape=byte, x=(0.2, -4), y=(0.011, -128))
    yield unary("ABS", "int8", "same_quantization", shape=byte, x=(0.05, 0), y=(0.05, -128))
    yield unary("LOGISTIC", "int8", "coarse_input", shape=byte, x=(0.3, 20))
    yield unary("LOGISTIC", "int8", "fine_input", shape=byte, x=(0.001, -128))
    yield unary("TANH", "int8", "coarse_input", shape=byte, x=(0.2, -100))
    yield unary("TANH", "int8", "fine_input", shape=byte, x=(0.002, 127))
    yield unary("HARD_SWISH", "int8", "converter_output", shape=byte, x=(0.0627, 0), y=(0.0328, -117))
    yield unary("HARD_SWISH", "int8", "coarse", shape=byte, x=(0.2, 30), y=(0.15, -126))
    yield unary("ELU", "int8", "converter_output", shape=byte, x=(0.047, 0), y=(0.0275, -92))
    yield unary("EXP", "int8", "small_output", shape=byte, x=(0.02, 100), y=(1 / 255, -128))
    yield unary("LOG", "int8", "fine_output", shape=byte, x=(0.02, -128), y=(0.02, 80))
    yield unary("RSQRT", "int8", "fine_input", shape=byte, x=(0.002, -128), y=(0.05, -128))
    for operator in ("LOGISTIC", "TANH"):
        yield unary(operator, "int16", "power_of_two", x=(1 / 4096, 0))
    edges = numpy.array([0.0, -0.0, 1e-30, -1e-30, 1.0, -1.0, 87.0, -87.0, 100.0, -100.0, 3e38, -3e38,
                         numpy.inf, -numpy.inf, 1e-7, -1e-7], numpy.float32)
    for operator in ("LOGISTIC", "TANH", "EXP", "ELU", "HARD_SWISH", "GELU", "RELU", "ABS", "NEG"):
        values = edges if operator not in ("HARD_SWISH", "GELU") else numpy.clip(edges, -100, 100)
        yield unary(operator, "float32", "edges", shape=(16,), case={"vectors": [[values]]},
                    note="zeros of both signs, very small, very large, infinite", **({"approximate": False} if operator == "GELU" else {}))
    roots = numpy.array([0.0, 1e-30, 1.0, 3e38, numpy.inf, 4.0, 1e-10, 2.0], numpy.float32)
    yield unary("SQRT", "float32", "edges", shape=(8,), case={"vectors": [[roots]]})
    yield unary("LOG", "float32", "edges", shape=(8,), case={"vectors": [[roots]]})
    yield unary("RSQRT", "float32", "edges", shape=(7,), case={"vectors": [[roots[1:]]]})
    for dtype in ("int8", "uint8", "float32"):
        rng = goldens.random(f"prelu/{dtype}")
        if dtype == "float32":
            alpha, alpha_of_each = rng.uniform(-0.5, 1.5, (1, 1, 5)).astype("float32"), rng.uniform(-0.5, 1.5, (3, 2, 5)).astype("float32")
        else:
            low = -128 if dtype == "int8" else 0
            alpha, alpha_of_each = ((rng.randint(low, low + 256, shape).astype(dtype), 0.008, USUAL[dtype][1]) for shape in ((1, 1, 5), (3, 2, 5)))
        yield one("per_channel", "PRELU", dtype, [(1, 3, 2, 5), alpha], [(1, 3, 2, 5)], tolerance="exact" if dtype != "float32" else "floatElement")
        yield one("per_element", "PRELU", dtype, [(1, 3, 2, 5), alpha_of_each], [(1, 3, 2, 5)], tolerance="exact" if dtype != "float32" else "floatElement")


def quantizations(operator, dtype):
    """Of the operands and the result."""
    if dtype not in USUAL:
        return None
    zero = {"int8": 0, "uint8": 128, "int16": 0}[dtype]
    fine = 0.0001 if dtype == "int16" else 0.03
    shift = 0 if dtype == "int16" else 1
    a, b = (fine, zero - 13 * shift), (fine * 1.7, zero + 21 * shift)
    if operator in SAME_QUANTIZATION:
        return a, a, a
    result = {"ADD": 1.9, "SUB": 1.9, "MUL": 1.1, "DIV": 0.7, "SQUARED_DIFFERENCE": 3.0}[operator]
    return a, b, (fine * result, zero + 5 * shift)


def binary(operator, dtype, name, a=(2, 3, 4), b=(2, 3, 4), *, act="NONE", how=None, second=None, case=None, note=""):
    """`second`: a constant in place of the second input. `how`: (scale, zero point) of both operands and the result."""
    y = tuple(numpy.broadcast_shapes(tuple(a), tuple(b)))
    how = how or quantizations(operator, dtype)
    case = dict(case or {})
    if how:
        given = [(a, *how[0]), (second if second is not None else b, *how[1])]
        result = (y, *how[2])
    else:
        given, result = [a, second if second is not None else b], y
    if operator == "DIV" and second is None:
        low = {"float32": 0.5, "int32": 1, "int8": how[1][1] + 10 if how else 0, "uint8": how[1][1] + 10 if how else 0}.get(dtype, 100)
        case["ranges"] = {1: (low, {"float32": 4.0, "int32": 100, "int8": 127, "uint8": 255}.get(dtype, 32767))}
    tolerance = "floatElement" if dtype == "float32" and operator not in ("MINIMUM", "MAXIMUM") else "exact"
    options = {"activation": act} if operator in WITH_ACTIVATION else {}
    version = {"int8": 2, "int16": 4 if operator in WITH_ACTIVATION - {"DIV"} else 2}.get(dtype, 1)
    if operator == "ADD" and dtype == "int16" or operator == "SUB" and dtype == "int16":
        options["potScaleInt16"] = False
    return one(name, operator, dtype, given, [result], tolerance=tolerance, case=case, note=note, version=version, **options)


def binary_cases():
    for operator in BINARY:
        for dtype in ("int8", "uint8", "int16", "float32", "int32"):
            yield binary(operator, dtype, "same_shape")
            if dtype not in ("uint8", "int32"):
                yield binary(operator, dtype, "channel", (1, 3, 2, 5), (5,))
        for dtype in ("int8", "float32"):
            yield binary(operator, dtype, "scalar", (2, 7), ())
            yield binary(operator, dtype, "both_broadcast", (1, 4, 1, 3), (2, 1, 3, 1))
            if operator in ("ADD", "SUB", "MUL"):
                yield binary(operator, dtype, "first_is_scalar", (1,), (3, 5))
                yield binary(operator, dtype, "row_and_column", (5, 1), (1, 7))
        rng = goldens.random(f"constant/{operator}")
        yield binary(operator, "int8", "constant", (1, 4, 7), (7,), second=rng.randint(30, 128, 7).astype("int8"))
        yield binary(operator, "float32", "constant", (1, 4, 7), (7,), second=rng.uniform(0.5, 2, 7).astype("float32"))
        yield binary(operator, "float32", "constant_scalar", (1, 4, 3), (), second=numpy.array(1.75, numpy.float32))
    for operator in sorted(WITH_ACTIVATION):
        for act in ("RELU", "RELU6", "RELU_N1_TO_1"):
            for dtype in ("int8", "uint8", "int16", "float32"):
                if dtype != "int8" and act != ("RELU6" if operator in ("ADD", "MUL") else "RELU"):
                    continue
                yield binary(operator, dtype, act.lower(), (3, 11), (3, 11), act=act)
    for operator in ("ADD", "SUB"):
        yield binary(operator, "int8", "fine_and_coarse", (2, 17), (2, 17), how=((0.0011, -128), (0.4, 90), (0.4, 3)))
        yield binary(operator, "int8", "coarse_and_fine", (2, 17), (2, 17), how=((0.4, 90), (0.0011, -128), (0.4, 3)))
        yield binary(operator, "int8", "fine_output", (2, 17), (2, 17), how=((0.05, 4), (0.03, -5), (0.0011, -40)))
        yield binary(operator, "int8", "zero_points_at_limits", (2, 17), (2, 17), how=((0.05, -128), (0.05, 127), (0.07, -128)))
        yield binary(operator, "int8", "power_of_two_scales", (2, 17), (2, 17), how=((0.25, 1), (0.125, -1), (0.5, 0)))
        yield binary(operator, "int8", "same_scales", (2, 17), (2, 17), how=((0.05, 4), (0.05, 4), (0.05, 4)))
    yield binary("MUL", "int8", "fine_output", (2, 17), (2, 17), how=((0.05, 4), (0.03, -5), (0.00021, -40)))
    yield binary("MUL", "int8", "coarse_output", (2, 17), (2, 17), how=((0.05, 4), (0.03, -5), (0.9, 100)))
    yield binary("MUL", "int8", "zero_points_at_limits", (2, 17), (2, 17), how=((0.05, -128), (0.05, 127), (0.2, 100)))
    for size in (1, 5, 9, 15, 31, 33, 67):
        yield binary("ADD", "int8", f"length_{size}", (1, size), (1, size), case={"count": 2})
        if size in (5, 33):
            yield binary("MUL", "int8", f"length_{size}", (1, size), (1, size), case={"count": 2})


def softmax(dtype, name, shape, *, beta=1.0, x=None, y=None, limits=None):
    case = {"count": 5 if dtype != "float32" else 4}
    if limits:
        case["ranges"] = {0: limits}
    x = x or {"int8": (0.09, 13), "uint8": (0.09, 140), "int16": (0.0005, 0)}.get(dtype)
    y = y or SIGMOID_OUTPUT.get(dtype)
    source, result = ((shape, *x), (shape, *y)) if x else (shape, shape)
    tolerance = "floatFunction" if dtype == "float32" else "exact"
    return one(name, "SOFTMAX", dtype, [source], [result], tolerance=tolerance, case=case, beta=beta)


def softmax_cases():
    for dtype in ("int8", "uint8", "int16", "float32"):
        yield softmax(dtype, "10_classes", (1, 10))
        yield softmax(dtype, "rows", (2, 3, 7))
        yield softmax(dtype, "2_classes_beta_0.5", (1, 2), beta=0.5)
    yield softmax("int8", "1_class", (2, 1))
    yield softmax("int8", "coarse_input", (1, 12), x=(1.3, -5))
    yield softmax("int8", "fine_input", (1, 12), x=(0.0007, 100))
    yield softmax("int8", "beta_2", (1, 12), beta=2.0)
    yield softmax("int8", "65_classes", (1, 65))
    yield softmax("float32", "large_logits", (1, 12), limits=(-200.0, 200.0))
    yield softmax("float32", "33_classes_beta_2", (2, 33), beta=2.0)


def conversion_cases():
    shape = (2, 3, 5)
    for dtype in ("int8", "uint8", "int16"):
        scale, zero_point = USUAL[dtype]
        edge = {"int8": 8.0, "uint8": 8.0, "int16": 8.0}[dtype]
        yield one(f"from_float32_to_{dtype}", "QUANTIZE", "float32", [shape], [(shape, dtype)], kind="mixed",
                  case={"ranges": {0: (-edge, edge)}, "count": 5}, version=2)
        yield one(f"from_{dtype}", "DEQUANTIZE", dtype, [shape], [(shape, "float32")], kind="mixed", tolerance="floatElement", version=3)
        ties = ((numpy.arange(-40, 40) + 0.5) * 0.25).astype("float32").reshape(1, 80)
        model = one(f"ties_to_{dtype}", "QUANTIZE", "float32", [(1, 80)], [(1, 80)], kind="mixed", case={"vectors": [[ties]]},
                    note="every value lies between two steps")
        tensor = model.model.graphs[0]._graph.tensors[1]
        from tflite_writer import TYPES, quantization
        tensor.type, tensor.quantization = TYPES[dtype], quantization(0.25, {"int8": 3, "uint8": 130, "int16": 0}[dtype])
        yield model
    for source, target in (("int8", "uint8"), ("uint8", "int8"), ("int8", "int8"), ("int8", "int16"), ("int16", "int8"),
                           ("uint8", "uint8"), ("int16", "int16")):
        for name, scale, zero_point in (("finer", 0.5, 20), ("coarser", 3.1, -6), ("same", 1.0, 0)):
            if target == "int16":
                zero_point = 0
            a, b = USUAL[source], USUAL[target]
            y_scale = (a[0] if name == "same" else b[0]) * scale
            base = {("int8", "uint8"): a[1] + 128, ("uint8", "int8"): a[1] - 128}.get((source, target), b[1])
            case = one(f"from_{source}_to_{target}_{name}", "QUANTIZE", source, [(2, 16)], [((2, 16), y_scale, base + zero_point)],
                       kind="mixed", version=2)
            from tflite_writer import TYPES
            case.model.graphs[0]._graph.tensors[1].type = TYPES[target]
            yield case
    for source, target in (("float32", "int32"), ("int32", "float32"), ("bool", "float32"), ("float32", "bool"), ("int64", "int32"),
                           ("uint8", "float32"), ("float32", "uint8"), ("int8", "float32"), ("float32", "int8"), ("int8", "int32"),
                           ("int16", "int32"), ("int32", "int64"), ("int32", "int16"), ("float32", "int64"), ("int64", "float32"), ("int32", "int8")):
        limits = {"uint8": (0.0, 255.0), "int8": (-128.0, 127.0)}.get(target, (-100.0, 100.0)) if source == "float32" else None
        yield one(f"from_{source}_to_{target}", "CAST", "float32", [((2, 7), source)], [((2, 7), target)], kind="mixed",
                  case={"count": 3, "ranges": {0: limits} if limits else {}}, inDataType=source, outDataType=target)


def cases():
    yield from unary_cases()
    yield from binary_cases()
    yield from softmax_cases()
    yield from conversion_cases()
