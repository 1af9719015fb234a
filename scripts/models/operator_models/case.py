"""What a case is, and the shared means to build one."""

import dataclasses

import numpy

import goldens
from tflite_writer import Model

INTEGER_LIMITS = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
    "int32": (-1000, 1000),
    "int64": (-1000, 1000),
}


@dataclasses.dataclass
class Case:
    """A model and how it is to be tried.

    `inputs` gives an input range in floats or integers by input name; absent: the type's whole range. `vectors` overrides the
    generated ones, `count` their number. `kind` is the number format as issue, documents and tests name it.
    """

    name: str
    model: Model
    kind: str
    tolerance: str
    note: str = ""
    steps: int = 1
    count: int = None
    ranges: dict = dataclasses.field(default_factory=dict)
    vectors: list = None


@dataclasses.dataclass(frozen=True)
class Kind:
    """A number format: element types of activations, weights and bias, and how the weights are quantized."""

    name: str
    activation: str
    weight: str
    bias: str
    per_channel: bool = False

    @property
    def is_quantized(self):
        return self.activation != "float32"

    @property
    def zero_points(self):
        """Usual zero points of an input and an output."""
        return {"int8": (-7, 11), "uint8": (121, 139), "int16": (0, 0)}.get(self.activation, (0, 0))

    @property
    def scales(self):
        if not self.is_quantized:
            return None, None
        return (0.0004, 0.0003) if self.activation == "int16" else (0.043, 0.051)


KINDS = [
    Kind("int8", "int8", "int8", "int32", per_channel=True),
    Kind("int8_per_tensor", "int8", "int8", "int32"),
    Kind("uint8", "uint8", "uint8", "int32"),
    Kind("int16", "int16", "int8", "int64", per_channel=True),
    Kind("float32", "float32", "float32", "float32"),
    Kind("hybrid", "float32", "int8", "float32", per_channel=True),
    Kind("hybrid_per_tensor", "float32", "int8", "float32"),
]
KIND = {kind.name: kind for kind in KINDS}


def make_parameters(rng, kind, shape, axis, fan_in, input_scale, output_scale, *, weights=None, weight_scales=None,
                    target=45.0, bias="normal"):
    """Weights and bias that spread the outputs over about ±2·`target` steps of the output's scale.

    Returns (weights, weight scales, weight zero point, bias, bias scales).
    """
    channels = shape[axis]
    if kind.weight == "float32":
        values = (rng.standard_normal(shape) / numpy.sqrt(fan_in)).astype(numpy.float32)
        return values, None, 0, (0.5 * rng.standard_normal(channels)).astype(numpy.float32), None
    zero_point = 0
    if kind.weight == "uint8":
        zero_point = int(rng.randint(90, 160))
        values = rng.randint(0, 256, shape).astype(numpy.uint8)
    else:
        values = rng.randint(-127, 128, shape).astype(numpy.int8)
    if weights is not None:
        values = weights(values, rng)
    count = channels if kind.per_channel else 1
    if kind.is_quantized:
        spread = 1.0 if kind.activation != "int16" else 250.0
        multiplier = target * spread / (numpy.sqrt(fan_in) * 74.0 * 74.0 * (1 if kind.activation != "int16" else 256))
        base = multiplier * output_scale / input_scale
    else:
        base = 1 / (74.0 * numpy.sqrt(fan_in))
    scales = (base * numpy.exp(rng.uniform(-0.8, 0.8, count))).astype(numpy.float32)
    if weight_scales is not None:
        scales = weight_scales(scales, rng).astype(numpy.float32)
    if not kind.is_quantized:
        return values, scales, zero_point, (0.5 * rng.standard_normal(channels)).astype(numpy.float32), None
    bias_scales = (numpy.float32(input_scale) * scales).astype(numpy.float32)
    steps = numpy.clip(40 * output_scale * spread / numpy.broadcast_to(bias_scales, channels), 1, 2.0**30)
    if bias == "normal":
        offsets = numpy.clip(rng.standard_normal(channels) * steps, -(2.0**30), 2.0**30)
    elif bias == "limit":
        offsets = rng.choice([-1, 1], channels) * (2.0**31 - 2.0**24 - rng.randint(0, 2**20, channels))
    return values, scales, zero_point, offsets.astype(kind.bias), bias_scales


def sum_tolerance(kind):
    """The tolerance of operators that add many products."""
    return "exact" if kind.is_quantized else "floatSum"


def float_ranges(kind):
    """Inputs of hybrid operators lie unevenly about zero, so that the zero point of their quantization at run time matters."""
    return {0: (-1.5, 4.0)} if kind.weight == "int8" and not kind.is_quantized else {}


def random_array(rng, shape, dtype, low, high):
    if dtype == "float32":
        return rng.uniform(low, high, shape).astype(numpy.float32)
    if dtype == "bool":
        return rng.randint(0, 2, shape).astype(bool)
    return rng.randint(low, high + 1, shape).astype(dtype)


def generated_vectors(case, specifications):
    """Inputs for a case: whole range, near the zero point, extremes mixed, all lowest, all highest; as many as it wants.

    `specifications`: the model's inputs as (shape, dtype, scale, zero point).
    """
    rng = goldens.random(case.name + "/vectors")
    vectors = []
    count = case.count or (3 if any(str(dtype) in ("int8", "uint8") for _, dtype, _, _ in specifications) else 2)
    for index in range(count):
        form = index % 5
        vector = []
        for place, (shape, dtype, scale, zero_point) in enumerate(specifications):
            dtype = str(dtype)
            low, high = case.ranges.get(place) or INTEGER_LIMITS.get(dtype) or (-4.0, 4.0)
            middle = (low + high) / 2 if place in case.ranges else (zero_point if dtype != "float32" else 0.0)
            if dtype == "bool":
                values = rng.randint(0, 2, shape).astype(bool)
            elif form == 0:
                values = random_array(rng, shape, dtype, low, high)
            elif form == 1:
                values = middle + rng.standard_normal(shape) * (high - low) / 20
            elif form == 2:
                values = rng.choice([low, high, middle], shape)
            elif form == 3:
                values = numpy.full(shape, low)
            else:
                values = numpy.full(shape, high)
            if dtype == "float32":
                values = numpy.clip(values, low, high).astype(numpy.float32)
            elif dtype != "bool":
                values = numpy.clip(numpy.rint(values), low, high).astype(dtype)
            vector.append(values)
        vectors.append(vector)
    return vectors
