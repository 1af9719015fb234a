"""UNIDIRECTIONAL_SEQUENCE_LSTM and SVDF. Both keep their state from one invoke to the next: the vectors are sequences."""

import numpy

import goldens
from tflite_writer import Model

from .case import Case

STEPS = 3
SEQUENCES = 2


def gate_weights(graph, rng, kind, name, shape, limit=0.9):
    """Four constants, in the schema's order: input, forget, cell, output."""
    made = []
    for gate in ("input", "forget", "cell", "output"):
        values = rng.uniform(-limit, limit, shape).astype(numpy.float32)
        label = f"{name}_{gate}"
        if kind == "float32":
            made.append(graph.constant(label, values))
        else:
            scale = numpy.float32(numpy.abs(values).max() / 127)
            made.append(graph.constant(label, numpy.rint(values / scale).astype(numpy.int8), scale))
    return made


def lstm(kind, name, *, batch=1, time=4, inputs=3, units=5, time_major=False, cell_clip=0.0, projection=None, projection_clip=0.0,
         peephole=False, coupled=False, layer_norm=False, asymmetric=False, cell_bits=11):
    full = f"unidirectional_sequence_lstm/{kind}{'_' if name else ''}{name}"
    rng = goldens.random(full)
    model = Model()
    graph = model.graph()
    quantized = kind == "int8"
    activation = "int8" if quantized else "float32"
    x_scale, x_zero = (0.021, -5) if quantized else (None, 0)
    y_scale, y_zero = (0.0079, 3) if quantized else (None, 0)
    outputs = projection or units
    lead = [time, batch] if time_major else [batch, time]
    x = graph.input("x", [*lead, inputs], activation, x_scale, x_zero)
    wx = gate_weights(graph, rng, kind, "input_to", (units, inputs))
    wh = gate_weights(graph, rng, kind, "recurrent_to", (units, outputs))
    peep = [None] * 3
    if peephole:
        values = [rng.uniform(-0.5, 0.5, units).astype(numpy.float32) for _ in range(3)]
        if kind == "float32":
            peep = [graph.constant(f"peephole_{i}", v) for i, v in enumerate(values)]
        elif kind == "hybrid":
            peep = [graph.constant(f"peephole_{i}", numpy.rint(v / 0.004).clip(-127, 127).astype(numpy.int8), 0.004) for i, v in enumerate(values)]
        else:
            peep = [graph.constant(f"peephole_{i}", numpy.rint(v * 60000).clip(-32767, 32767).astype(numpy.int16), 1 / 60000) for i, v in enumerate(values)]
    biases = []
    for gate in range(4):
        values = rng.uniform(-0.5, 0.5, units).astype(numpy.float32) + (1.0 if gate == 1 else 0.0)
        if quantized:
            scale = graph._graph.tensors[wx[gate]].quantization.scale[0] * numpy.float32(x_scale)
            if layer_norm:
                scale = numpy.float32(2.0**-10 * 0.001)
            biases.append(graph.constant(f"bias_{gate}", numpy.rint(values / scale).astype(numpy.int32), scale))
        else:
            biases.append(graph.constant(f"bias_{gate}", values.astype(numpy.float32)))
    project = [None, None]
    if projection:
        values = rng.uniform(-0.8, 0.8, (projection, units)).astype(numpy.float32)
        project[0] = graph.constant("projection", values) if kind == "float32" else graph.constant(
            "projection", numpy.rint(values / 0.0063).astype(numpy.int8), 0.0063)
        bias = rng.uniform(-0.2, 0.2, projection)
        if kind != "int8":
            project[1] = graph.constant("projection_bias", bias.astype(numpy.float32))
        else:
            project[1] = graph.constant("projection_bias", numpy.rint(bias / (0.0063 * 0.0079)).astype(numpy.int32), 0.0063 * 0.0079)
    state = graph.tensor("output_state", [batch, outputs], activation, y_scale, y_zero, variable=True)
    cell = graph.tensor("cell_state", [batch, units], "int16" if quantized else "float32", 2.0**-cell_bits if quantized else None, variable=True)
    norm = [None] * 4
    if layer_norm:
        values = [rng.uniform(0.5, 1.5, units).astype(numpy.float32) for _ in range(4)]
        if quantized:
            norm = [graph.constant(f"norm_{i}", numpy.rint(v * 20000).astype(numpy.int16), 1 / 20000) for i, v in enumerate(values)]
        else:
            norm = [graph.constant(f"norm_{i}", v) for i, v in enumerate(values)]
    intermediates = None
    if quantized:
        intermediates = [graph.tensor(f"intermediate_{i}", [], "int16", 2.0**-12) for i in range(4)]
        intermediates.append(graph.tensor("hidden", [], "int8", y_scale if not projection else 0.0079, y_zero if not projection else 0))
    if coupled:
        for part in (wx, wh, peep, biases, norm):
            part[0] = None
    y = graph.output("y", [*lead, outputs], activation, y_scale, y_zero)
    version = 4 if asymmetric else 3 if quantized else 2 if kind == "hybrid" else 1
    graph.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", [x, *wx, *wh, *peep, *biases, *project, state, cell, *norm], [y], version,
                   intermediates, activation="TANH", cellClip=cell_clip, projClip=projection_clip, timeMajor=time_major,
                   asymmetricQuantizeInputs=asymmetric)
    ranges = {} if quantized else {0: (-2.0, 2.0)}
    return Case(full, model, kind, "exact" if quantized else "floatRecurrent", steps=STEPS, count=STEPS * SEQUENCES, ranges=ranges)


