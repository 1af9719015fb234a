"""Float operators, from opset 11 to the newest that ONNX Runtime runs."""

import numpy

import goldens

from .case import case

F = "float32"
NEWEST = 26  # the newest opset that ONNX Runtime 1.31 takes


def weights(name, *shape, scale=1.0):
    return (goldens.random(name).standard_normal(shape) * scale).astype(F)


def one(name, operator, shape, attributes=None, constants=None, *, inputs=None, of=F, result=F, outputs=1, tolerance="floatSum", **more):
    """A model of one operator: `shape` of its first input; `constants` (name: array) follow in order, None for one left out."""
    full = f"float/{name}"
    sources = dict(inputs) if inputs else {"x": (of, shape)}
    constants = constants or {}
    names = list(sources) + [key if value is not None else "" for key, value in constants.items()]
    kept = {key: value for key, value in constants.items() if value is not None}
    results = [f"y{i}" if i else "y" for i in range(outputs)]
    return case(full, [(operator, names, results, attributes or {})], sources, {y: result for y in results}, kept, tolerance=tolerance, **more)


def linear():
    w, b = weights("gemm", 6, 4), weights("gemm bias", 4)
    for opset in (11, 13, 17, 21, NEWEST):
        yield one(f"gemm_opset_{opset}", "Gemm", [2, 6], {}, {"w": w, "b": b}, opset=opset)
    yield one("gemm_transposed_b", "Gemm", ["N", 6], {"transB": 1}, {"w": w.T.copy(), "b": b})
    yield one("gemm_transposed_a", "Gemm", [6, 3], {"transA": 1}, {"w": w, "b": b})
    yield one("gemm_alpha_beta", "Gemm", [1, 6], {"alpha": 0.5, "beta": 1.75}, {"w": w, "b": b})
    yield one("gemm_no_bias", "Gemm", [1, 6], {}, {"w": w})
    yield one("gemm_bias_matrix", "Gemm", [2, 6], {}, {"w": w, "b": weights("gemm bias matrix", 2, 4)})
    yield one("gemm_bias_column", "Gemm", [2, 6], {}, {"w": w, "b": weights("gemm bias column", 2, 1)})
    yield one("gemm_bias_scalar", "Gemm", [2, 6], {}, {"w": w, "b": numpy.array(0.75, F)})
    yield one("gemm_17_to_33", "Gemm", [1, 17], {"transB": 1}, {"w": weights("gemm 33", 33, 17, scale=0.3), "b": weights("gemm b33", 33)})
    yield one("matmul", "MatMul", [3, 6], {}, {"w": w})
    yield one("matmul_rank_3", "MatMul", [2, 3, 6], {}, {"w": w})
    yield one("matmul_batch", "MatMul", None, inputs={"a": (F, [2, 3, 4]), "b": (F, [2, 4, 5])})
    yield one("matmul_broadcast", "MatMul", None, inputs={"a": (F, [2, 1, 3, 4]), "b": (F, [3, 4, 2])})
    yield one("matmul_vector", "MatMul", [6], {}, {"w": w})
    full = "float/matmul_add_relu"
    yield case(full, [("MatMul", ["x", "w"], ["m"]), ("Add", ["m", "b"], ["a"]), ("Relu", ["a"], ["y"])], {"x": (F, ["batch", 6])}, {"y": F}, {"w": w, "b": b})


