"""Runs an .onnx model in ONNX Runtime: CPU provider, one thread, default optimisations."""

import numpy
import onnxruntime


def open_model(model, optimised=True):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def plain(output):
    """A tensor as it is. What ZipMap makes, a list of a map a row, as a matrix with the classes in their order."""
    if isinstance(output, list):
        return numpy.array([list(row.values()) for row in output], numpy.float32)
    output = numpy.asarray(output)
    return output.astype(object) if output.dtype.kind in "US" else output


def aligned(array):
    """A copy that starts at a multiple of 64: the order of ONNX Runtime's float sums follows the address of its input."""
    if array.dtype.kind in "OUS" or array.nbytes == 0:
        return array
    space = numpy.empty(array.nbytes + 64, numpy.uint8)
    start = -space.ctypes.data % 64
    copy = space[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def answers(model, vectors, optimised=True):
    session = open_model(model, optimised)
    names = [i.name for i in session.get_inputs()]
    results = []
    for inputs in vectors:
        outputs = session.run(None, dict(zip(names, map(aligned, inputs))))
        results.append([plain(output) for output in outputs])
    return results
