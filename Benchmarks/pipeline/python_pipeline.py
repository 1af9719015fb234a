#!/usr/bin/env python3
"""What most people write first: paho-mqtt, json, numpy, and LiteRT or ONNX Runtime, in one process.

    python_pipeline.py ENGINE MODEL BUNDLE HOST PORT QOS SCENARIO     (ENGINE: litert | onnxruntime)

Does the agent's job: JSON in, a window for each asset, the int8 autoencoder, its reconstruction error against the threshold, JSON out.
In the scenario `stream` it publishes each score; in `batch<n>` messages have n readings, which go through the library in one call, and the last one's score is
published; in `alerts` an event and a retained state whenever an alarm changes. No budget, no buffer on disk, no identifiers, no recovery: it has less to do.
"""

import collections
import json
import pathlib
import sys
import time

import numpy
import paho.mqtt.client

ENGINE, MODEL, BUNDLE, HOST, PORT, QOS, SCENARIO = sys.argv[1:]
QOS = int(QOS)
READINGS = int(SCENARIO.removeprefix("batch")) if SCENARIO.startswith("batch") else 1


class LiteRT:
    def __init__(self, path):
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(model_path=path, num_threads=1)
        if READINGS > 1:
            source = self.interpreter.get_input_details()[0]
            self.interpreter.resize_tensor_input(source["index"], [READINGS, *source["shape"][1:]])
        self.interpreter.allocate_tensors()
        source, target = self.interpreter.get_input_details()[0], self.interpreter.get_output_details()[0]
        self.input, self.output = source["index"], target["index"]
        self.shape, self.kind, self.low = [-1, *source["shape"][1:]], numpy.int8, -128
        self.input_scale, self.input_zero = source["quantization"]
        self.output_scale, self.output_zero = target["quantization"]

    def run(self, values):
        self.interpreter.set_tensor(self.input, values)
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.output)


class OnnxRuntime:
    """The same model with unsigned activations, as Benchmarks/inference/to_onnx.py makes it; the quantization is LiteRT's, moved by 128."""

    def __init__(self, path):
        import onnxruntime

        quantization = json.loads(pathlib.Path(path).with_suffix(".json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.shape, self.kind, self.low = [-1, *self.session.get_inputs()[0].shape[1:]], numpy.uint8, 0
        self.input_scale, self.input_zero = quantization["input"]
        self.output_scale, self.output_zero = quantization["output"]

    def run(self, values):
        return self.session.run(None, {"input": values})[0]


manifest = json.loads((pathlib.Path(BUNDLE) / "bundle.json").read_text())
inputs = manifest["inputs"]
channels = [channel["name"] for channel in inputs["channels"]]
offsets = numpy.array(inputs["normalization"]["offsets"], numpy.float32)
scales = numpy.array(inputs["normalization"]["scales"], numpy.float32)
raise_above = manifest["thresholds"]["severities"][0]["raiseAbove"]
clear_below = manifest["thresholds"]["clearBelow"]
engine = {"litert": LiteRT, "onnxruntime": OnnxRuntime}[ENGINE](MODEL)
windows = collections.defaultdict(lambda: collections.deque(maxlen=inputs["window"]))
raised = set()
encode = json.JSONEncoder(separators=(",", ":")).encode


def timestamp(microseconds):
    whole, rest = divmod(microseconds, 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{rest:06d}Z"


def on_message(client, _, message):
    reading = json.loads(message.payload)
    asset = message.topic.split("/")[2]
    window = windows[asset]
    if READINGS > 1:
        due = []
        for reading in reading:
            window.append([reading[channel] for channel in channels])
            if len(window) == inputs["window"]:
                due.append(tuple(window))
    else:
        window.append([reading[channel] for channel in channels])
        due = window if len(window) == inputs["window"] else []
    if not due:
        return
    features = (numpy.asarray(due, numpy.float32) - offsets) / scales
    values = numpy.rint(features / engine.input_scale) + engine.input_zero
    values = numpy.clip(values, engine.low, engine.low + 255).astype(engine.kind).reshape(engine.shape)
    output = (engine.run(values).astype(numpy.float32) - engine.output_zero) * engine.output_scale
    errors = (output.reshape(features.shape) - features) ** 2
    score = float(numpy.mean(errors) if READINGS == 1 else numpy.mean(errors.reshape(len(due), -1), axis=1)[-1])
    end = timestamp(reading["ts"])
    if SCENARIO != "alerts":
        record = {"asset": asset, "score": score, "threshold": raise_above, "window": {"end": end, "samples": len(window)}}
        client.publish(f"python/predictions/{asset}", encode(record), QOS)
        return
    if asset not in raised and score > raise_above:
        raised.add(asset)
    elif asset in raised and score < clear_below:
        raised.discard(asset)
    else:
        return
    state = "raised" if asset in raised else "cleared"
    record = {"asset": asset, "state": state, "score": score, "threshold": raise_above, "window": {"end": end, "samples": len(window)}}
    client.publish(f"python/alerts/{asset}", encode(record), 1)
    client.publish(f"python/state/{asset}", encode({"state": state}), 1, retain=True)


def on_connect(client, *_):
    client.subscribe("bench/+/+/reading", QOS)
    print("ready", file=sys.stderr, flush=True)


client = paho.mqtt.client.Client(paho.mqtt.client.CallbackAPIVersion.VERSION2)
client.on_connect, client.on_message = on_connect, on_message
client.max_inflight_messages_set(65_535)
client.max_queued_messages_set(0)
client.connect(HOST, int(PORT))
client.socket().setsockopt(6, 1, 1)  # TCP_NODELAY
client.loop_forever()