def convolutions():
    def conv(name, shape, w, bias=True, attributes=None, operator="Conv", **more):
        group = (attributes or {}).get("group", 1)
        channels = w[0] if operator == "Conv" else w[1] * group
        constants = {"w": weights(name, *w, scale=1 / numpy.sqrt(numpy.prod(w[1:])))}
        if bias:
            constants["b"] = weights(name + " bias", channels)
        return one(name, operator, shape, attributes, constants, **more)

    for opset in (11, 17, NEWEST):
        yield conv(f"conv_2d_opset_{opset}", [1, 3, 5, 5], (4, 3, 3, 3), attributes={"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, opset=opset)
    yield conv("conv_2d_stride_2", [1, 3, 6, 7], (5, 3, 3, 3), attributes={"strides": [2, 2], "pads": [1, 1, 1, 1]})
    yield conv("conv_2d_valid_no_bias", [1, 2, 5, 4], (3, 2, 3, 2), bias=False)
    yield conv("conv_2d_uneven_pads", [1, 2, 4, 4], (3, 2, 3, 3), attributes={"pads": [0, 1, 2, 0]})
    yield conv("conv_2d_dilated", [1, 2, 7, 7], (3, 2, 3, 3), attributes={"dilations": [2, 2], "pads": [2, 2, 2, 2]})
    yield conv("conv_2d_groups_2", [1, 4, 4, 4], (6, 2, 3, 3), attributes={"group": 2, "pads": [1, 1, 1, 1]})
    yield conv("conv_2d_depthwise", [1, 5, 5, 5], (5, 1, 3, 3), attributes={"group": 5, "pads": [1, 1, 1, 1]})
    yield conv("conv_2d_depthwise_multiplier_2", [1, 3, 4, 4], (6, 1, 3, 3), attributes={"group": 3, "pads": [1, 1, 1, 1], "strides": [2, 2]})
    yield conv("conv_2d_1x1", [1, 8, 3, 3], (5, 8, 1, 1))
    yield conv("conv_2d_batch_2", [2, 3, 4, 4], (4, 3, 3, 3), attributes={"pads": [1, 1, 1, 1]})
    for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        yield conv(f"conv_2d_{auto.lower()}", [1, 2, 6, 5], (3, 2, 3, 2), attributes={"auto_pad": auto, "strides": [2, 2], "kernel_shape": [3, 2]})
    yield conv("conv_1d", [1, 3, 12], (5, 3, 4), attributes={"kernel_shape": [4]})
    yield conv("conv_1d_stride_dilation", [1, 3, 16], (4, 3, 3), attributes={"strides": [2], "dilations": [3], "pads": [3, 3]})
    yield conv("conv_1d_causal", [1, 2, 9], (4, 2, 3), attributes={"pads": [2, 0]})
    yield conv("conv_1d_depthwise", [1, 5, 10], (5, 1, 3), attributes={"group": 5, "pads": [1, 1]})
    yield conv("conv_1d_same_upper", [1, 2, 9], (3, 2, 4), attributes={"auto_pad": "SAME_UPPER", "strides": [2]})
    yield conv("conv_transpose_2d", [1, 3, 3, 3], (3, 4, 3, 3), attributes={"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}, operator="ConvTranspose", optional=True)
    yield conv("conv_transpose_1d", [1, 3, 5], (3, 2, 4), attributes={"strides": [2], "pads": [1, 1]}, operator="ConvTranspose", optional=True)


def pools():
    for kind in ("MaxPool", "AveragePool"):
        low = "max_pool" if kind == "MaxPool" else "average_pool"
        of = "exact" if kind == "MaxPool" else "floatElement"
        yield one(f"{low}_2d", kind, [1, 3, 6, 5], {"kernel_shape": [2, 2], "strides": [2, 2]}, tolerance=of)
        yield one(f"{low}_2d_padded", kind, [1, 2, 5, 5], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}, tolerance=of)
        yield one(f"{low}_2d_same_upper", kind, [1, 2, 5, 6], {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}, tolerance=of)
        yield one(f"{low}_2d_ceil", kind, [1, 2, 6, 6], {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, tolerance=of)
        yield one(f"{low}_1d", kind, [1, 3, 11], {"kernel_shape": [3], "strides": [2]}, tolerance=of)
        yield one(f"{low}_1d_stride_1", kind, [1, 3, 7], {"kernel_shape": [4]}, tolerance=of)
    yield one("average_pool_2d_padding_counts", "AveragePool", [1, 2, 5, 5], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}, tolerance="floatElement")
    yield one("max_pool_2d_dilated", "MaxPool", [1, 2, 7, 7], {"kernel_shape": [2, 2], "dilations": [2, 2]}, tolerance="exact", optional=True)
    yield one("global_average_pool", "GlobalAveragePool", [1, 5, 4, 3])
    yield one("global_average_pool_1d", "GlobalAveragePool", [2, 3, 9])
    yield one("global_max_pool", "GlobalMaxPool", [1, 5, 4, 3], tolerance="exact")


def elements():
    for operator in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow"):
        low, high = (0.3, 3.0) if operator in ("Div", "Pow") else (-3.0, 3.0)
        of = "exact" if operator in ("Max", "Min") else "floatFunction" if operator == "Pow" else "floatElement"
        name = operator.lower()
        yield one(f"{name}_same_shape", operator, None, inputs={"a": (F, [2, 3, 4]), "b": (F, [2, 3, 4])}, low=low, high=high, tolerance=of)
        yield one(f"{name}_channel", operator, None, inputs={"a": (F, [1, 3, 2, 2]), "b": (F, [3, 1, 1])}, low=low, high=high, tolerance=of)
        yield one(f"{name}_both", operator, None, inputs={"a": (F, [4, 1, 3]), "b": (F, [2, 1])}, low=low, high=high, tolerance=of)
        yield one(f"{name}_scalar", operator, [2, 5], {}, {"b": numpy.array(1.5, F)}, low=low, high=high, tolerance=of)
    yield one("max_of_three", "Max", None, inputs={n: (F, [2, 3]) for n in "abc"}, tolerance="exact", optional=True)
    for operator, low, high, of in (
        ("Abs", -3, 3, "exact"), ("Neg", -3, 3, "exact"), ("Sqrt", 0, 9, "floatElement"), ("Exp", -5, 5, "floatFunction"), ("Log", 0.01, 9, "floatFunction"),
        ("Reciprocal", 0.2, 9, "floatElement"), ("Sigmoid", -9, 9, "floatFunction"), ("Tanh", -5, 5, "floatFunction"), ("Relu", -3, 3, "exact"),
        ("Erf", -3, 3, "floatFunction"), ("Softplus", -9, 9, "floatFunction"), ("HardSwish", -5, 5, "floatFunction"), ("Identity", -3, 3, "exact")):
        yield one(operator.lower(), operator, [3, 5], low=low, high=high, tolerance=of)
    for operator in ("Floor", "Ceil", "Round", "Sign"):
        yield one(operator.lower(), operator, [3, 5], tolerance="exact", optional=True)
    yield one("leaky_relu", "LeakyRelu", [3, 5], {"alpha": 0.2}, tolerance="floatElement")
    yield one("leaky_relu_default", "LeakyRelu", [3, 5], tolerance="floatElement")
    yield one("elu", "Elu", [3, 5], {"alpha": 1.3}, tolerance="floatFunction")
    yield one("selu", "Selu", [3, 5], tolerance="floatFunction", optional=True)
    yield one("hard_sigmoid", "HardSigmoid", [3, 5], {"alpha": 1 / 6, "beta": 0.5}, low=-5, high=5, tolerance="floatElement")
    yield one("prelu", "PRelu", [1, 3, 2, 2], {}, {"slope": weights("prelu", 3, 1, 1)}, tolerance="floatElement")
    yield one("gelu", "Gelu", [3, 5], opset=20, tolerance="floatFunction")
    yield one("gelu_tanh", "Gelu", [3, 5], {"approximate": "tanh"}, opset=20, tolerance="floatFunction")
    yield case("float/gelu_of_erf", [("Div", ["x", "root"], ["a"]), ("Erf", ["a"], ["e"]), ("Add", ["e", "one"], ["o"]), ("Mul", ["x", "o"], ["m"]), ("Mul", ["m", "half"], ["y"])],
               {"x": (F, [2, 7])}, {"y": F}, {"root": numpy.array(2**0.5, F), "one": numpy.array(1, F), "half": numpy.array(0.5, F)}, tolerance="floatFunction",
               note="as PyTorch writes it before opset 20; ONNX Runtime fuses it")
    yield case("float/swish", [("Sigmoid", ["x"], ["s"]), ("Mul", ["x", "s"], ["y"])], {"x": (F, [2, 7])}, {"y": F}, tolerance="floatFunction")
    for opset in (11, 13):
        yield one(f"clip_opset_{opset}", "Clip", [3, 5], {}, {"low": numpy.array(-1, F), "high": numpy.array(1.5, F)}, opset=opset, tolerance="exact")
    yield one("clip_low_only", "Clip", [3, 5], {}, {"low": numpy.array(0.5, F)}, tolerance="exact")
    yield one("clip_high_only", "Clip", [3, 5], {}, {"low": None, "high": numpy.array(0.5, F)}, tolerance="exact")
    yield case("float/where", [("Greater", ["x", "zero"], ["c"]), ("Where", ["c", "x", "other"], ["y"])], {"x": (F, [2, 5])}, {"y": F},
               {"zero": numpy.array(0, F), "other": weights("where", 5)}, tolerance="exact", optional=True)


def shapes():
    I = numpy.int64
    yield one("reshape", "Reshape", [2, 3, 4], {}, {"s": numpy.array([0, -1], I)}, tolerance="exact")
    yield one("reshape_all", "Reshape", [2, 3, 4], {}, {"s": numpy.array([4, 6], I)}, tolerance="exact", opset=13)
    yield one("flatten", "Flatten", [2, 3, 4], {}, tolerance="exact")
    yield one("flatten_axis_2", "Flatten", [2, 3, 4], {"axis": 2}, tolerance="exact")
    yield one("flatten_negative_axis", "Flatten", [2, 3, 4], {"axis": -1}, tolerance="exact")
    yield one("transpose", "Transpose", [2, 3, 4], {"perm": [0, 2, 1]}, tolerance="exact")
    yield one("transpose_default", "Transpose", [2, 3, 4], {}, tolerance="exact")
    yield one("transpose_to_last", "Transpose", [1, 3, 4, 2], {"perm": [0, 2, 3, 1]}, tolerance="exact")
    yield one("concat", "Concat", None, {"axis": 1}, inputs={"a": (F, [1, 2, 3]), "b": (F, [1, 4, 3])}, tolerance="exact")
    yield one("concat_negative_axis", "Concat", None, {"axis": -1}, inputs={"a": (F, [2, 3]), "b": (F, [2, 1]), "c": (F, [2, 2])}, tolerance="exact")
    yield one("split_opset_11", "Split", [2, 7], {"axis": 1, "split": [3, 4]}, outputs=2, tolerance="exact", opset=11)
    yield one("split_opset_13", "Split", [2, 7], {"axis": -1}, {"s": numpy.array([1, 2, 4], I)}, outputs=3, tolerance="exact", opset=13)
    yield one("split_opset_18_uneven", "Split", [2, 7], {"axis": 1, "num_outputs": 3}, outputs=3, tolerance="exact", opset=18)
    yield one("split_equal_opset_13", "Split", [6, 2], {}, outputs=2, tolerance="exact", opset=13)

    def cut(**named):
        return {key: numpy.array(value, I) for key, value in named.items()}

    yield one("slice", "Slice", [4, 5], {}, cut(starts=[1, 0], ends=[3, 4]), tolerance="exact", opset=11)
    yield one("slice_axis_step", "Slice", [3, 8], {}, cut(starts=[1], ends=[9999], axes=[1], steps=[3]), tolerance="exact")
    yield one("slice_backwards", "Slice", [3, 6], {}, cut(starts=[-1], ends=[-9999], axes=[-1], steps=[-2]), tolerance="exact")
    yield one("slice_negative", "Slice", [1, 6, 3], {}, cut(starts=[-2], ends=[6], axes=[1]), tolerance="exact")
    yield one("pad_opset_11", "Pad", [2, 3], {}, {"p": numpy.array([1, 0, 0, 2], I), "v": numpy.array(1.5, F)}, tolerance="exact", opset=11)
    yield one("pad_default_value", "Pad", [1, 2, 3], {"mode": "constant"}, {"p": numpy.array([0, 0, 2, 0, 0, 1], I)}, tolerance="exact")
    yield one("pad_reflect", "Pad", [1, 2, 5], {"mode": "reflect"}, {"p": numpy.array([0, 0, 2, 0, 0, 2], I)}, tolerance="exact", optional=True)
    yield one("pad_edge", "Pad", [1, 2, 3], {"mode": "edge"}, {"p": numpy.array([0, 0, 2, 0, 0, 1], I)}, tolerance="exact", optional=True)
    yield one("pad_axes_opset_18", "Pad", [2, 3, 4], {}, {"p": numpy.array([1, 2], I), "v": None, "a": numpy.array([-1], I)}, tolerance="exact", opset=18)
    yield one("gather", "Gather", [4, 3], {}, {"i": numpy.array([3, 0, -2], I)}, tolerance="exact")
    yield one("gather_axis_1", "Gather", [2, 5, 2], {"axis": 1}, {"i": numpy.array([[4, 0], [1, 1]], I)}, tolerance="exact")
    yield one("gather_scalar_last", "Gather", [1, 6, 3], {"axis": 1}, {"i": numpy.array(-1, I)}, tolerance="exact")
    yield one("squeeze_opset_11", "Squeeze", [1, 3, 1, 2], {"axes": [0, 2]}, tolerance="exact", opset=11)
    yield one("squeeze_opset_13", "Squeeze", [1, 3, 1, 2], {}, {"a": numpy.array([-2], I)}, tolerance="exact", opset=13)
    yield one("squeeze_all", "Squeeze", [1, 3, 1, 2], {}, tolerance="exact", opset=13)
    yield one("unsqueeze_opset_11", "Unsqueeze", [3, 2], {"axes": [0, 3]}, tolerance="exact", opset=11)
    yield one("unsqueeze_opset_13", "Unsqueeze", [3, 2], {}, {"a": numpy.array([1, -1], I)}, tolerance="exact", opset=13)
    yield one("argmax", "ArgMax", [3, 5], {"axis": 1, "keepdims": 0}, result="int64", tolerance="exact")
    yield one("argmax_keep", "ArgMax", [3, 5], {"axis": -1}, result="int64", tolerance="exact")
    yield one("cast_to_int32", "Cast", [2, 5], {"to": 6}, result="int32", low=-99, high=99, tolerance="exact")
    yield one("cast_from_int64", "Cast", [2, 5], {"to": 1}, of="int64", tolerance="exact")
    yield one("cast_from_double", "Cast", [2, 5], {"to": 1}, of="float64", tolerance="exact")
    yield one("dropout", "Dropout", [2, 5], {}, tolerance="exact", optional=True)
    yield one("expand", "Expand", [3, 1], {}, {"s": numpy.array([2, 3, 4], I)}, tolerance="exact", optional=True)
    yield one("tile", "Tile", [2, 3], {}, {"r": numpy.array([2, 2], I)}, tolerance="exact", optional=True)
    yield case("float/reshape_by_shape", [("Shape", ["x"], ["s"]), ("Gather", ["s", "zero"], ["n"]), ("Unsqueeze", ["n", "first"], ["u"]),
               ("Concat", ["u", "rest"], ["to"], {"axis": 0}), ("Reshape", ["x", "to"], ["y"])], {"x": (F, ["N", 3, 4])}, {"y": F},
               {"zero": numpy.array(0, I), "first": numpy.array([0], I), "rest": numpy.array([-1], I)}, tolerance="exact",
               note="how PyTorch flattens with an unknown batch: foldable once the batch is set to 1")
    yield case("float/constant_node", [("Constant", [], ["c"], {"value": __import__("onnx").numpy_helper.from_array(weights("constant", 3))}), ("Add", ["x", "c"], ["y"])],
               {"x": (F, [2, 3])}, {"y": F}, tolerance="floatElement")


def reductions():
    for operator in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"):
        name = operator.replace("Reduce", "reduce_").lower()
        of = "exact" if operator in ("ReduceMax", "ReduceMin") else "floatSum"
        opset = 11 if operator == "ReduceSum" else 13
        yield one(f"{name}_axes_attribute", operator, [1, 3, 4, 2], {"axes": [2, 3], "keepdims": 1}, opset=opset, tolerance=of)
        yield one(f"{name}_last", operator, [2, 3, 5], {"axes": [-1], "keepdims": 0}, opset=opset, tolerance=of)
        yield one(f"{name}_all", operator, [2, 3], {"keepdims": 0}, opset=opset, tolerance=of)
        yield one(f"{name}_axes_input", operator, [2, 3, 4], {"keepdims": 0}, {"a": numpy.array([1], numpy.int64)}, opset=18, tolerance=of)
        yield one(f"{name}_empty_axes", operator, [2, 3], {"noop_with_empty_axes": 1}, opset=18, tolerance=of, optional=True)
    for operator in ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceProd", "ReduceLogSumExp"):
        yield one(f"{operator.lower()}", operator, [2, 3, 4], {"axes": [1], "keepdims": 1}, opset=13, optional=True)
    yield one("softmax_opset_11", "Softmax", [2, 3, 4], {"axis": 1}, opset=11, tolerance="floatFunction", note="opset 11: over all dimensions from the axis on")
    yield one("softmax_opset_13", "Softmax", [2, 3, 4], {"axis": 1}, opset=13, tolerance="floatFunction")
    yield one("softmax", "Softmax", [1, 10], {}, low=-20, high=20, tolerance="floatFunction")
    yield one("log_softmax", "LogSoftmax", [2, 7], {"axis": -1}, tolerance="floatFunction")


def normalizations():
    def statistics(name, n):
        return {"s": weights(name + "s", n) + 1.5, "b": weights(name + "b", n), "m": weights(name + "m", n), "v": numpy.abs(weights(name + "v", n)) + 0.2}

    for opset in (11, 15):
        yield one(f"batch_normalization_opset_{opset}", "BatchNormalization", [1, 4, 3, 3], {}, statistics("bn", 4), opset=opset)
    yield one("batch_normalization_rank_2", "BatchNormalization", ["N", 5], {"epsilon": 1e-3}, statistics("bn2", 5))
    c = statistics("bn3", 4)
    w = weights("bn conv", 4, 3, 3, 3, scale=0.2)
    yield case("float/conv_batch_normalization_relu", [("Conv", ["x", "w"], ["c"], {"pads": [1, 1, 1, 1]}), ("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"]), ("Relu", ["n"], ["y"])],
               {"x": (F, [1, 3, 4, 4])}, {"y": F}, {"w": w, **c})
    yield one("layer_normalization", "LayerNormalization", [2, 3, 6], {}, {"s": weights("ln", 6) + 1.5, "b": weights("ln b", 6)})
    yield one("layer_normalization_no_bias", "LayerNormalization", [2, 6], {"epsilon": 1e-3}, {"s": weights("ln", 6) + 1.5})
    yield one("layer_normalization_axis_1", "LayerNormalization", [2, 3, 4], {"axis": 1}, {"s": weights("ln3", 3, 4) + 1.5, "b": weights("ln3b", 3, 4)})
    yield one("instance_normalization", "InstanceNormalization", [1, 3, 4, 4], {}, {"s": weights("in", 3), "b": weights("inb", 3)}, optional=True)


def recurrent():
    hidden, size, length = 4, 3, 5

    def cell(name, operator, gates, attributes=None, directions=1, batch=1, bias=True, initial=False, outputs=("y",), **more):
        full = f"float/{name}"
        constants = {"w": weights(name + "w", directions, gates * hidden, size, scale=0.5), "r": weights(name + "r", directions, gates * hidden, hidden, scale=0.5)}
        sources = ["x", "w", "r"]
        inputs = {"x": (F, [length, batch, size])}
        if bias:
            constants["b"] = weights(name + "b", directions, 2 * gates * hidden, scale=0.3)
            sources.append("b")
        if initial:
            if not bias:
                sources.append("")
            sources += ["", "h"] + (["c"] if operator == "LSTM" else [])
            for state in ["h"] + (["c"] if operator == "LSTM" else []):
                inputs[state] = (F, [directions, batch, hidden])
        names = list(outputs)
        return case(full, [(operator, sources, names, {"hidden_size": hidden, **(attributes or {})})], inputs, {n: F for n in names if n}, constants,
                    tolerance="floatRecurrent", **more)

    yield cell("lstm", "LSTM", 4)
    yield cell("lstm_states", "LSTM", 4, initial=True, batch=2, outputs=("y", "h_out", "c_out"))
    yield cell("lstm_last_hidden_no_bias", "LSTM", 4, bias=False, outputs=("", "h_out"))
    yield cell("lstm_bidirectional", "LSTM", 4, {"direction": "bidirectional"}, directions=2)
    yield cell("lstm_reverse", "LSTM", 4, {"direction": "reverse"})
    yield cell("gru", "GRU", 3)
    yield cell("gru_linear_before_reset", "GRU", 3, {"linear_before_reset": 1}, initial=True, outputs=("y", "h_out"))
    yield cell("gru_bidirectional", "GRU", 3, {"direction": "bidirectional", "linear_before_reset": 1}, directions=2)
    yield cell("rnn", "RNN", 1, optional=True)
    yield cell("rnn_relu_both_ways", "RNN", 1, {"direction": "bidirectional", "activations": ["Relu", "Tanh"]}, directions=2, batch=2, initial=True, outputs=("y", "h_out"))
    yield cell("gru_clip_reverse", "GRU", 3, {"direction": "reverse", "clip": 0.4}, batch=2, outputs=("y", "h_out"))
    yield cell("lstm_both_ways_states", "LSTM", 4, {"direction": "bidirectional"}, directions=2, batch=2, initial=True, outputs=("y", "h_out", "c_out"))


def resizes():
    for name, attributes, of in (
        ("nearest_asymmetric_floor", {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, "exact"),
        ("nearest_half_pixel", {"mode": "nearest"}, "exact"),
        ("linear_half_pixel", {"mode": "linear"}, "floatSum"),
        ("linear_pytorch", {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"}, "floatSum"),
        ("linear_align_corners", {"mode": "linear", "coordinate_transformation_mode": "align_corners"}, "floatSum"),
        ("linear_asymmetric", {"mode": "linear", "coordinate_transformation_mode": "asymmetric"}, "floatSum"),
    ):
        yield one(f"resize_{name}", "Resize", [1, 2, 3, 4], attributes, {"roi": None, "scales": numpy.array([1, 1, 2, 2], F)}, opset=13, tolerance=of)
        yield one(f"resize_{name}_sizes", "Resize", [1, 1, 4, 5], attributes, {"roi": None, "scales": None, "sizes": numpy.array([1, 1, 7, 3], numpy.int64)}, opset=19, tolerance=of)
    yield one("resize_opset_11", "Resize", [1, 2, 3, 4], {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
              {"roi": numpy.array([], F), "scales": numpy.array([1, 1, 2, 2], F)}, opset=11, tolerance="exact")


def networks():
    w1, b1, w2, b2 = weights("net1", 8, 4), weights("netb1", 8), weights("net2", 3, 8), weights("netb2", 3)
    yield case("float/mlp", [("Gemm", ["x", "w1", "b1"], ["h"], {"transB": 1}), ("Relu", ["h"], ["r"]), ("Gemm", ["r", "w2", "b2"], ["l"], {"transB": 1}), ("Softmax", ["l"], ["y"], {"axis": 1})],
               {"x": (F, ["N", 4])}, {"y": F}, {"w1": w1, "b1": b1, "w2": w2, "b2": b2}, tolerance="floatSum")
    wc, bc = weights("cnn", 6, 3, 5, scale=0.3), weights("cnnb", 6)
    wd, bd = weights("cnnd", 2, 6), weights("cnndb", 2)
    yield case("float/cnn_1d", [("Transpose", ["x"], ["t"], {"perm": [0, 2, 1]}), ("Conv", ["t", "wc", "bc"], ["c"], {"pads": [2, 2], "strides": [2]}), ("Relu", ["c"], ["r"]),
               ("GlobalAveragePool", ["r"], ["g"]), ("Flatten", ["g"], ["f"]), ("Gemm", ["f", "wd", "bd"], ["y"], {"transB": 1})],
               {"x": (F, [1, 20, 3])}, {"y": F}, {"wc": wc, "bc": bc, "wd": wd, "bd": bd})
    w3 = weights("res", 4, 4, 3, 3, scale=0.2)
    yield case("float/residual", [("Conv", ["x", "w"], ["c"], {"pads": [1, 1, 1, 1]}), ("Relu", ["c"], ["r"]), ("Conv", ["r", "w"], ["d"], {"pads": [1, 1, 1, 1]}), ("Add", ["d", "x"], ["s"]), ("Relu", ["s"], ["y"])],
               {"x": (F, [1, 4, 4, 4])}, {"y": F}, {"w": w3})


def logic():
    """Comparisons, choices, and what stands around them."""
    I = "int64"

    def two(name, operator, of, result="bool", a=(2, 3), b=(3,), **more):
        return one(name, operator, None, inputs={"a": (of, list(a)), "b": (of, list(b))}, result=result, tolerance="exact", **more)

    for operator in ("Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"):
        for of in (F, I, "int32"):
            yield two(f"{operator.lower()}_{of}", operator, of, count=3)
    for operator in ("And", "Or", "Xor", "Equal"):
        yield two(f"{operator.lower()}_bool", operator, "bool")
    yield one("not", "Not", [2, 5], of="bool", result="bool", tolerance="exact")
    for of in (F, I, "int32"):
        yield one(f"where_{of}", "Where", None, inputs={"c": ("bool", [2, 1, 3]), "a": (of, [4, 1]), "b": (of, [2, 1, 1])}, result=of, tolerance="exact")
    for operator in ("Add", "Sub", "Mul"):
        yield two(f"{operator.lower()}_int64", operator, I, result=I)
    yield one("pow_integer_exponents", "Pow", [2, 3], {}, {"e": numpy.array([3, -1, 4], numpy.int64)}, tolerance="floatFunction")
    yield one("pow_of_negatives", "Pow", None, inputs={"a": (F, [3, 4]), "b": (F, [4])}, tolerance="floatFunction",
              vectors=[[numpy.array([[-2, 0, 1, -1], [-0.5, 3, -3, 0], [2, -1.5, 0, 9]], F), numpy.array([3, 0, -2, 0.5], F)]])
    yield one("pad_wrap", "Pad", [1, 2, 3], {"mode": "wrap"}, {"p": numpy.array([0, 0, 2, 0, 1, 1], numpy.int64)}, opset=19, tolerance="exact")
    yield one("tile_int64", "Tile", [2, 1, 2], {}, {"r": numpy.array([1, 3, 2], numpy.int64)}, of=I, result=I, tolerance="exact")
    for rounding in ("floor", "ceil", "round_prefer_ceil"):
        yield one(f"resize_nearest_{rounding}", "Resize", [1, 2, 4, 5], {"mode": "nearest", "nearest_mode": rounding}, {"roi": None, "scales": None, "sizes": numpy.array([1, 2, 7, 3], numpy.int64)},
                  opset=13, tolerance="exact")
    yield case("float/constant_of_shape", [("Shape", ["x"], ["s"]), ("ConstantOfShape", ["s"], ["c"], {"value": __import__("onnx").numpy_helper.from_array(numpy.array([1.5], F))}), ("Mul", ["x", "c"], ["y"])],
               {"x": (F, [2, 3])}, {"y": F}, tolerance="floatElement")
    yield case("float/cast_like", [("CastLike", ["a", "b"], ["y"])], {"a": (F, [2, 3]), "b": (I, [1])}, {"y": I}, tolerance="exact", opset=19)
    yield case("float/size", [("Size", ["x"], ["n"]), ("Cast", ["n"], ["f"], {"to": 1}), ("Div", ["x", "f"], ["y"])], {"x": (F, [2, 3])}, {"y": F}, tolerance="floatElement")
    yield one("reducelogsum", "ReduceLogSum", [2, 3, 4], {"axes": [1], "keepdims": 0}, opset=13, low=0.5, high=4.0)
    yield one("sign_of_zero", "Sign", [5], tolerance="exact", vectors=[[numpy.array([0.0, -0.0, -3, 2, numpy.inf], F)]])


def cases():
    for family in (linear, convolutions, pools, elements, shapes, reductions, normalizations, recurrent, resizes, logic, networks):
        yield from family()
