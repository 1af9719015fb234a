"""Turns an int8 TensorFlow Lite model into the ONNX form that ONNX Runtime is fastest on: QDQ with
uint8 activations (zero points moved by 128) and int8 weights, the same scales.

Knows the operators of the MLPerf Tiny models only.
"""

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

B = tflite.BuiltinOperator


class Converter:
    def __init__(self, path):
        self.model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
        self.graph = self.model.Subgraphs(0)
        self.nodes, self.constants, self.real = [], [], {}
        self.count = 0

    # Tensors of the source.

    def shape(self, index):
        return [int(v) for v in self.graph.Tensors(index).ShapeAsNumpy()]

    def scales(self, index):
        return self.graph.Tensors(index).Quantization().ScaleAsNumpy().astype(np.float32)

    def zero_point(self, index):
        return int(self.graph.Tensors(index).Quantization().ZeroPoint(0)) + 128

    def data(self, index, dtype):
        buffer = self.model.Buffers(self.graph.Tensors(index).Buffer())
        return buffer.DataAsNumpy().view(dtype).reshape(self.shape(index))

    # Parts of the target.

    def name(self, kind):
        self.count += 1
        return f"{kind}{self.count}"

    def constant(self, value):
        name = self.name("constant")
        self.constants.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def node(self, kind, inputs, **attributes):
        out = self.name(kind)
        self.nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        return out

    def qdq_parameters(self, index):
        return [self.constant(self.scales(index)[0]), self.constant(np.uint8(self.zero_point(index)))]

    def quantize(self, x, index):
        """Through 8 bits and back; returns the real value that the next layer reads."""
        parameters = self.qdq_parameters(index)
        q = self.node("QuantizeLinear", [x] + parameters)
        self.real[index] = self.node("DequantizeLinear", [q] + parameters)
        return q

    def weights(self, index, value, axis):
        scale = self.scales(index)
        per_channel = len(scale) > 1
        scale = self.constant(scale if per_channel else scale[0])
        zero = self.constant(np.zeros(value.shape[axis], np.int8) if per_channel else np.int8(0))
        extra = {"axis": axis} if per_channel else {}
        return self.node("DequantizeLinear", [self.constant(value), scale, zero], **extra)

    def bias(self, index, x, w, channels):
        scale = self.scales(x)[0] * self.scales(w)
        scale = np.broadcast_to(scale, channels).astype(np.float32)
        value = self.data(index, np.int32)
        zero = self.constant(np.zeros(channels, np.int32))
        inputs = [self.constant(value), self.constant(scale), zero]
        return self.node("DequantizeLinear", inputs, axis=0)

    def activate(self, x, code):
        return self.node("Relu", [x]) if code == 1 else x

    def convolution(self, op, ins, out, depthwise):
        options = (tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions)()
        options.Init(op.BuiltinOptions().Bytes, op.BuiltinOptions().Pos)
        w = self.data(ins[1], np.int8)
        w = w.transpose(3, 0, 1, 2) if depthwise else w.transpose(0, 3, 1, 2)
        strides = [options.StrideH(), options.StrideW()]
        pads = [0, 0, 0, 0]
        if options.Padding() == 0:
            for axis in range(2):
                extent, result = self.shape(ins[0])[1 + axis], self.shape(out)[1 + axis]
                total = max((result - 1) * strides[axis] + w.shape[2 + axis] - extent, 0)
                pads[axis], pads[2 + axis] = total // 2, total - total // 2
        y = self.node(
            "Conv",
            [self.real[ins[0]], self.weights(ins[1], w, 0),
             self.bias(ins[2], ins[0], ins[1], w.shape[0])],
            strides=strides, pads=pads, kernel_shape=list(w.shape[2:]),
            group=w.shape[0] if depthwise else 1)
        self.quantize(self.activate(y, options.FusedActivationFunction()), out)

    def convert(self):
        source = int(self.graph.Inputs(0))
        shape = self.shape(source)
        q = "input"
        if len(shape) == 4:
            q = self.node("Transpose", [q], perm=[0, 3, 1, 2])
        self.real[source] = self.node("DequantizeLinear", [q] + self.qdq_parameters(source))
        for k in range(self.graph.OperatorsLength()):
            self.operator(self.graph.Operators(k))
        target = int(self.graph.Outputs(0))
        last = self.nodes.pop()  # the last DequantizeLinear: the output stays in 8 bits
        self.nodes[-1].output[0] = "output"
        assert last.op_type == "DequantizeLinear"
        graph = helper.make_graph(
            self.nodes, "model",
            [helper.make_tensor_value_info("input", TensorProto.UINT8, shape)],
            [helper.make_tensor_value_info("output", TensorProto.UINT8, self.shape(target))],
            self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model

    def operator(self, op):
        code = self.model.OperatorCodes(op.OpcodeIndex())
        code = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        ins, out = [int(v) for v in op.InputsAsNumpy()], int(op.Outputs(0))
        options = op.BuiltinOptions()
        if code in (B.CONV_2D, B.DEPTHWISE_CONV_2D):
            self.convolution(op, ins, out, code == B.DEPTHWISE_CONV_2D)
        elif code == B.FULLY_CONNECTED:
            parsed = tflite.FullyConnectedOptions()
            parsed.Init(options.Bytes, options.Pos)
            w = self.data(ins[1], np.int8)
            y = self.node(
                "Gemm",
                [self.real[ins[0]], self.weights(ins[1], w, 0),
                 self.bias(ins[2], ins[0], ins[1], w.shape[0])], transB=1)
            self.quantize(self.activate(y, parsed.FusedActivationFunction()), out)
        elif code == B.ADD:
            parsed = tflite.AddOptions()
            parsed.Init(options.Bytes, options.Pos)
            y = self.node("Add", [self.real[ins[0]], self.real[ins[1]]])
            self.quantize(self.activate(y, parsed.FusedActivationFunction()), out)
        elif code == B.AVERAGE_POOL_2D:
            assert self.shape(out)[1:3] == [1, 1]
            self.quantize(self.node("GlobalAveragePool", [self.real[ins[0]]]), out)
        elif code == B.RESHAPE:
            x, before = self.real[ins[0]], self.shape(ins[0])
            if len(before) == 4 and before[1] * before[2] > 1:
                x = self.node("Transpose", [x], perm=[0, 2, 3, 1])
            shape = self.constant(np.array(self.shape(out), np.int64))
            self.quantize(self.node("Reshape", [x, shape]), out)
        elif code == B.SOFTMAX:
            self.quantize(self.node("Softmax", [self.real[ins[0]]], axis=-1), out)
        else:
            raise ValueError(f"operator {code}")


def convert(path, target):
    onnx.save(Converter(path).convert(), str(target))
