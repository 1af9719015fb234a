#!/usr/bin/env python3
"""Makes the small models of Tests/InferenceRuntimeTests/Fixtures and LiteRT's answers on them.

    python3 -m venv .build-models
    .build-models/bin/pip install ai-edge-litert==2.3.0 numpy==2.4.6 flatbuffers==25.12.19
    .build-models/bin/python scripts/models/make-fixtures.py [DIRECTORY OF REFERENCE MODELS]

Each fixture is NAME.tflite, NAME.input and NAME.output: raw little-endian tensors, several inputs
end to end. Two runs give the same bytes. The answers are LiteRT's with its default delegate.
"""

import pathlib
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

OUT = pathlib.Path(__file__).resolve().parents[2] / "Tests/InferenceRuntimeTests/Fixtures"
SAMPLES = 4
SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6 = 0, 1, 2, 3
B = schema.BuiltinOperator
VERSIONS = {B.AVERAGE_POOL_2D: 3, B.MAX_POOL_2D: 3, B.SOFTMAX: 3, B.RESHAPE: 1, B.QUANTIZE: 2,
            B.DEQUANTIZE: 3}
DTYPES = {
    np.dtype("int8"): schema.TensorType.INT8,
    np.dtype("uint8"): schema.TensorType.UINT8,
    np.dtype("int32"): schema.TensorType.INT32,
    np.dtype("float32"): schema.TensorType.FLOAT32,
}


