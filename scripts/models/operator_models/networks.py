"""Small whole networks: what one operator hands to the next, several inputs and outputs, branches, an unknown batch."""

import numpy

import goldens
from tflite_writer import Model

from .case import KIND, Case, float_ranges, make_parameters
from .simple import indices


class Builder:
    """Adds layers one after another and chooses parameters that spread each one's outputs."""

    def __init__(self, name, kind):
        self.kind = KIND[kind]
        self.name = f"networks/{self.kind.name}_{name}"
        self.rng = goldens.random(self.name)
        self.model = Model()
        self.graph = self.model.graph()
        self.count = 0

    def quantization(self, relu=False):
        if not self.kind.is_quantized:
            return None, 0
        scale = float(numpy.float32(0.05 * self.rng.uniform(0.8, 1.25)))
        if self.kind.activation == "int16":
            return scale / 200, 0
        low = -128 if self.kind.activation == "int8" else 0
        return scale, low if relu else low + int(self.rng.randint(100, 150))

    def tensor(self, shape, relu=False, where="tensor", quantization=None):
        self.count += 1
        scale, zero_point = quantization or self.quantization(relu)
        index = getattr(self.graph, where)(f"t{self.count}", shape, self.kind.activation, scale, zero_point)
        return index, list(shape), scale, zero_point

    def input(self, shape):
        return self.tensor(shape, where="input")

    def parameters(self, shape, axis, fan_in, x, y):
        values, scales, zero, biases, bias_scales = make_parameters(self.rng, self.kind, shape, axis, fan_in, x[2], y[2])
        self.count += 1
        return [self.graph.constant(f"w{self.count}", values, scales, zero, axis), self.graph.constant(f"b{self.count}", biases, bias_scales)]

    def conv(self, x, co, k=3, stride=1, relu=True, depthwise=False, multiplier=1, padding="SAME"):
        n, h, w, ci = x[1]
        size = [-(-s // stride) if padding == "SAME" else -(-(s - k + 1) // stride) for s in (h, w)]
        co = ci * multiplier if depthwise else co
        y = self.tensor([n, *size, co], relu)
        shape = (1, k, k, co) if depthwise else (co, k, k, ci)
        constants = self.parameters(shape, 3 if depthwise else 0, k * k * (1 if depthwise else ci), x, y)
        more = {"depthMultiplier": multiplier} if depthwise else {}
        self.graph.operator("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", [x[0], *constants], [y[0]], 3, padding=padding, strideH=stride,
                            strideW=stride, dilationHFactor=1, dilationWFactor=1, activation="RELU" if relu else "NONE", **more)
        return y

    def dense(self, x, co, relu=True):
        y = self.tensor([x[1][0], co], relu)
        constants = self.parameters((co, x[1][-1]), 0, x[1][-1], x, y)
        self.graph.operator("FULLY_CONNECTED", [x[0], *constants], [y[0]], 4, activation="RELU" if relu else "NONE")
        return y

    def add(self, a, b, relu=True):
        y = self.tensor(a[1], relu)
        self.graph.operator("ADD", [a[0], b[0]], [y[0]], 2, activation="RELU" if relu else "NONE")
        return y

    def pool(self, x, k, operator="AVERAGE_POOL_2D"):
        n, h, w, c = x[1]
        y = self.tensor([n, h // k, w // k, c], quantization=x[2:])
        self.graph.operator(operator, [x[0]], [y[0]], 2, padding="VALID", strideH=k, strideW=k, filterHeight=k, filterWidth=k, activation="NONE")
        return y

    def reshape(self, x, shape):
        y = self.tensor(shape, quantization=x[2:])
        self.graph.operator("RESHAPE", [x[0], self.graph.constant(f"s{self.count}", indices(*shape))], [y[0]])
        return y

    def softmax(self, x):
        how = {"int8": (1 / 256, -128), "uint8": (1 / 256, 0), "int16": (1 / 32768, 0)}.get(self.kind.activation, (None, 0))
        y = self.tensor(x[1], quantization=how)
        self.graph.operator("SOFTMAX", [x[0]], [y[0]], 2, beta=1.0)
        return y

    def concatenate(self, xs):
        y = self.tensor([*xs[0][1][:-1], sum(x[1][-1] for x in xs)], quantization=xs[0][2:])
        self.graph.operator("CONCATENATION", [x[0] for x in xs], [y[0]], 2, axis=-1, activation="NONE")
        return y

    def case(self, *outputs, tolerance=None, **more):
        for output in outputs:
            self.graph.make_output(output[0])
        more = {"ranges": float_ranges(self.kind), **more}
        return Case(self.name, self.model, self.kind.name, tolerance or ("exact" if self.kind.is_quantized else "floatSum"), **more)


def autoencoder(kind):
    net = Builder("autoencoder", kind)
    x = net.input([1, 24])
    y = net.dense(net.dense(net.dense(x, 16), 4), 16)
    return net.case(net.dense(y, 24, relu=False))


def separable(kind):
    """The shape of DS-CNN: convolution, depthwise and pointwise, pool, dense, softmax."""
    net = Builder("separable", kind)
    y = net.conv(net.input([1, 8, 6, 1]), 8, stride=2)
    y = net.conv(net.conv(y, 0, depthwise=True), 8, k=1)
    y = net.pool(y, 3)
    y = net.dense(net.reshape(y, [1, y[1][1] * y[1][2] * 8]), 4, relu=False)
    return net.case(net.softmax(y), tolerance=None if net.kind.is_quantized else "floatSum")


def residual(kind):
    net = Builder("residual", kind)
    x = net.conv(net.input([1, 6, 6, 3]), 5)
    y = net.conv(net.conv(x, 5), 5, relu=False)
    y = net.add(y, x)
    short = net.conv(y, 7, k=1, stride=2, relu=False)
    y = net.add(net.conv(net.conv(y, 7, stride=2), 7, relu=False), short)
    return net.case(y)


def branches(kind):
    """Two inputs, a concatenation, and two outputs of which one feeds the other."""
    net = Builder("branches", kind)
    a = net.input([1, 6])
    b = net.input([1, 5])
    left, right = net.dense(a, 4), net.dense(b, 3)
    if net.kind.is_quantized:  # LiteRT wants one quantization of all that it joins in int8
        net.graph._graph.tensors[right[0]].quantization = net.graph._graph.tensors[left[0]].quantization
    joined = net.concatenate([left, right])
    y = net.dense(joined, 5, relu=False)
    return net.case(joined, y)


def float_borders():
    """Floats outside, int8 inside: what a converter writes unless it is told otherwise."""
    net = Builder("float_borders", "int8")
    outside = net.graph.input("outside", [1, 10], "float32")
    x = net.tensor([1, 10])
    net.graph.operator("QUANTIZE", [outside], [x[0]])
    y = net.dense(net.dense(x, 8), 3, relu=False)
    last = net.graph.output("result", [1, 3], "float32")
    net.graph.operator("DEQUANTIZE", [y[0]], [last], 2)
    return Case(net.name, net.model, "mixed", "floatElement", ranges={0: (-7.0, 7.0)}, count=5)


def unknown_batch():
    """The first dimension is -1 in the signature, 1 in the shape."""
    model = Model()
    graph = model.graph()
    rng = goldens.random("unknown_batch")
    x = graph.input("x", [1, 6], "float32", signature=[-1, 6])
    w = graph.constant("w", rng.standard_normal((3, 6)).astype(numpy.float32))
    b = graph.constant("b", rng.standard_normal(3).astype(numpy.float32))
    y = graph.output("y", [1, 3], "float32", signature=[-1, 3])
    graph.operator("FULLY_CONNECTED", [x, w, b], [y], activation="RELU")
    return Case("networks/float32_unknown_batch", model, "float32", "floatSum")


def passed_through():
    """One output is the input itself, another a constant; no operator makes either."""
    model = Model()
    graph = model.graph()
    x = graph.input("x", [1, 4], "int8", 0.05, 2)
    y = graph.output("y", [1, 4], "int8", 0.05, 2)
    graph.operator("RELU", [x], [y], 2)
    graph.make_output(x)
    graph.make_output(graph.constant("c", numpy.array([5, -6], numpy.int8), 0.1, 0))
    return Case("networks/int8_input_and_constant_are_outputs", model, "int8", "exact")


def cases():
    for kind in ("int8", "uint8", "int16", "float32", "hybrid"):
        yield autoencoder(kind)
    for kind in ("int8", "uint8", "int16", "float32", "hybrid"):
        yield separable(kind)
    for kind in ("int8", "int16", "float32"):
        yield residual(kind)
        yield branches(kind)
    yield float_borders()
    yield unknown_batch()
    yield passed_through()
