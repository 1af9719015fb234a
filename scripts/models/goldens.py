"""The golden files: what a model answered, in a form that a test reads without a library.

NAME.io, little-endian, every part padded with zeros to a multiple of 4 bytes:

    8 bytes   "EAGOLD01"
    u32       number of inputs
    u32       number of outputs
    u32       number of vectors
    u32       steps in a sequence: a fresh session (state cleared) begins before vector i when i % steps == 0
    u32       number of answers to each vector: 1, or 2 (see below)
    tensors   inputs, then outputs, each: u8 element type, u8 rank, u16 zero, then rank × u32 dimensions
    vectors   each: the inputs' elements, then for each answer the outputs' elements, row-major

Element types: 0 float32, 1 int8, 2 uint8, 3 int16, 4 int32, 5 int64, 6 bool (a byte), 7 float16, 8 float64,
9 string (each element: u32 length, then UTF-8, unpadded).

The first answer is the one that our rule follows: the library's default (LiteRT: the XNNPACK delegate where it takes the
operator, else the built-in kernel; ONNX Runtime: the CPU provider with its default optimisations). A second answer is there only
where LiteRT's built-in kernels, run without the delegate, differ from it beyond the model's tolerance.
"""

import json
import struct
import zlib

import numpy

MAGIC = b"EAGOLD01"
ELEMENT_TYPES = ["float32", "int8", "uint8", "int16", "int32", "int64", "bool", "float16", "float64", "string"]

# How near an answer must come. Integers by steps of the quantization; floats by
# |answer - expected| <= absolute + relative * |expected| + ofLargest * (largest finite |expected| of the tensor).
# NaN equals NaN, infinities equal themselves, -0 equals 0.
TOLERANCES = {
    "exact": {"steps": 0, "absolute": 0.0, "relative": 0.0, "ofLargest": 0.0},
    "oneQuantum": {"steps": 1, "absolute": 0.0, "relative": 0.0, "ofLargest": 0.0},
    "floatElement": {"steps": 0, "absolute": 1e-7, "relative": 1e-6, "ofLargest": 0.0},
    "floatFunction": {"steps": 0, "absolute": 1e-6, "relative": 1e-5, "ofLargest": 0.0},
    "floatSum": {"steps": 0, "absolute": 1e-6, "relative": 1e-6, "ofLargest": 3e-6},
    # Floats that are the steps of a quantization: one step of 0.051, or a few of 1/256.
    "dequantizedStep": {"steps": 0, "absolute": 0.0511, "relative": 0.0, "ofLargest": 0.0},
    "probabilityStep": {"steps": 0, "absolute": 0.0118, "relative": 0.0, "ofLargest": 0.0},
    "floatRecurrent": {"steps": 0, "absolute": 2e-5, "relative": 0.0, "ofLargest": 2e-5},
}


def random(name):
    """A stream of random numbers of its own for each name, the same for ever (RandomState's are frozen)."""
    return numpy.random.RandomState(zlib.crc32(name.encode()))


def element_type(array):
    if array.dtype.kind in "OUS":
        return "string"
    return str(array.dtype)


def written(array):
    """Element type and shape in one word, such as int8[1,5,5,3]."""
    return f"{element_type(array)}[{','.join(map(str, array.shape))}]"


def packed(array):
    if element_type(array) == "string":
        octets = b"".join(
            struct.pack("<I", len(text)) + text for text in (str(item).encode() for item in array.reshape(-1))
        )
    else:
        octets = numpy.ascontiguousarray(array).tobytes()
    return octets + bytes(-len(octets) % 4)


def write(path, vectors, answers, steps=1):
    """vectors: a list of lists of inputs. answers: one or two lists of lists of outputs, parallel to it."""
    tensors = list(vectors[0]) + list(answers[0][0])
    parts = [
        MAGIC,
        struct.pack("<5I", len(vectors[0]), len(answers[0][0]), len(vectors), steps, len(answers)),
    ]
    for tensor in tensors:
        parts.append(struct.pack("<BBH", ELEMENT_TYPES.index(element_type(tensor)), tensor.ndim, 0))
        parts.append(struct.pack(f"<{tensor.ndim}I", *tensor.shape))
    for index, inputs in enumerate(vectors):
        for tensor in list(inputs) + [output for answer in answers for output in answer[index]]:
            parts.append(packed(tensor))
    path.write_bytes(b"".join(parts))