class Builder:
    """One subgraph, written operator by operator."""

    def __init__(self, seed, real=False, hybrid=False):
        self.real, self.hybrid = real, hybrid  # float32 activations; and int8 weights
        self.rng = np.random.default_rng(seed)
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = b"edge-agent fixture"
        self.model.operatorCodes, self.codes = [], {}
        empty = schema.BufferT()
        self.model.buffers = [empty]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, name, shape, dtype, scale=None, zero_point=0, axis=0, data=None, dynamic=False):
        t = schema.TensorT()
        t.name, t.shape, t.type = name.encode(), list(shape), DTYPES[np.dtype(dtype)]
        if dynamic:
            t.shapeSignature = [-1] + list(shape[1:])
        if scale is not None:
            q = schema.QuantizationParametersT()
            q.scale = [float(s) for s in np.atleast_1d(scale)]
            q.zeroPoint = [int(z) for z in np.broadcast_to(zero_point, len(q.scale))]
            q.quantizedDimension = axis
            t.quantization = q
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data, dtype).tobytes(), np.uint8)
            t.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        else:
            t.buffer = 0
        self.graph.tensors.append(t)
        return len(self.graph.tensors) - 1

    def op(self, code, inputs, outputs, kind=None, **options):
        if code not in self.codes:
            c = schema.OperatorCodeT()
            c.builtinCode, c.deprecatedBuiltinCode = code, min(code, 127)
            c.version = VERSIONS.get(code, 5)
            self.codes[code] = len(self.model.operatorCodes)
            self.model.operatorCodes.append(c)
        o = schema.OperatorT()
        o.opcodeIndex, o.inputs, o.outputs = self.codes[code], inputs, outputs
        if kind:
            o.builtinOptions = getattr(schema, kind + "T")()
            for key, value in options.items():
                assert hasattr(o.builtinOptions, key), key
                setattr(o.builtinOptions, key, value)
            o.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        self.graph.operators.append(o)

    def weights(self, shape, axis, channels, per_channel):
        if self.real and not self.hybrid:
            return self.tensor("weights", shape, np.float32, data=self.rng.normal(0, 0.3, shape))
        scale = self.rng.uniform(0.002, 0.02, channels if per_channel else 1).astype(np.float32)
        data = self.rng.integers(-127, 128, shape)
        return self.tensor("weights", shape, np.int8, scale, 0, axis, data)

    def bias(self, channels, x, weights):
        if self.real:
            data = self.rng.normal(0, 1, channels)
            return self.tensor("bias", [channels], np.float32, data=data)
        data = self.rng.integers(-2000, 2000, channels)
        scales = [np.float32(self.graph.tensors[t].quantization.scale) for t in (x, weights)]
        return self.tensor("bias", [channels], np.int32, scales[0] * scales[1], 0, 0, data)

    def act(self, name, shape, scale=0.05, zero_point=-3, dtype=np.int8, **more):
        if self.real:
            return self.tensor(name, shape, np.float32, **more)
        return self.tensor(name, shape, dtype, np.float32(scale), zero_point, **more)

    # Layers. Each returns the output tensor.

    def fc(self, x, n, k, rows=1, per_channel=False, bias=True, act=NONE, out=(0.4, 5), **more):
        y = self.act("fc", [rows, n], *out, **more)
        w = self.weights([n, k], 0, n, per_channel)
        inputs = [x, w, self.bias(n, x, w) if bias else -1]
        self.op(B.FULLY_CONNECTED, inputs, [y], "FullyConnectedOptions",
                fusedActivationFunction=act, weightsFormat=0, keepNumDims=False,
                asymmetricQuantizeInputs=False)
        return y

    def window(self, size, k, s, d, padding):
        span = (k - 1) * d + 1
        return -(-size // s) if padding == SAME else (size - span) // s + 1

    def conv(self, x, shape, oc, k=(3, 3), s=(1, 1), d=(1, 1), padding=SAME, groups=1, act=NONE,
             out=(0.3, 4)):
        n, h, w, c = shape
        shape = [n, self.window(h, k[0], s[0], d[0], padding),
                 self.window(w, k[1], s[1], d[1], padding), oc]
        y = self.act("conv", shape, *out)
        w = self.weights([oc, k[0], k[1], c // groups], 0, oc, True)
        self.op(B.CONV_2D, [x, w, self.bias(oc, x, w)], [y], "Conv2DOptions", padding=padding, strideH=s[0],
                strideW=s[1], dilationHFactor=d[0], dilationWFactor=d[1],
                fusedActivationFunction=act)
        return y, shape

    def dw(self, x, shape, mult=1, k=(3, 3), s=(1, 1), d=(1, 1), padding=SAME, act=NONE,
           out=(0.2, -7)):
        n, h, w, c = shape
        shape = [n, self.window(h, k[0], s[0], d[0], padding),
                 self.window(w, k[1], s[1], d[1], padding), c * mult]
        y = self.act("depthwise", shape, *out)
        w = self.weights([1, k[0], k[1], c * mult], 3, c * mult, True)
        self.op(B.DEPTHWISE_CONV_2D, [x, w, self.bias(c * mult, x, w)], [y], "DepthwiseConv2DOptions", padding=padding,
                strideH=s[0], strideW=s[1], depthMultiplier=mult, dilationHFactor=d[0],
                dilationWFactor=d[1], fusedActivationFunction=act)
        return y, shape

    def add(self, a, b, shape, out=(0.09, 11), act=NONE):
        y = self.act("add", shape, *out)
        self.op(B.ADD, [a, b], [y], "AddOptions", fusedActivationFunction=act)
        return y

    def pool(self, x, shape, code, k, s, padding, q=(0.05, -3), act=NONE):
        n, h, w, c = shape
        shape = [n, self.window(h, k[0], s[0], 1, padding),
                 self.window(w, k[1], s[1], 1, padding), c]
        y = self.act("pool", shape, *q)
        self.op(code, [x], [y], "Pool2DOptions", padding=padding, strideH=s[0], strideW=s[1],
                filterHeight=k[0], filterWidth=k[1], fusedActivationFunction=act)
        return y, shape

    def reshape(self, x, shape, q=(0.05, -3)):
        y = self.act("reshape", shape, *q)
        wanted = self.tensor("shape", [len(shape)], np.int32, data=shape)
        self.op(B.RESHAPE, [x, wanted], [y], "ReshapeOptions", newShape=list(shape))
        return y

    def softmax(self, x, shape, beta=1.0):
        y = self.act("softmax", shape, 1 / 256, -128)
        self.op(B.SOFTMAX, [x], [y], "SoftmaxOptions", beta=beta)
        return y

    def finish(self, name, inputs, outputs):
        self.graph.inputs, self.graph.outputs = inputs, outputs
        fb = flatbuffers.Builder(1024)
        fb.Finish(self.model.Pack(fb), b"TFL3")
        data = bytes(fb.Output())
        interpreter = Interpreter(model_content=data, num_threads=1)
        interpreter.allocate_tensors()
        source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        given, answers = [], []
        for sample in range(SAMPLES):
            if source["dtype"] == np.float32:
                x = self.rng.normal(0, 4, source["shape"]).astype(np.float32)
            else:
                info = np.iinfo(source["dtype"])
                x = self.rng.integers(info.min, info.max + 1, source["shape"]).astype(source["dtype"])
            interpreter.set_tensor(source["index"], x)
            interpreter.invoke()
            given.append(x.tobytes())
            answers.append(interpreter.get_tensor(target["index"]).tobytes())
        (OUT / f"{name}.tflite").write_bytes(data)
        (OUT / f"{name}.input").write_bytes(b"".join(given))
        (OUT / f"{name}.output").write_bytes(b"".join(answers))
        print(f"{name}: {len(data)} bytes")


def fixture(build, prefix="", **kind):
    name = prefix + build.__name__.replace("_", "-")
    b = Builder(sum(name.encode()), **kind)
    x, y = build(b)
    b.finish(name, [x], [y])


def image(b, shape, **more):
    return b.act("input", shape, **more)


def fully_connected(b):
    x = b.act("input", [1, 20])
    return x, b.fc(x, 12, 20)


def fully_connected_odd(b):
    x = b.act("input", [1, 7])
    return x, b.fc(x, 5, 7, per_channel=True, act=RELU)


def fully_connected_batch(b):
    x = b.act("input", [3, 18])
    return x, b.fc(x, 33, 18, rows=3, act=RELU6, out=(0.05, -20))


def fully_connected_no_bias(b):
    x = b.act("input", [1, 16])
    return x, b.fc(x, 16, 16, bias=False, act=RELU_N1_TO_1, out=(0.02, 3))


def fully_connected_dynamic_batch(b):
    x = b.act("input", [1, 10], dynamic=True)
    h = b.fc(x, 6, 10, out=(0.3, 0), dynamic=True)
    return x, b.fc(h, 3, 6, out=(0.6, 0), dynamic=True)


def convolution(b):
    shape = [1, 9, 7, 3]
    x = image(b, shape)
    return x, b.conv(x, shape, 10)[0]


def convolution_pointwise(b):
    shape = [1, 5, 4, 11]
    x = image(b, shape)
    return x, b.conv(x, shape, 17, k=(1, 1), act=RELU)[0]


def convolution_stride(b):
    shape = [1, 8, 10, 5]
    x = image(b, shape)
    return x, b.conv(x, shape, 8, s=(2, 2), act=RELU6, out=(0.05, -100))[0]


def convolution_valid(b):
    shape = [2, 11, 6, 4]
    x = image(b, shape)
    return x, b.conv(x, shape, 6, k=(5, 2), s=(3, 1), padding=VALID)[0]


def convolution_dilated(b):
    shape = [1, 12, 12, 4]
    x = image(b, shape)
    return x, b.conv(x, shape, 7, d=(2, 3))[0]


def convolution_grouped(b):
    shape = [1, 6, 6, 8]
    x = image(b, shape)
    return x, b.conv(x, shape, 12, groups=4)[0]


def convolution_one_dimensional(b):
    shape = [1, 1, 30, 3]
    x = image(b, shape)
    return x, b.conv(x, shape, 8, k=(1, 7), s=(1, 2), act=RELU)[0]


def depthwise(b):
    shape = [1, 9, 8, 7]
    x = image(b, shape)
    return x, b.dw(x, shape)[0]


def depthwise_stride(b):
    shape = [1, 10, 10, 16]
    x = image(b, shape)
    return x, b.dw(x, shape, s=(2, 2), act=RELU6, out=(0.05, -90))[0]


def depthwise_multiplier(b):
    shape = [1, 6, 5, 3]
    x = image(b, shape)
    return x, b.dw(x, shape, mult=4, padding=VALID)[0]


def depthwise_dilated(b):
    shape = [2, 11, 9, 5]
    x = image(b, shape)
    return x, b.dw(x, shape, k=(3, 2), d=(2, 2))[0]


def depthwise_single_channel(b):
    shape = [1, 12, 6, 1]
    x = image(b, shape)
    return x, b.dw(x, shape, mult=8, k=(4, 3), s=(2, 2), act=RELU)[0]


def add(b):
    shape = [1, 4, 5, 7]
    x = image(b, shape)
    y, _ = b.conv(x, shape, 7, k=(1, 1))
    return x, b.add(x, y, shape)


def add_constant(b):
    shape = [1, 4, 5, 7]
    x = image(b, shape)
    c = b.tensor("constant", [7], np.int8, np.float32(0.11), 9, data=b.rng.integers(-128, 128, 7))
    return x, b.add(x, c, shape, act=RELU)


def average_pool(b):
    shape = [1, 7, 9, 6]
    x = image(b, shape)
    return x, b.pool(x, shape, B.AVERAGE_POOL_2D, (3, 3), (2, 2), SAME)[0]


def average_pool_global(b):
    shape = [1, 7, 6, 21]
    x = image(b, shape)
    return x, b.pool(x, shape, B.AVERAGE_POOL_2D, (7, 6), (7, 6), VALID, act=RELU)[0]


def max_pool(b):
    shape = [2, 7, 9, 6]
    x = image(b, shape)
    return x, b.pool(x, shape, B.MAX_POOL_2D, (3, 2), (2, 2), SAME, act=RELU6)[0]


def softmax(b):
    x = b.act("input", [1, 12], 0.13, 5)
    return x, b.softmax(x, [1, 12])


def softmax_beta(b):
    x = b.act("input", [2, 3, 5], 0.07, 5)
    return x, b.softmax(x, [2, 3, 5], beta=0.5)


def quantize(b):
    x = b.tensor("input", [1, 37], np.float32)
    y = b.act("quantized", [1, 37], 0.031, 12)
    b.op(B.QUANTIZE, [x], [y], "QuantizeOptions")
    return x, y


def dequantize(b):
    x = b.act("input", [1, 37], 0.031, 12)
    y = b.tensor("real", [1, 37], np.float32)
    b.op(B.DEQUANTIZE, [x], [y], "DequantizeOptions")
    return x, y


def requantize(b):
    x = b.act("input", [1, 64], 0.05, -7)
    y = b.act("requantized", [1, 64], 0.043, 3)
    b.op(B.QUANTIZE, [x], [y], "QuantizeOptions")
    return x, y


def unsigned_edges(b):
    """uint8 at the edges and int8 inside, as converters write it."""
    x = b.act("input", [1, 24], 0.05, 125, dtype=np.uint8)
    h = b.act("signed", [1, 24], 0.05, -3)
    b.op(B.QUANTIZE, [x], [h], "QuantizeOptions")
    h = b.fc(h, 9, 24, act=RELU)
    y = b.act("output", [1, 9], 0.4, 133, dtype=np.uint8)
    b.op(B.QUANTIZE, [h], [y], "QuantizeOptions")
    return x, y


def float_edges(b):
    """Real values at the edges and int8 inside."""
    x = b.tensor("input", [1, 24], np.float32)
    h = b.act("quantized", [1, 24], 0.05, -3)
    b.op(B.QUANTIZE, [x], [h], "QuantizeOptions")
    h = b.fc(h, 9, 24, act=RELU)
    y = b.tensor("output", [1, 9], np.float32)
    b.op(B.DEQUANTIZE, [h], [y], "DequantizeOptions")
    return x, y


def small_network(b):
    """Reshape, convolution, depthwise, residual sum, pools, classifier."""
    x = b.act("input", [1, 16, 12])
    shape = [1, 16, 12, 1]
    h = b.reshape(x, shape)
    h, shape = b.conv(h, shape, 8, s=(2, 2), act=RELU, out=(0.05, -128))
    r, _ = b.dw(h, shape, act=RELU, out=(0.05, -128))
    r, _ = b.conv(r, shape, 8, k=(1, 1), out=(0.1, 6))
    h = b.add(h, r, shape, out=(0.05, -3))
    h, shape = b.pool(h, shape, B.MAX_POOL_2D, (2, 2), (2, 2), VALID)
    h, shape = b.pool(h, shape, B.AVERAGE_POOL_2D, shape[1:3], shape[1:3], VALID)
    h = b.reshape(h, [1, 8])
    h = b.fc(h, 4, 8, out=(0.1, 2))
    return x, b.softmax(h, [1, 4])


FIXTURES = [
    fully_connected, fully_connected_odd, fully_connected_batch, fully_connected_no_bias,
    fully_connected_dynamic_batch, convolution, convolution_pointwise, convolution_stride,
    convolution_valid, convolution_dilated, convolution_grouped, convolution_one_dimensional,
    depthwise, depthwise_stride, depthwise_multiplier, depthwise_dilated,
    depthwise_single_channel, add, add_constant, average_pool, average_pool_global, max_pool,
    softmax, softmax_beta, quantize, dequantize, requantize, unsigned_edges, float_edges,
    small_network,
]

def references(directory):
    """LiteRT's answers on the float reference models, which are too large for the tree."""
    for name in ["ad01_fp32", "kws_ref_model_float32"]:
        interpreter = Interpreter(model_path=str(directory / f"{name}.tflite"), num_threads=1)
        interpreter.allocate_tensors()
        source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        rng, given, answers = np.random.default_rng(5), [], []
        for _ in range(2):
            x = rng.normal(0, 2, source["shape"]).astype(np.float32)
            interpreter.set_tensor(source["index"], x)
            interpreter.invoke()
            given.append(x.tobytes())
            answers.append(interpreter.get_tensor(target["index"]).tobytes())
        (OUT / f"{name}.input").write_bytes(b"".join(given))
        (OUT / f"{name}.output").write_bytes(b"".join(answers))


REAL = [
    fully_connected, fully_connected_batch, convolution, convolution_stride, convolution_dilated,
    convolution_valid, depthwise, depthwise_multiplier, add, average_pool, max_pool, softmax_beta,
    small_network,
]
HYBRID = [fully_connected, convolution_dilated, depthwise]  # unclamped: the rounding shows

if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for build in FIXTURES:
        fixture(build)
    for build in REAL:
        fixture(build, "float-", real=True)
    for build in HYBRID:
        fixture(build, "hybrid-", real=True, hybrid=True)
    if len(sys.argv) > 1:
        references(pathlib.Path(sys.argv[1]))
