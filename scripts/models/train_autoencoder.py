#!/usr/bin/env python3
"""Trains an int8 autoencoder on recorded samples of normal operation, ready for `edge-agent model pack`.

    .build-venv/bin/python scripts/models/train_autoencoder.py --data samples.csv --description description.json --output DIR
    edge-agent model pack DIR/model.tflite --description DIR/description.json --data samples.csv --output BUNDLE

The description is that of the bundle (bundle.json) without `normalization` and `thresholds`: those are what training finds. The samples
are a table with a header line that names the channels, and perhaps a column `asset`. A fifth of each asset's series, the last of the
first one, is kept from training; the thresholds come from there. The same data and seed give the same file on the same machine.
"""

import argparse
import csv
import json
import pathlib

import numpy

import autoencoder
import window_features

SEVERITIES = ("warning", "minor", "major", "critical")


def read_samples(path, channels):
    """The series of each asset, as [time, channel]."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        header = file.readline()
        separator = next((mark for mark in ";\t" if mark in header), ",")
        names = [name.strip().strip('"') for name in header.rstrip("\r\n").split(separator)]
        missing = [channel for channel in channels if channel not in names]
        if missing:
            raise SystemExit(f"{path}:1: no column {', '.join(missing)}; there are: {', '.join(names)}")
        places = [names.index(channel) for channel in channels]
        asset = names.index("asset") if "asset" in names and "asset" not in channels else None
        series, last = [], object()
        for row in csv.reader(file, delimiter=separator):
            key = (row[asset] if asset is not None else None) if row else object()
            if key != last:
                series.append([])
                last = key
            if row:
                series[-1].append([float(row[place]) for place in places])
    return [numpy.array(rows) for rows in series if rows]


def split(series, samples, parts=5):
    """Cuts each series into parts; one of them is for validation, the others for training: the last one of the first
    series, the one before it of the second …"""
    training, validation = [], []
    for number, rows in enumerate(series):
        for index, part in enumerate(numpy.array_split(rows, parts)):
            if len(part) >= samples:
                (validation if index == (parts - 1 - number) % parts else training).append(part)
    return training, validation


def statistics_of(inputs):
    return None if inputs["features"] == "raw" else inputs["features"]


def normalization(values, channels, statistics):
    """Mean and standard deviation: a feature each, or for the raw window a channel each."""
    if statistics is None:
        values = values.reshape(-1, channels)
    offsets = values.mean(0)
    # A channel that never moved in training is left at its own scale: any change of it is news.
    scales = numpy.where(values.std(0) > 1e-6 * numpy.maximum(1, numpy.abs(offsets)), values.std(0), 1.0)
    # Float32 is what the agent keeps.
    return offsets.astype(numpy.float32), scales.astype(numpy.float32)


def severity(text):
    name, _, factor = text.partition("=")
    if name not in SEVERITIES:
        raise argparse.ArgumentTypeError(f"{name}: not one of {', '.join(SEVERITIES)}")
    return name, float(factor or 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="samples of normal operation")
    parser.add_argument("--description", required=True, help="the bundle's description, without normalization and thresholds")
    parser.add_argument("--output", required=True, type=pathlib.Path, help="directory for model.tflite and description.json")
    parser.add_argument("--hidden", default="16,5,16", help="widths of the hidden layers (default %(default)s)")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=256, help="windows a step (default %(default)s)")
    parser.add_argument("--noise", type=float, default=0.1, help="standard deviation of noise on the inputs (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--false-alarm-rate", type=float, default=1e-3, help="share of normal windows above the threshold (default %(default)s)")
    parser.add_argument("--severity", type=severity, action="append", metavar="NAME=FACTOR",
                        help="a severity at FACTOR times the threshold (default warning=1)")
    parser.add_argument("--raise-after", type=int, default=3, help="evaluations in a row (default %(default)s)")
    parser.add_argument("--clear-after", type=int, default=3, help="evaluations in a row (default %(default)s)")
    arguments = parser.parse_args()

    description = json.loads(pathlib.Path(arguments.description).read_text(encoding="utf-8"))
    inputs = description["inputs"]
    channels = [channel["name"] for channel in inputs["channels"]]
    samples, hop, statistics = inputs["window"], inputs.get("hop", 1), statistics_of(inputs)
    training, validation = split(read_samples(arguments.data, channels), samples)
    if not training or not validation:
        raise SystemExit(f"{arguments.data}: too few rows: five parts of at least {samples} rows are needed")

    def features(series):
        return numpy.concatenate([window_features.features(rows, samples, hop, statistics) for rows in series])

    raw = features(training)
    offsets, scales = normalization(raw, len(channels), statistics)
    repeat = raw.shape[1] // len(offsets)
    normalized = [((x - numpy.tile(offsets, repeat)) / numpy.tile(scales, repeat)).astype(numpy.float32)
                  for x in (raw, features(validation))]
    hidden = [int(width) for width in arguments.hidden.split(",")]
    model = autoencoder.Autoencoder([raw.shape[1], *hidden, raw.shape[1]], arguments.seed)
    model.train(normalized[0], arguments.epochs, batch=arguments.batch, noise=arguments.noise,
                report=lambda epoch, loss: print(f"epoch {epoch + 1}/{arguments.epochs}: {loss:.4f}", flush=True))
    quantized = model.quantized(normalized[0])
    content = quantized.tflite(description["name"])
    compared = autoencoder.check_against_litert(quantized, content, normalized[1][:: max(1, len(normalized[1]) // 256)])

    scores = quantized.errors(normalized[1])
    threshold = float(numpy.quantile(scores, 1 - arguments.false_alarm_rate))
    levels = sorted(arguments.severity or [("warning", 1.0)], key=lambda level: SEVERITIES.index(level[0]))
    inputs["normalization"] = {"offsets": [float(v) for v in offsets], "scales": [float(v) for v in scales]}
    description["thresholds"] = {
        "severities": [{"severity": name, "raiseAbove": float(f"{factor * threshold:.6g}")} for name, factor in levels],
        "clearBelow": float(f"{0.8 * levels[0][1] * threshold:.6g}"),
        "raiseAfter": arguments.raise_after,
        "clearAfter": arguments.clear_after,
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "model.tflite").write_bytes(content)
    (arguments.output / "description.json").write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(normalized[0])} windows for training, {len(scores)} for the threshold: {threshold:.4f}; median {numpy.median(scores):.4f}")
    print(f"{len(content)} bytes, int8; {compared} vectors equal LiteRT's to the last byte")


if __name__ == "__main__":
    main()