def svdf(kind, name, *, batch=1, inputs=4, units=3, rank=1, memory=5, act="NONE", bias=True, asymmetric=False):
    full = f"svdf/{kind}{'_' if name else ''}{name}"
    rng = goldens.random(full)
    model = Model()
    graph = model.graph()
    quantized = kind == "int8"
    activation = "int8" if quantized else "float32"
    filters = units * rank
    x = graph.input("x", [batch, inputs], activation, 0.021 if quantized else None, -5 if quantized else 0)
    feature = rng.uniform(-1, 1, (filters, inputs)).astype(numpy.float32)
    time = rng.uniform(-1, 1, (filters, memory)).astype(numpy.float32)
    offsets = rng.uniform(-1, 1, units).astype(numpy.float32)
    if kind == "float32":
        wf, wt, b = graph.constant("feature", feature), graph.constant("time", time), graph.constant("bias", offsets)
    elif kind == "hybrid":
        wf = graph.constant("feature", numpy.rint(feature * 126).astype(numpy.int8), 1 / 126)
        wt = graph.constant("time", numpy.rint(time * 125).astype(numpy.int8), 1 / 125)
        b = graph.constant("bias", offsets)
    else:
        wf = graph.constant("feature", numpy.rint(feature * 126).astype(numpy.int8), 1 / 126)
        wt = graph.constant("time", numpy.rint(time * 30000).astype(numpy.int16), 1 / 30000)
        bias_scale = numpy.float32(0.0003 / 30000)
        b = graph.constant("bias", numpy.rint(offsets / bias_scale).astype(numpy.int32), bias_scale)
    state = graph.tensor("state", [batch, memory * filters], "int16" if quantized else "float32", 0.0003 if quantized else None, variable=True)
    y = graph.output("y", [batch, units], activation, 0.04 if quantized else None, 7 if quantized else 0)
    version = 4 if asymmetric else 3 if quantized else 2 if kind == "hybrid" else 1
    graph.operator("SVDF", [x, wf, wt, b if bias else None, state], [y], version, rank=rank, activation=act, asymmetricQuantizeInputs=asymmetric)
    ranges = {} if quantized else {0: (-2.0, 2.0)}
    return Case(full, model, kind, "exact" if quantized else "floatRecurrent", steps=7, count=14, ranges=ranges)


def cases():
    for kind in ("float32", "hybrid", "int8"):
        yield lstm(kind, "")
        if kind != "hybrid":
            yield lstm(kind, "time_major", time_major=True, batch=2, time=3)
        if kind != "hybrid":
            yield lstm(kind, "cell_clip", cell_clip=0.5)
        yield lstm(kind, "one_step", time=1, inputs=7, units=9)
        yield lstm(kind, "peephole", peephole=True)
        yield lstm(kind, "projection", projection=3)
        act = "RELU" if kind == "int8" else "NONE"  # LiteRT computes no other in int8
        yield svdf(kind, "", act=act)
        yield svdf(kind, "rank_2", rank=2, act=act)
        yield svdf(kind, "batch_2_relu", batch=2, act="RELU")
        yield svdf(kind, "no_bias", bias=False, units=9, memory=3, act=act)
    yield lstm("float32", "coupled_gates", coupled=True)
    yield lstm("float32", "layer_norm", layer_norm=True)
    yield lstm("float32", "8_units_17_inputs", inputs=17, units=8, time=3)
    yield lstm("hybrid", "asymmetric_inputs", asymmetric=True)
    yield lstm("hybrid", "8_units_17_inputs", inputs=17, units=8, time=3)
    yield lstm("int8", "8_units_17_inputs", inputs=17, units=8, time=3)
    yield lstm("int8", "large_cells", cell_bits=9)
    yield svdf("hybrid", "asymmetric_inputs", asymmetric=True)
