"""A dense autoencoder in NumPy: training with Adam, quantization to int8, and a .tflite file.

Quantized the way TensorFlow Lite does it: weights int8, symmetric, one scale a tensor; biases int32 with scale s_x·s_w;
activations int8, asymmetric, ranges from calibration data; ReLU fused into the layer before it.
"""

import numpy

import tflite_writer


class Autoencoder:
    """Layers of the given widths, ReLU between them, none after the last."""

    def __init__(self, widths, seed):
        self.random = numpy.random.RandomState(seed)  # its streams are frozen for ever, unlike default_rng's
        self.weights, self.biases = [], []
        for inputs, outputs in zip(widths, widths[1:]):
            self.weights.append(self.random.normal(0, numpy.sqrt(2 / inputs), (outputs, inputs)).astype(numpy.float32))
            self.biases.append(numpy.zeros(outputs, numpy.float32))

    def activations(self, x):
        """The input and the output of each layer."""
        result = [numpy.asarray(x, numpy.float32)]
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            x = result[-1] @ weight.T + bias
            result.append(numpy.maximum(x, 0) if index + 1 < len(self.weights) else x)
        return result

    def train(self, data, epochs, batch=256, rate=2e-3, noise=0.0, decay=0.0, report=None):
        """Minimises the mean square error. `noise` is added to the inputs only: a denoising autoencoder learns
        what the channels say about each other, not to copy them."""
        data = numpy.asarray(data, numpy.float32)
        parameters = self.weights + self.biases
        first = [numpy.zeros_like(p) for p in parameters]
        second = [numpy.zeros_like(p) for p in parameters]
        step = 0
        for epoch in range(epochs):
            # Cosine: large steps first, none at the end.
            now = rate * 0.5 * (1 + numpy.cos(numpy.pi * epoch / epochs))
            order, total = self.random.permutation(len(data)), 0.0
            for start in range(0, len(data), batch):
                target = data[order[start : start + batch]]
                x = target + noise * self.random.standard_normal(target.shape).astype(numpy.float32) if noise else target
                layers = self.activations(x)
                error = layers[-1] - target
                total += float(numpy.square(error).mean()) * len(target)
                gradient = error * (2.0 / error.size)
                weight_gradients, bias_gradients = [], []
                for index in reversed(range(len(self.weights))):
                    if index + 1 < len(self.weights):
                        gradient = gradient * (layers[index + 1] > 0)
                    weight_gradients.insert(0, gradient.T @ layers[index])
                    bias_gradients.insert(0, gradient.sum(0))
                    gradient = gradient @ self.weights[index]
                step += 1
                for index, change in enumerate(weight_gradients + bias_gradients):
                    first[index] += 0.1 * (change - first[index])
                    second[index] += 0.001 * (change * change - second[index])
                    mean = first[index] / (1 - 0.9**step)
                    spread = second[index] / (1 - 0.999**step)
                    parameters[index] -= now * (mean / (numpy.sqrt(spread) + 1e-8)).astype(numpy.float32)
                    if decay and index < len(self.weights):
                        parameters[index] *= 1 - now * decay
            if report:
                report(epoch, total / len(data))

    def quantized(self, calibration):
        return QuantizedAutoencoder(self, calibration)


def _activation_range(values):
    """Scale and zero point that hold all values, and zero exactly."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    scale = numpy.float32(max(high - low, 1e-6) / 255)
    return scale, int(numpy.clip(numpy.rint(-128 - low / float(scale)), -128, 127))


class QuantizedAutoencoder:
    """int8 layers, and the same arithmetic as the file's when it runs: `int8` is what the agent computes."""

    def __init__(self, model, calibration):
        self.scales, self.zero_points, self.weights, self.biases, self.weight_scales = [], [], [], [], []
        for values in model.activations(calibration):
            scale, zero_point = _activation_range(values)
            self.scales.append(scale)
            self.zero_points.append(zero_point)
        for index, (weight, bias) in enumerate(zip(model.weights, model.biases)):
            scale = numpy.float32(max(float(numpy.abs(weight).max()), 1e-6) / 127)
            self.weight_scales.append(scale)
            self.weights.append(numpy.clip(numpy.rint(weight / scale), -127, 127).astype(numpy.int8))
            bias_scale = self.scales[index] * scale
            self.biases.append(numpy.clip(numpy.rint(bias / bias_scale), -(2**31), 2**31 - 1).astype(numpy.int32))

    def quantize(self, x):
        """Floats to the input tensor's int8: rounded to nearest even, saturated."""
        steps = numpy.rint(numpy.asarray(x, numpy.float32) / self.scales[0])
        return (numpy.clip(steps, -128 - self.zero_points[0], 127 - self.zero_points[0]) + self.zero_points[0]).astype(numpy.int8)

    def int8(self, x):
        """int8 [batch, features] to int8: q = clamp(rne(float(acc)·m) + zp), m = s_x·s_w/s_y in float32."""
        for index, weight in enumerate(self.weights):
            sums = (x.astype(numpy.int32) - self.zero_points[index]) @ weight.T.astype(numpy.int32) + self.biases[index]
            factor = self.scales[index] * self.weight_scales[index] / self.scales[index + 1]
            steps = numpy.rint(sums.astype(numpy.float32) * factor) + self.zero_points[index + 1]
            low = self.zero_points[index + 1] if index + 1 < len(self.weights) else -128
            x = numpy.clip(steps, low, 127).astype(numpy.int8)
        return x

    def __call__(self, x):
        """Floats to floats, through int8."""
        outputs = self.int8(self.quantize(x)).astype(numpy.float32)
        return (outputs - self.zero_points[-1]) * self.scales[-1]

    def errors(self, features):
        """The score of each row: the mean square difference between features and reconstruction."""
        features = numpy.asarray(features, numpy.float32)
        return numpy.square(features - self(features)).mean(-1)

    def tflite(self, description):
        """The .tflite file: one FULLY_CONNECTED a layer."""
        model = tflite_writer.Model(description)
        graph = model.graph()
        widths = [self.weights[0].shape[1]] + [weight.shape[0] for weight in self.weights]
        x = graph.input("features", [1, widths[0]], "int8", self.scales[0], self.zero_points[0])
        for index, weight in enumerate(self.weights):
            last = index + 1 == len(self.weights)
            add = graph.output if last else graph.tensor
            name = "reconstruction" if last else f"layer{index}"
            y = add(name, [1, widths[index + 1]], "int8", self.scales[index + 1], self.zero_points[index + 1])
            w = graph.constant(f"weights{index}", weight, self.weight_scales[index])
            b = graph.constant(f"bias{index}", self.biases[index], self.scales[index] * self.weight_scales[index])
            # Version 4 of the operator is the first with int8.
            graph.operator("FULLY_CONNECTED", [x, w, b], [y], version=4, activation="NONE" if last else "RELU")
            x = y
        return model.serialized()


def check_against_litert(model, content, features):
    """Runs the file in LiteRT and compares every byte with `model.int8`; returns how many vectors were compared."""
    import litert_runner

    inputs = model.quantize(features)
    answers = litert_runner.answers(content, [[row[None, :]] for row in inputs])
    for row, (output,), expected in zip(range(len(inputs)), answers, model.int8(inputs)):
        if not numpy.array_equal(output[0], expected):
            raise AssertionError(f"vector {row}: LiteRT answers {output[0].tolist()}, expected {expected.tolist()}")
    return len(inputs)
