"""Windows and their features, by the formulas that the agent uses (see FeatureDescription.swift)."""

import numpy

STATISTICS = (
    "mean", "standardDeviation", "minimum", "maximum", "rms", "peakToPeak", "crestFactor", "kurtosis", "slope",
)


def windows(rows, samples, hop):
    """All whole windows of one series. rows: [time, channel]; returns [window, channel, time]."""
    if len(rows) < samples:
        return numpy.empty((0, rows.shape[1], samples))
    return numpy.lib.stride_tricks.sliding_window_view(rows, samples, axis=0)[::hop]


def statistic(name, x):
    """One statistic of windows [window, channel, time]; returns [window, channel]."""
    count = x.shape[-1]
    if name == "mean":
        return x.mean(-1)
    if name == "standardDeviation":
        return x.std(-1)
    if name == "minimum":
        return x.min(-1)
    if name == "maximum":
        return x.max(-1)
    if name == "peakToPeak":
        return x.max(-1) - x.min(-1)
    rms = numpy.sqrt(numpy.square(x).mean(-1))
    if name == "rms":
        return rms
    constant = x.max(-1) == x.min(-1)
    if name == "crestFactor":
        return numpy.where(constant, 1.0, numpy.abs(x).max(-1) / numpy.where(rms == 0, 1, rms))
    centred = x - x.mean(-1, keepdims=True)
    if name == "kurtosis":
        squares = numpy.square(centred).sum(-1)
        fourth = numpy.square(numpy.square(centred)).sum(-1)
        return numpy.where(constant, 3.0, count * fourth / numpy.where(squares == 0, 1, squares) ** 2)
    if name == "slope":
        time = numpy.arange(count) - (count - 1) / 2
        return centred @ time / max(1.0, numpy.square(time).sum())
    raise ValueError(f"no statistic '{name}'; there are: {', '.join(STATISTICS)}")


def features(rows, samples, hop, statistics):
    """Features of each window of one series, in the agent's order; `statistics` of None is the raw window.

    Raw: [window, time × channel], row-major. Statistics: all of the first channel come first.
    """
    x = windows(numpy.asarray(rows, dtype=numpy.float64), samples, hop)
    if statistics is None:
        return x.transpose(0, 2, 1).reshape(len(x), -1)
    return numpy.stack([statistic(name, x) for name in statistics], axis=-1).reshape(len(x), -1)
