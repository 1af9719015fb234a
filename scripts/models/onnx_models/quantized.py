"""Quantized models in the three forms that tools write: QDQ, QLinear operators, and quantization at run time."""

import numpy

import goldens

from .case import case

F = "float32"
ACTIVATION = {"uint8": (0.043, 121), "int8": (0.043, -7)}
RESULT = {"uint8": (0.051, 139), "int8": (0.051, 11)}
# A sum of products is exact in the integer kernels. What ONNX Runtime computes in float and rounds may fall a step aside.
SUMS = "exact"
ROUNDED = "oneQuantum"


class Net:
    """Collects the nodes and constants of one model."""

    def __init__(self, name, kind, form):
        self.name = f"{form}/{kind}_{name}"
        self.kind = kind
        self.form = form
        self.rng = goldens.random(self.name)
        self.nodes, self.constants, self.inputs, self.outputs = [], {}, {}, {}

    def constant(self, name, array):
        name = f"{name}_{len(self.constants)}"
        self.constants[name] = numpy.asarray(array)
        return name

    def scales(self, how, of=None):
        return [self.constant("scale", numpy.array(how[0], F)), self.constant("zero", numpy.array(how[1], of or self.kind))]

    def node(self, operator, inputs, attributes=None, domain=None, outputs=1):
        names = [f"{operator.lower()}_{len(self.nodes)}_{i}" if outputs > 1 else f"{operator.lower()}_{len(self.nodes)}" for i in range(outputs)]
        self.nodes.append((operator, inputs, names, attributes or {}, domain))
        return names if outputs > 1 else names[0]

    def float_input(self, shape, name="x"):
        self.inputs[name] = (F, shape)
        return name

    def quantized_input(self, shape, name="x"):
        self.inputs[name] = (self.kind, shape)
        return name

    def result(self, name, of):
        """Names the output y, y1, … and keeps it."""
        label = f"y{len(self.outputs) or ''}"
        self.nodes = [(o, i, [label if r == name else r for r in rs], a, d) for o, i, rs, a, d in self.nodes]
        self.nodes = [(o, [label if s == name else s for s in i], rs, a, d) for o, i, rs, a, d in self.nodes]
        self.outputs[label] = of
        return label

    def quantize(self, x, how):
        return self.node("QuantizeLinear", [x, *self.scales(how)])

    def dequantize(self, x, how, of=None):
        return self.node("DequantizeLinear", [x, *self.scales(how, of)])

    def pair(self, x, how):
        return self.dequantize(self.quantize(x, how), how)

    def weight_values(self, shape, of="int8"):
        return self.rng.randint(-127, 128, shape).astype("int8") if of == "int8" else self.rng.randint(0, 256, shape).astype("uint8")

    def weights(self, shape, fan_in, x_scale, *, axis=0, per_channel=True, of="int8", bias=True, target=45.0, channels=None):
        """Dequantized weights and bias: (weights' name, bias's name). The scale spreads the outputs over the result's range."""
        channels = channels or shape[axis]
        base = target * RESULT[self.kind][0] / (x_scale * numpy.sqrt(fan_in) * 74 * 74)
        scales = (base * numpy.exp(self.rng.uniform(-0.7, 0.7, channels if per_channel else ()))).astype(F)
        zero = numpy.zeros(scales.shape, of) + (0 if of == "int8" else 117)
        w = self.node("DequantizeLinear", [self.constant("w", self.weight_values(shape, of)), self.constant("w_scale", scales), self.constant("w_zero", zero.astype(of))],
                      {"axis": axis} if per_channel else {})
        if not bias:
            return w, None
        bias_scales = (numpy.float32(x_scale) * scales).astype(F)
        steps = (self.rng.standard_normal(channels) * 40 * RESULT[self.kind][0] / bias_scales).astype("int32")
        b = self.node("DequantizeLinear", [self.constant("b", steps), self.constant("b_scale", bias_scales), self.constant("b_zero", numpy.zeros(bias_scales.shape, "int32"))],
                      {"axis": 0} if per_channel else {})
        return w, b

    def case(self, tolerance=SUMS, **more):
        more.setdefault("count", 3)
        return case(self.name, self.nodes, self.inputs, self.outputs, self.constants, kind=f"{self.form}_{self.kind}", tolerance=tolerance, low=-4.0, high=4.0, **more)


