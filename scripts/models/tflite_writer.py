"""Writes .tflite models operator by operator, as the converters write them.

A model is a list of graphs, a graph a list of tensors and operators. Everything is explicit: shapes,
element types, quantization. The same calls give the same bytes.

    model = Model("two layers")
    graph = model.graph()
    x = graph.input("x", [1, 8], "int8", scale=0.05, zero_point=-3)
    w = graph.constant("w", weights, scale=[0.01] * 4, axis=0)
    y = graph.output("y", [1, 4], "int8", scale=0.1, zero_point=5)
    graph.operator("FULLY_CONNECTED", [x, w, None], [y], activation="RELU")
    open("two.tflite", "wb").write(model.serialized())
"""

import flatbuffers
import numpy
from ai_edge_litert import schema_py_generated as schema

TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "bool": schema.TensorType.BOOL,
    "resource": schema.TensorType.RESOURCE,
}

# The table of options that belongs to an operator, where its name does not follow from the operator's.
_OPTIONS = {
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "SUM": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "PADV2": "PadV2Options",
    "SVDF": "SVDFOptions",
    "SPACE_TO_BATCH_ND": "SpaceToBatchNDOptions",
    "BATCH_TO_SPACE_ND": "BatchToSpaceNDOptions",
}

# Operators that have no table of options of their own.
_NO_OPTIONS = {"LOGISTIC", "TANH", "RELU", "RELU6", "RELU_N1_TO_1", "PRELU", "ELU", "SQRT", "RSQRT", "LOG"}

_SHORT_NAMES = {"activation": "fusedActivationFunction"}


class _AlignedBuffer(schema.BufferT):
    """A buffer whose bytes start at a multiple of 16, which the schema demands and the generated Python forgets."""

    def Pack(self, builder):
        data = None
        if self.data is not None and len(self.data) > 0:
            octets = bytes(self.data)
            builder.StartVector(1, len(octets), 16)
            builder.head -= len(octets)
            builder.Bytes[builder.head : builder.head + len(octets)] = octets
            data = builder.EndVector()
        schema.BufferStart(builder)
        if data is not None:
            schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def quantization(scale, zero_point=0, axis=0):
    """Quantization parameters: one scale for the whole tensor, or a list of them along `axis`."""
    if scale is None:
        return None
    scales = numpy.atleast_1d(numpy.asarray(scale, dtype=numpy.float32))
    zero_points = numpy.broadcast_to(numpy.asarray(zero_point, dtype=numpy.int64), scales.shape)
    parameters = schema.QuantizationParametersT()
    parameters.scale = scales
    parameters.zeroPoint = numpy.array(zero_points)
    parameters.quantizedDimension = axis
    return parameters


class Graph:
    """One subgraph: tensors and operators in the order in which they were added."""

    def __init__(self, model, name):
        self._model = model
        self.operators = []
        self._graph = schema.SubGraphT()
        self._graph.name = name
        self._graph.tensors = []
        self._graph.inputs = []
        self._graph.outputs = []
        self._graph.operators = []

    def tensor(self, name, shape, dtype, scale=None, zero_point=0, axis=0, *, data=None, variable=False, signature=None):
        """Adds a tensor and returns its index. `data` makes it a constant, `signature` gives unknown dimensions as -1."""
        tensor = schema.TensorT()
        tensor.name = name
        tensor.shape = numpy.array(shape, dtype=numpy.int32)
        tensor.type = TYPES[dtype]
        tensor.buffer = self._model.add_buffer(data)
        tensor.quantization = quantization(scale, zero_point, axis)
        tensor.isVariable = variable
        tensor.hasRank = True
        if signature is not None:
            tensor.shapeSignature = numpy.array(signature, dtype=numpy.int32)
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def input(self, name, shape, dtype, scale=None, zero_point=0, **more):
        index = self.tensor(name, shape, dtype, scale, zero_point, **more)
        self._graph.inputs.append(index)
        return index

    def output(self, name, shape, dtype, scale=None, zero_point=0, **more):
        index = self.tensor(name, shape, dtype, scale, zero_point, **more)
        self._graph.outputs.append(index)
        return index

    def make_output(self, index):
        """Declares a tensor that is there already to be an output as well."""
        self._graph.outputs.append(index)

    def constant(self, name, values, scale=None, zero_point=0, axis=0):
        values = numpy.asarray(values)
        return self.tensor(name, values.shape, str(values.dtype), scale, zero_point, axis, data=values.tobytes())

    def operator(self, name, inputs, outputs, version=1, intermediates=None, **options):
        """Adds an operator. An input of None is an optional one left out. Options are named as in the schema."""
        operator = schema.OperatorT()
        operator.opcodeIndex = self._model.add_code(name, version)
        operator.inputs = numpy.array([-1 if i is None else i for i in inputs], dtype=numpy.int32)
        operator.outputs = numpy.array(outputs, dtype=numpy.int32)
        if intermediates is not None:
            operator.intermediates = numpy.array(intermediates, dtype=numpy.int32)
        if name not in _NO_OPTIONS:
            table = _OPTIONS.get(name) or "".join(part.capitalize() for part in name.split("_")) + "Options"
            values = getattr(schema, table + "T")()
            for key, value in options.items():
                key = _SHORT_NAMES.get(key, key)
                if not hasattr(values, key):
                    raise AttributeError(f"{table} has no {key}")
                if key == "fusedActivationFunction":
                    value = getattr(schema.ActivationFunctionType, value)
                elif key == "padding":
                    value = getattr(schema.Padding, value)
                elif key in ("outputType", "inDataType", "outDataType"):
                    value = TYPES[value]
                elif isinstance(value, (list, tuple)):
                    value = numpy.array(value, dtype=numpy.int32)
                setattr(values, key, value)
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, table)
            operator.builtinOptions = values
        self._graph.operators.append(operator)
        self.operators.append(name)


class Model:
    """A whole model. `graph` opens its subgraphs in order: the first is the one that runs."""

    def __init__(self, description=""):
        self._description = description
        self._buffers = [_AlignedBuffer()]
        self._buffer_of_data = {}
        self._codes = []
        self.graphs = []

    def graph(self, name="main"):
        graph = Graph(self, name)
        self.graphs.append(graph)
        return graph

    def add_buffer(self, data):
        if data is None:
            return 0
        data = bytes(data)
        if data not in self._buffer_of_data:
            buffer = _AlignedBuffer()
            buffer.data = data
            self._buffers.append(buffer)
            self._buffer_of_data[data] = len(self._buffers) - 1
        return self._buffer_of_data[data]

    def add_code(self, name, version):
        if (name, version) not in self._codes:
            self._codes.append((name, version))
        return self._codes.index((name, version))

    @property
    def operators(self):
        """The distinct operators, sorted by name."""
        return sorted({name for graph in self.graphs for name in graph.operators})

    def serialized(self):
        model = schema.ModelT()
        model.version = 3
        model.description = self._description
        model.buffers = self._buffers
        model.subgraphs = []
        model.operatorCodes = []
        for name, version in self._codes:
            code = schema.OperatorCodeT()
            code.builtinCode = getattr(schema.BuiltinOperator, name)
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            code.version = version
            model.operatorCodes.append(code)
        for graph in self.graphs:
            subgraph = graph._graph
            subgraph.inputs = numpy.array(subgraph.inputs, dtype=numpy.int32)
            subgraph.outputs = numpy.array(subgraph.outputs, dtype=numpy.int32)
            model.subgraphs.append(subgraph)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
