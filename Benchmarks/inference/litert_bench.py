"""Measures one model in LiteRT, with the XNNPACK inside it: litert_bench.py MODEL INPUT OUTPUT WARM-UP ITERATIONS.

Calls the interpreter's C++ object, which costs less than LiteRT's own C API (that one allocates on
each call), and takes off what an empty call costs in the same loop.
"""

import json
import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def measure(call, count):
    clock, times = time.perf_counter_ns, []
    for _ in range(count):
        start = clock()
        call()
        times.append(clock() - start)
    times.sort()
    return times


def main():
    model, given, answer, warm_up, count = sys.argv[1:6]
    count = int(count)
    interpreter = Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    if not any(operator["op_name"] == "DELEGATE" for operator in interpreter._get_ops_details()):
        sys.exit("LiteRT has not given the model to XNNPACK")
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    x = np.fromfile(given, source["dtype"]).reshape(source["shape"])
    interpreter.set_tensor(source["index"], x)
    invoke = interpreter._interpreter.Invoke
    measure(invoke, int(warm_up))
    empty = measure([].__len__, count)[count // 2]
    times = measure(invoke, count)
    interpreter.get_tensor(target["index"]).tofile(answer)
    print(json.dumps({
        "minimumMicroseconds": (times[0] - empty) / 1e3,
        "p50Microseconds": (times[count // 2] - empty) / 1e3,
        "p99Microseconds": (times[count * 99 // 100] - empty) / 1e3,
    }))


main()