def qdq_one(name, kind, operator, shape, attributes=None, *, y=None, second=None, tolerance=ROUNDED, extra=None, x=None, **more):
    """QuantizeLinear's pair, one operator, another pair; the quantized values are input and output."""
    net = Net(name, kind, "qdq")
    x, y = x or ACTIVATION[kind], y or RESULT[kind]
    sources = [net.dequantize(net.quantized_input(shape), x)]
    if second is not None:
        sources.append(net.dequantize(net.quantized_input(second, "z"), (x[0] * 1.7, x[1] + 9)))
    sources += [net.constant(key, value) if value is not None else "" for key, value in (extra or {}).items()]
    result = net.node(operator, sources, attributes)
    net.result(net.quantize(result, y), kind)
    return net.case(tolerance, **more)


def qdq_conv(name, kind, shape, w, attributes=None, *, relu=False, per_channel=True, of="int8", bias=True, **more):
    net = Net(name, kind, "qdq")
    x = net.dequantize(net.quantized_input(shape), ACTIVATION[kind])
    weight, b = net.weights(w, int(numpy.prod(w[1:])), ACTIVATION[kind][0], per_channel=per_channel, of=of, bias=bias)
    y = net.node("Conv", [x, weight] + ([b] if b else []), attributes)
    if relu == "Relu":
        y = net.node("Relu", [y])
    elif relu == "Clip":
        y = net.node("Clip", [y, net.constant("low", numpy.array(0, F)), net.constant("high", numpy.array(6, F))])
    how = (RESULT[kind][0], {"uint8": 0, "int8": -128}[kind]) if relu else RESULT[kind]
    net.result(net.quantize(y, how), kind)
    return net.case(**more)


def qdq_gemm(name, kind, ci, co, *, operator="Gemm", per_channel=True, transposed=True, relu=False, of="int8", bias=True, rows=1, floats=False, opset=17, **more):
    net = Net(name, kind, "qdq")
    how = ACTIVATION[kind]
    x = net.pair(net.float_input([rows, ci]), how) if floats else net.dequantize(net.quantized_input([rows, ci]), how)
    transposed = transposed and operator == "Gemm"
    weight, b = net.weights((co, ci) if transposed else (ci, co), ci, how[0], axis=0 if transposed else 1, per_channel=per_channel, of=of, bias=bias, channels=co)
    if operator == "Gemm":
        y = net.node("Gemm", [x, weight] + ([b] if b else []), {"transB": 1} if transposed else {})
    else:
        y = net.node("MatMul", [x, weight])
        if b:
            y = net.node("Add", [y, b])
    if relu:
        y = net.node("Relu", [y])
    how = (RESULT[kind][0], {"uint8": 0, "int8": -128}[kind]) if relu else RESULT[kind]
    y = net.quantize(y, how)
    net.result(net.dequantize(y, how) if floats else y, F if floats else kind)
    return net.case(opset=opset, **more)


def qdq_network(kind, opset):
    """A small convolutional network with floats outside, as the quantizers of ONNX Runtime write it."""
    net = Net(f"network_opset_{opset}", kind, "qdq")
    low = {"uint8": 0, "int8": -128}[kind]
    x = net.pair(net.float_input([1, 2, 8, 8]), ACTIVATION[kind])
    w, b = net.weights((6, 2, 3, 3), 18, ACTIVATION[kind][0])
    first = (RESULT[kind][0], low)
    y = net.pair(net.node("Relu", [net.node("Conv", [x, w, b], {"pads": [1, 1, 1, 1], "strides": [2, 2]})]), first)
    w, b = net.weights((6, 1, 3, 3), 9, first[0])
    z = net.pair(net.node("Relu", [net.node("Conv", [y, w, b], {"pads": [1, 1, 1, 1], "group": 6})]), first)
    s = net.pair(net.node("Add", [y, z]), (0.08, low))
    p = net.pair(net.node("GlobalAveragePool", [s]), (0.05, low))
    f = net.pair(net.node("Flatten", [p]), (0.05, low))
    w, b = net.weights((4, 6), 6, 0.05)
    g = net.pair(net.node("Gemm", [f, w, b], {"transB": 1}), RESULT[kind])
    y = net.pair(net.node("Softmax", [g], {"axis": 1}), (1 / 256, low))
    net.result(y, F)
    return net.case("probabilityStep", opset=opset)


