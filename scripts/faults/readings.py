"""Readings whose alerts are known in advance, for the model in Tests/EdgeAgentTests/Fixtures/level: its score is the mean square of a, b, c, d.

An asset's readings are numbered 1, 2, 3, …; its level changes at each `period`th one, so reading n belongs to phase n // period, and an odd
phase has the alarm raised. The number itself (modulo 262144) is in the score: four squares give any number (Lagrange), and in steps of 1/128
all of it is exact in float32.
"""

import functools
import json
import math

STEPS = 128  # of a channel's value: the score is N / UNITS for the integer N = a² + b² + c² + d²
UNITS = 4 * STEPS * STEPS
MODULUS = 4 * UNITS  # N of a clearing score, below clearBelow (4)
RAISED = 32 * UNITS  # beyond it N is a raising one: above raiseAbove (16), below the next severity (400)


@functools.lru_cache(maxsize=None)
def _two_squares():
    limit = RAISED + MODULUS
    table = {}
    for a in range(math.isqrt(limit) + 1):
        for b in range(a, math.isqrt(limit - a * a) + 1):
            table.setdefault(a * a + b * b, (a, b))
    return table


@functools.lru_cache(maxsize=None)
def four_squares(total):
    table = _two_squares()
    for a in range(math.isqrt(total), -1, -1):
        for b in range(min(a, math.isqrt(total - a * a)), -1, -1):
            rest = table.get(total - a * a - b * b)
            if rest:
                return a, b, *rest
    raise AssertionError(total)  # Lagrange


def is_raised(phase):
    return phase % 2 == 1


def payload(number, phase):
    total = number % MODULUS + (RAISED if is_raised(phase) else 0)
    a, b, c, d = (root / STEPS for root in four_squares(total))
    return json.dumps({"n": number, "a": a, "b": b, "c": c, "d": d}).encode()


def number_of(score, near):
    """The number of the reading with this score that is nearest to `near`; None if it is no score of ours."""
    total = round(score * UNITS)
    if abs(total - score * UNITS) > 0.25:  # a float32 is written with as few digits as tell it from its neighbours
        return None
    residue = total - RAISED if total >= RAISED else total
    if not 0 <= residue < MODULUS:
        return None
    base = near - near % MODULUS + residue
    return min((base - MODULUS, base, base + MODULUS), key=lambda number: abs(number - near))