def read(path):
    """Returns (vectors, answers, steps) as `write` takes them."""
    octets = path.read_bytes()
    if octets[:8] != MAGIC:
        raise ValueError(f"{path} is no golden file")
    inputs, outputs, count, steps, answer_count = struct.unpack_from("<5I", octets, 8)
    at = 28
    specs = []
    for _ in range(inputs + outputs):
        code, rank, _ = struct.unpack_from("<BBH", octets, at)
        specs.append((ELEMENT_TYPES[code], struct.unpack_from(f"<{rank}I", octets, at + 4)))
        at += 4 + 4 * rank

    def take(spec):
        nonlocal at
        dtype, shape = spec
        size = int(numpy.prod(shape, dtype=numpy.int64))
        start = at
        if dtype == "string":
            items = []
            for _ in range(size):
                (length,) = struct.unpack_from("<I", octets, at)
                items.append(octets[at + 4 : at + 4 + length].decode())
                at += 4 + length
            array = numpy.array(items, dtype=object).reshape(shape)
        else:
            array = numpy.frombuffer(octets, dtype=dtype, count=size, offset=at).reshape(shape)
            at += array.nbytes
        at += -(at - start) % 4
        return array

    vectors, answers = [], [[] for _ in range(answer_count)]
    for _ in range(count):
        vectors.append([take(spec) for spec in specs[:inputs]])
        for answer in answers:
            answer.append([take(spec) for spec in specs[inputs:]])
    if at != len(octets):
        raise ValueError(f"{path} has {len(octets) - at} bytes too many")
    return vectors, answers, steps


def excess(actual, expected, tolerance):
    """How far `actual` is outside the named tolerance of `expected`: 0 when it is within. Shapes and types must agree."""
    if actual.shape != expected.shape or element_type(actual) != element_type(expected):
        return float("inf")
    if element_type(actual) == "string":
        return float((actual != expected).sum())
    limits = TOLERANCES[tolerance]
    if actual.dtype.kind in "iub":
        difference = numpy.abs(actual.astype(numpy.int64) - expected.astype(numpy.int64))
        return float(max(0, difference.max(initial=0) - limits["steps"]))
    with numpy.errstate(invalid="ignore", over="ignore"):
        a, e = actual.astype(numpy.float64), expected.astype(numpy.float64)
        same = (a == e) | (numpy.isnan(a) & numpy.isnan(e))
        finite = numpy.abs(e[numpy.isfinite(e)])
        allowed = limits["absolute"] + limits["relative"] * numpy.abs(e) + limits["ofLargest"] * finite.max(initial=0)
        over = numpy.where(same, 0.0, numpy.abs(a - e) - allowed)
    over = numpy.where(numpy.isnan(over), numpy.inf, over)
    return float(max(0.0, over.max(initial=0)))


def worst_excess(actual, expected, tolerance):
    """`excess` over all vectors and outputs of two lists of answers."""
    return max(excess(a, e, tolerance) for one, other in zip(actual, expected) for a, e in zip(one, other))


def write_manifest(directory, made_by, models, refused):
    """Writes manifest.json, a line a model, and says how much there is."""
    lists = {"models": models, "refused": refused}
    manifest = {"madeBy": made_by, "tolerances": TOLERANCES, **{key: f"@{key}" for key in lists}}
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    for key, rows in lists.items():
        lines = ",\n".join("  " + json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
        text = text.replace(f'"@{key}"', f"[\n{lines}\n ]")
    (directory / "manifest.json").write_text(text + "\n")
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    print(f"{len(models)} models, {len(refused)} refused, {size} bytes in {directory}")
