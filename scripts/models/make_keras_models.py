"""Makes small models through TensorFlow's own converter, as users' models come into the world.

    python3 scripts/models/make_keras_models.py [--into DIRECTORY]

Needs TensorFlow (PyPI tensorflow-cpu, tf_keras), which nothing else here does: that is why its models are kept in the tree as sources, and
make_operator_models.py only adds LiteRT's answers to them. Another TensorFlow may write them differently.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import warnings

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
warnings.simplefilter("ignore")

import numpy
import tensorflow
import tf_keras

keras = tensorflow.keras
layers = keras.layers
FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "Tests/InferenceRuntimeTests/Fixtures/operators/keras"


def samples(shape, count=40):
    rng = numpy.random.RandomState(7)
    return [rng.standard_normal((1, *shape)).astype(numpy.float32) for _ in range(count)]


def converted(make, shape, form):
    """The model in one form: float, float16 (weights), hybrid, int8, uint8 (outside, int8 within), int16 (activations), mixed (floats outside)."""
    keras.utils.set_random_seed(5)
    model = make()
    if isinstance(model, tf_keras.Model):
        function = tensorflow.function(model).get_concrete_function(tensorflow.TensorSpec((1, *shape), tensorflow.float32))
        converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([function], model)
    elif isinstance(model, Streaming):
        function = model.step.get_concrete_function()
        converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([function], model)
        converter.experimental_enable_resource_variables = True
    else:
        converter = tensorflow.lite.TFLiteConverter.from_keras_model(model)
    if form != "float":
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
    if form == "float16":
        converter.target_spec.supported_types = [tensorflow.float16]
    if form in ("int8", "uint8", "int16", "mixed"):
        converter.representative_dataset = lambda: ([x] for x in samples(shape))
        sets = tensorflow.lite.OpsSet
        converter.target_spec.supported_ops = [
            sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8 if form == "int16" else sets.TFLITE_BUILTINS_INT8]
        outside = {"int8": tensorflow.int8, "uint8": tensorflow.uint8, "int16": tensorflow.int16, "mixed": tensorflow.float32}[form]
        converter.inference_input_type = converter.inference_output_type = outside
    return converter.convert()


def sequential(shape, *stack):
    return keras.Sequential([layers.Input(shape, batch_size=1), *stack])


def autoencoder():
    return sequential((20,), layers.Dense(12, activation="relu"), layers.Dense(4, activation="relu"), layers.Dense(12, activation="relu"), layers.Dense(20))


def wide_autoencoder():
    """Wide enough to be hybrid: the converter leaves weights of fewer than 1024 elements in float."""
    return sequential((48,), layers.Dense(24, activation="relu"), layers.Dense(48))


def wide_conv_1d():
    return sequential((12, 16), layers.Conv1D(16, 5, padding="same", activation="relu"), layers.GlobalAveragePooling1D(), layers.Dense(3, activation="softmax"))


def wide_separable():
    return sequential((5, 5, 32), layers.DepthwiseConv2D(6, padding="same", activation="relu"), layers.Conv2D(32, 1, activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(2))


def conv_1d():
    return sequential((24, 3), layers.Conv1D(8, 5, strides=2, padding="same", activation="relu"), layers.MaxPooling1D(2), layers.Conv1D(8, 3),
                      layers.BatchNormalization(), layers.ReLU(6.0), layers.GlobalAveragePooling1D(), layers.Dense(3, activation="softmax"))


def temporal():
    """A temporal convolutional network: causal, dilated, residual."""
    x = keras.Input((20, 4), batch_size=1)
    y = x
    for rate in (1, 2, 4):
        z = layers.Conv1D(4, 3, dilation_rate=rate, padding="causal", activation="relu")(y)
        y = layers.Add()([z, y])
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))


def dilated():
    return sequential((13, 3), layers.Conv1D(4, 3, dilation_rate=2, activation="relu"), layers.Conv1D(3, 3, dilation_rate=3, padding="same"))


def any_batch_dilated():
    """The batch left open, as most leave it: the dilation comes out as SPACE_TO_BATCH_ND, CONV_2D, BATCH_TO_SPACE_ND."""
    return keras.Sequential([layers.Input((13, 3)), layers.Conv1D(4, 3, dilation_rate=2, activation="relu"), layers.GlobalMaxPooling1D(), layers.Dense(2)])


def any_batch_conv_1d():
    return keras.Sequential([layers.Input((16, 3)), layers.Conv1D(6, 3, padding="same", activation="relu"), layers.Flatten(), layers.Dense(2, activation="softmax")])


def separable():
    return sequential((12, 10, 1), layers.Conv2D(6, (4, 3), strides=2, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU(),
                      layers.DepthwiseConv2D(3, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU(),
                      layers.Conv2D(8, 1, activation="relu"), layers.AveragePooling2D(2), layers.Flatten(), layers.Dense(4, activation="softmax"))


def upsampling():
    return sequential((6, 6, 2), layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"), layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu"),
                      layers.UpSampling2D(2, interpolation="bilinear"), layers.Conv2D(1, 1, activation="sigmoid"), layers.AveragePooling2D(3))


def activations():
    return sequential((8,), layers.Dense(6), layers.LeakyReLU(), layers.Dense(6), layers.PReLU(), layers.Dense(6, activation="elu"), layers.Dense(6, activation="swish"),
                      layers.Dense(6, activation="gelu"), layers.Dense(4, activation="tanh"), layers.Dense(1, activation="sigmoid"))


def lstm():
    """By Keras 2, whose LSTM the converter fuses into UNIDIRECTIONAL_SEQUENCE_LSTM; of Keras 3's it makes a WHILE loop."""
    old = tf_keras.layers
    return tf_keras.Sequential([old.Input((8, 3), batch_size=1), old.LSTM(6), old.Dense(2)])