def qdq_cases():
    for kind in ("uint8", "int8"):
        yield qdq_conv("conv", kind, [1, 3, 5, 5], (4, 3, 3, 3), {"pads": [1, 1, 1, 1]})
        yield qdq_conv("conv_stride_2_relu", kind, [1, 3, 6, 7], (5, 3, 3, 3), {"pads": [1, 1, 1, 1], "strides": [2, 2]}, relu="Relu")
        yield qdq_conv("conv_clip", kind, [1, 3, 4, 4], (5, 3, 3, 3), relu="Clip")
        yield qdq_conv("conv_per_tensor", kind, [1, 3, 4, 4], (4, 3, 3, 3), per_channel=False)
        yield qdq_conv("conv_no_bias", kind, [1, 3, 4, 4], (4, 3, 2, 2), bias=False)
        yield qdq_conv("conv_depthwise", kind, [1, 8, 4, 4], (8, 1, 3, 3), {"pads": [1, 1, 1, 1], "group": 8})
        yield qdq_conv("conv_groups_2_dilated", kind, [1, 4, 6, 6], (6, 2, 3, 3), {"group": 2, "dilations": [2, 2]})
        yield qdq_conv("conv_1x1", kind, [1, 8, 3, 3], (5, 8, 1, 1))
        yield qdq_conv("conv_1d", kind, [1, 3, 12], (5, 3, 4), {"strides": [2], "pads": [1, 2]})
        yield qdq_gemm("gemm", kind, 16, 8)
        yield qdq_gemm("gemm_per_tensor_relu", kind, 17, 9, per_channel=False, relu=True)
        yield qdq_gemm("gemm_not_transposed", kind, 7, 5, transposed=False)
        yield qdq_gemm("gemm_no_bias_batch_3", kind, 9, 4, bias=False, rows=3)
        yield qdq_gemm("gemm_float_borders", kind, 8, 5, floats=True, tolerance="dequantizedStep")
        yield qdq_gemm("gemm_opset_21", kind, 8, 5, opset=21)
        yield qdq_gemm("gemm_opset_13", kind, 8, 5, opset=13)
        yield qdq_gemm("matmul", kind, 16, 5, operator="MatMul", bias=False)
        yield qdq_gemm("matmul_add", kind, 16, 5, operator="MatMul", per_channel=False, tolerance=ROUNDED)
        yield qdq_one("matmul_both_inputs", kind, "MatMul", [2, 3, 5], second=[2, 5, 4], y=(0.6, RESULT[kind][1]))
        yield qdq_one("add", kind, "Add", [1, 3, 4, 4], second=[1, 3, 4, 4], y=(0.09, RESULT[kind][1]))
        yield qdq_one("add_broadcast", kind, "Add", [1, 3, 4, 4], second=[1, 3, 1, 1], y=(0.09, RESULT[kind][1]))
        yield qdq_one("sub", kind, "Sub", [1, 7], second=[1, 7], y=(0.09, RESULT[kind][1]))
        yield qdq_one("mul", kind, "Mul", [1, 3, 4], second=[1, 3, 4], y=(0.15, RESULT[kind][1]))
        yield qdq_one("average_pool", kind, "AveragePool", [1, 3, 4, 4], {"kernel_shape": [2, 2], "strides": [2, 2]}, y=ACTIVATION[kind])
        yield qdq_one("average_pool_requantized", kind, "AveragePool", [1, 3, 5, 5], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]})
        yield qdq_one("global_average_pool", kind, "GlobalAveragePool", [1, 5, 4, 3])
        yield qdq_one("max_pool", kind, "MaxPool", [1, 3, 5, 5], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}, y=ACTIVATION[kind], tolerance="exact", opset=13)
        yield qdq_one("relu", kind, "Relu", [2, 9], y=(ACTIVATION[kind][0] / 2, {"uint8": 0, "int8": -128}[kind]))
        yield qdq_one("leaky_relu", kind, "LeakyRelu", [2, 9], {"alpha": 0.1})
        yield qdq_one("sigmoid", kind, "Sigmoid", [4, 16], y=(1 / 256, {"uint8": 0, "int8": -128}[kind]))
        yield qdq_one("tanh", kind, "Tanh", [4, 16], y=(1 / 128, {"uint8": 128, "int8": 0}[kind]))
        yield qdq_one("hard_swish", kind, "HardSwish", [4, 16])
        yield qdq_one("softmax", kind, "Softmax", [2, 10], {"axis": -1}, y=(1 / 256, {"uint8": 0, "int8": -128}[kind]))
        yield qdq_one("reduce_mean", kind, "ReduceMean", [1, 3, 4, 4], {"axes": [2, 3], "keepdims": 0})
        yield qdq_one("reshape", kind, "Reshape", [2, 6], y=ACTIVATION[kind], extra={"s": numpy.array([3, 4], numpy.int64)}, tolerance="exact")
        yield qdq_one("transpose", kind, "Transpose", [2, 3, 4], {"perm": [0, 2, 1]}, y=ACTIVATION[kind], tolerance="exact")
        yield qdq_one("slice", kind, "Slice", [2, 7], y=ACTIVATION[kind], extra={"s": numpy.array([2], numpy.int64), "e": numpy.array([6], numpy.int64), "a": numpy.array([1], numpy.int64)}, tolerance="exact")
        yield qdq_one("pad", kind, "Pad", [2, 3], y=ACTIVATION[kind], extra={"p": numpy.array([0, 1, 1, 2], numpy.int64)}, tolerance="exact")
        yield qdq_one("concat", kind, "Concat", [1, 2, 3], {"axis": 1}, second=[1, 4, 3])
        yield qdq_one("resize_nearest", kind, "Resize", [1, 2, 3, 3], {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, y=ACTIVATION[kind],
                      extra={"roi": None, "scales": numpy.array([1, 1, 2, 2], F)}, tolerance="exact")
        for opset in (13, 17, 21, 26):
            yield qdq_network(kind, opset)
        rng = goldens.random(f"qdq ties {kind}")
        net = Net("quantize_ties", kind, "qdq")
        net.float_input([1, 60])
        net.result(net.quantize("x", (0.25, ACTIVATION[kind][1])), kind)
        yield net.case("exact", vectors=[[((numpy.arange(-30, 30) + 0.5) * 0.25).astype(F).reshape(1, 60)], [rng.uniform(-40, 40, (1, 60)).astype(F)]],
                       note="halves go to the even step before the zero point is added")
        net = Net("dequantize", kind, "qdq")
        net.quantized_input([2, 9])
        net.result(net.dequantize("x", ACTIVATION[kind]), F)
        yield net.case("floatElement")
    yield qdq_conv("conv_uint8_weights", "uint8", [1, 3, 4, 4], (4, 3, 3, 3), {"pads": [1, 1, 1, 1]}, per_channel=False, of="uint8")
    yield qdq_gemm("gemm_uint8_weights", "uint8", 16, 5, per_channel=False, of="uint8")
    net = Net("weights_only", "int8", "qdq")
    x = net.float_input([1, 12])
    w, _ = net.weights((5, 12), 12, 0.04, bias=False)
    net.result(net.node("Gemm", [x, w, net.constant("bias", net.rng.standard_normal(5).astype(F))], {"transB": 1}), F)
    yield net.case("floatSum", note="int8 weights, float activations: weights are dequantized")


def requantized(net, x, w, y, kind, per_channel, of, fan_in, channels):
    """The constants of a QLinear operator: (scales, zero points) of the input, the weights and the result."""
    base = 45 * RESULT[kind][0] / (ACTIVATION[kind][0] * numpy.sqrt(fan_in) * 74 * 74)
    scales = (base * numpy.exp(net.rng.uniform(-0.7, 0.7, channels if per_channel else ()))).astype(F)
    zero = (numpy.zeros(scales.shape, of) + (0 if of == "int8" else 117)).astype(of)
    return net.scales(ACTIVATION[kind]), [net.constant("w_scale", scales), net.constant("w_zero", zero)], net.scales(RESULT[kind]), scales


def qlinear_conv(name, kind, shape, w, attributes=None, *, per_channel=True, of="int8", bias=True, **more):
    net = Net(name, kind, "qlinear")
    fan_in = int(numpy.prod(w[1:]))
    x, wq, y, scales = requantized(net, None, None, None, kind, per_channel, of, fan_in, w[0])
    sources = [net.quantized_input(shape), *x, net.constant("w", net.weight_values(w, of)), *wq, *y]
    if bias:
        steps = net.rng.standard_normal(w[0]) * 40 * RESULT[kind][0] / (ACTIVATION[kind][0] * scales)
        sources.append(net.constant("b", steps.astype("int32")))
    net.result(net.node("QLinearConv", sources, attributes), kind)
    return net.case(**more)


def qlinear_matmul(name, kind, rows, ci, co, *, per_channel=False, of="int8", opset=17, **more):
    net = Net(name, kind, "qlinear")
    x, wq, y, _ = requantized(net, None, None, None, kind, per_channel, of, ci, co)
    net.result(net.node("QLinearMatMul", [net.quantized_input([*rows, ci]), *x, net.constant("w", net.weight_values((ci, co), of)), *wq, *y]), kind)
    return net.case(opset=opset, **more)


def qlinear_cases():
    for kind, of in (("uint8", "int8"), ("uint8", "uint8"), ("int8", "int8")):
        tail = "_uint8_weights" if of == "uint8" else ""
        per_channel = of == "int8"
        yield qlinear_conv(f"conv{tail}", kind, [1, 3, 5, 5], (4, 3, 3, 3), {"pads": [1, 1, 1, 1]}, of=of, per_channel=per_channel)
        yield qlinear_conv(f"conv_per_tensor_stride_2{tail}", kind, [1, 3, 6, 6], (5, 3, 3, 3), {"strides": [2, 2]}, of=of, per_channel=False, opset=11)
        yield qlinear_conv(f"conv_depthwise_no_bias{tail}", kind, [1, 8, 4, 4], (8, 1, 3, 3), {"group": 8, "pads": [1, 1, 1, 1]}, of=of, per_channel=per_channel, bias=False)
        yield qlinear_conv(f"conv_1d{tail}", kind, [1, 3, 12], (5, 3, 4), {"strides": [2], "pads": [1, 2]}, of=of, per_channel=per_channel)
        yield qlinear_conv(f"conv_same_upper{tail}", kind, [1, 2, 6, 5], (3, 2, 3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, of=of, per_channel=per_channel)
        yield qlinear_matmul(f"matmul{tail}", kind, [1], 16, 8, of=of)
        yield qlinear_matmul(f"matmul_rows_3{tail}", kind, [2, 3], 7, 5, of=of, opset=11)
        if per_channel:
            yield qlinear_matmul("matmul_per_channel", kind, [2], 17, 9, per_channel=True)
            yield qlinear_matmul("matmul_opset_21", kind, [2], 9, 5, opset=21)
    for kind in ("uint8", "int8"):
        net = Net("gemm_contrib", kind, "qlinear")
        x, wq, y, scales = requantized(net, None, None, None, kind, True, "int8", 12, 5)
        b = net.constant("b", (net.rng.standard_normal(5) * 40 * RESULT[kind][0] / (ACTIVATION[kind][0] * scales)).astype("int32"))
        w = net.constant("w", net.weight_values((5, 12)))
        net.result(net.node("QGemm", [net.quantized_input([2, 12]), *x, w, *wq, b, *y], {"transB": 1}, "com.microsoft"), kind)
        yield net.case(microsoft=True)
        for operator in ("QLinearAdd", "QLinearMul"):
            net = Net(operator.lower().replace("qlinear", "") + "_contrib", kind, "qlinear")
            a, b = net.quantized_input([2, 9], "a"), net.quantized_input([2, 9], "b")
            how = (0.09 if operator == "QLinearAdd" else 0.15, RESULT[kind][1])
            net.result(net.node(operator, [a, *net.scales(ACTIVATION[kind]), b, *net.scales((0.071, ACTIVATION[kind][1] + 9)), *net.scales(how)], domain="com.microsoft"), kind)
            yield net.case(ROUNDED, microsoft=True)
        low = {"uint8": 0, "int8": -128}[kind]
        for operator, attributes, how, shape in (
            ("QLinearSigmoid", {}, (1 / 256, low), [2, 16]), ("QLinearLeakyRelu", {"alpha": 0.1}, RESULT[kind], [2, 16]),
            ("QLinearGlobalAveragePool", {"channels_last": 0}, RESULT[kind], [1, 5, 4, 3]),
            ("QLinearAveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}, RESULT[kind], [1, 3, 4, 4]),
            ("QLinearSoftmax", {"axis": 1, "opset": 13}, (1 / 256, low), [2, 10])):
            net = Net(operator.lower().replace("qlinear", "") + "_contrib", kind, "qlinear")
            net.result(net.node(operator, [net.quantized_input(shape), *net.scales(ACTIVATION[kind]), *net.scales(how)], attributes, "com.microsoft"), kind)
            yield net.case(ROUNDED, microsoft=True, optional=True)
        net = Net("concat_contrib", kind, "qlinear")
        a, b = net.quantized_input([2, 4], "a"), net.quantized_input([2, 3], "b")
        net.result(net.node("QLinearConcat", [*net.scales(RESULT[kind]), a, *net.scales(ACTIVATION[kind]), b, *net.scales((0.071, ACTIVATION[kind][1]))], {"axis": 1}, "com.microsoft"), kind)
        yield net.case(ROUNDED, microsoft=True, optional=True)


def dynamic_cases():
    """What `quantize_dynamic` writes: int8 weights, inputs quantized at run time from their range."""
    for of in ("int8", "uint8"):
        net = Net(f"matmul_{of}_weights", "uint8", "dynamic")
        x = net.float_input([2, 12])
        q, scale, zero = net.node("DynamicQuantizeLinear", [x], outputs=3)
        w = net.constant("w", net.weight_values((12, 5), of))
        product = net.node("MatMulInteger", [q, w, zero, net.constant("w_zero", numpy.array(0 if of == "int8" else 117, of))])
        both = net.node("Mul", [scale, net.constant("w_scale", numpy.array(0.004, F))])
        scaled = net.node("Mul", [net.node("Cast", [product], {"to": 1}), both])
        net.result(net.node("Add", [scaled, net.constant("bias", net.rng.standard_normal(5).astype(F))]), F)
        yield net.case("floatSum", optional=True)
    net = Net("conv", "uint8", "dynamic")
    x = net.float_input([1, 3, 5, 5])
    q, scale, zero = net.node("DynamicQuantizeLinear", [x], outputs=3)
    w = net.constant("w", net.weight_values((4, 3, 3, 3), "uint8"))
    product = net.node("ConvInteger", [q, w, zero, net.constant("w_zero", numpy.array(117, "uint8"))], {"pads": [1, 1, 1, 1]})
    both = net.node("Mul", [scale, net.constant("w_scale", numpy.array(0.004, F))])
    net.result(net.node("Mul", [net.node("Cast", [product], {"to": 1}), both]), F)
    yield net.case("floatSum", optional=True)


def cases():
    yield from qdq_cases()
    yield from qlinear_cases()
    yield from dynamic_cases()