def lstm_stack():
    old = tf_keras.layers
    return tf_keras.Sequential([old.Input((6, 3), batch_size=1), old.LSTM(5, return_sequences=True), old.LSTM(4), old.Dense(1)])


def lstm_wide():
    old = tf_keras.layers
    return tf_keras.Sequential([old.Input((3, 32), batch_size=1), old.LSTM(32), old.Dense(2)])


def lstm_unrolled():
    """By Keras 3, unrolled: plain operators instead of a loop."""
    return sequential((2, 3), layers.LSTM(4, unroll=True), layers.Dense(2))


def gru_unrolled():
    return sequential((2, 3), layers.GRU(4, unroll=True), layers.Dense(2))


def attention():
    x = keras.Input((6, 8), batch_size=1)
    y = layers.LayerNormalization()(x)
    y = layers.MultiHeadAttention(2, 4)(y, y)
    y = layers.Add()([x, y])
    return keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling1D()(y)))


class Streaming(tensorflow.Module):
    """A convolution over the last four samples, which arrive one at a time."""

    def __init__(self):
        super().__init__()
        rng = numpy.random.RandomState(3)
        self.ring = tensorflow.Variable(tensorflow.zeros((1, 4, 3)), trainable=False)
        self.kernel = tensorflow.constant(rng.standard_normal((4, 3, 5)).astype(numpy.float32) * 0.3)
        self.dense = tensorflow.constant(rng.standard_normal((5, 2)).astype(numpy.float32))

    @tensorflow.function(input_signature=[tensorflow.TensorSpec((1, 1, 3), tensorflow.float32)])
    def step(self, x):
        window = tensorflow.concat([self.ring[:, 1:, :], x], axis=1)
        self.ring.assign(window)
        y = tensorflow.nn.relu(tensorflow.nn.conv1d(window, self.kernel, 1, "VALID"))
        return tensorflow.matmul(tensorflow.reshape(y, (1, 5)), self.dense)


MODELS = [
    ("autoencoder", autoencoder, (20,), ("float", "float16", "int8", "int16", "mixed")),
    ("wide_autoencoder", wide_autoencoder, (48,), ("hybrid",)),
    ("conv_1d", conv_1d, (24, 3), ("float", "int8", "uint8", "int16")),
    ("wide_conv_1d", wide_conv_1d, (12, 16), ("hybrid",)),
    ("temporal", temporal, (20, 4), ("float", "int8")),
    ("dilated", dilated, (13, 3), ("float", "int8")),
    ("any_batch_dilated", any_batch_dilated, (13, 3), ("float", "int8")),
    ("any_batch_conv_1d", any_batch_conv_1d, (16, 3), ("float", "int8")),
    ("separable", separable, (12, 10, 1), ("float", "float16", "int8")),
    ("wide_separable", wide_separable, (5, 5, 32), ("hybrid",)),
    ("upsampling", upsampling, (6, 6, 2), ("float", "int8")),
    ("activations", activations, (8,), ("float", "int8")),
    ("lstm", lstm, (8, 3), ("float", "int8")),
    ("lstm_stack", lstm_stack, (6, 3), ("float", "int8")),
    ("lstm_wide", lstm_wide, (3, 32), ("hybrid",)),
    ("lstm_unrolled", lstm_unrolled, (2, 3), ("float", "int8")),
    ("gru_unrolled", gru_unrolled, (2, 3), ("float", "int8")),
    ("attention", attention, (6, 8), ("float", "int8")),
    ("streaming", Streaming, (1, 3), ("float", "int8")),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--into", type=pathlib.Path, default=FIXTURES)
    parser.add_argument("--one", help="make this one only, in this process")
    arguments = parser.parse_args()
    arguments.into.mkdir(parents=True, exist_ok=True)
    for name, make, shape, forms in MODELS:
        for form in forms:
            label = f"{form}_{name}"
            path = arguments.into / f"{label}.tflite"
            if arguments.one == label:
                path.write_bytes(converted(make, shape, form))
            elif arguments.one is None:
                # In a process of its own: the converter may crash instead of refusing.
                path.unlink(missing_ok=True)
                done = subprocess.run([sys.executable, __file__, "--into", arguments.into, "--one", label], capture_output=True, text=True)
                if done.returncode == 0:
                    print(f"{label}: {path.stat().st_size} bytes", flush=True)
                else:
                    print(f"refused: {label}: ended with {done.returncode}: {' '.join(done.stderr.split())[-200:]}", flush=True)


if __name__ == "__main__":
    main()
