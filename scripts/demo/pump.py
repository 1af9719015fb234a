#!/usr/bin/env python3
"""A simulated centrifugal pump behind a frequency converter, with faults. Standard library only.

    scripts/demo/pump.py --list
    scripts/demo/pump.py --seed 7 --seconds 60 --fault cavitation@20+10 | mosquitto_pub -t plant/demo/pump/P-101/readings -l
    scripts/demo/pump.py --seed 7 --seconds 60 --csv > samples.csv

Seven channels: vibration in two directions (mm/s RMS, as an ISO 10816 transmitter gives it), bearing temperature (°C), motor current (A),
discharge pressure (bar), flow (m³/h) and speed (rpm). The operating point wanders as a plant's does, so no channel alone says much:
speed, pressure, flow and current move together by the affinity laws, and a fault is what breaks that.
The same seed gives the same readings.
"""

import argparse
import json
import math
import random
import sys
import time

CHANNELS = ("vibration.x", "vibration.y", "temperature", "current", "pressure", "flow", "speed")
FAULTS = {
    "bearing-wear": "impacts in the vibration, friction warms the bearing",
    "cavitation": "vapour bubbles: less flow and pressure, both unsteady, broadband vibration",
    "imbalance": "vibration across the shaft that grows with the square of the speed",
    "misalignment": "vibration along the shaft, more current for the same flow",
}
RATED_SPEED = 2950.0  # rpm
AMBIENT = 22.0  # °C


class Fault:
    """One fault of a pump, from `start` on for `duration` seconds; it grows and goes within `ramp` seconds."""

    def __init__(self, kind, start, duration, severity=1.0, ramp=0.5):
        if kind not in FAULTS:
            raise ValueError(f"no fault '{kind}'; there are: {', '.join(sorted(FAULTS))}")
        self.kind, self.start, self.duration, self.severity, self.ramp = kind, start, duration, severity, ramp

    @property
    def end(self):
        return self.start + self.duration

    def intensity(self, seconds):
        if not self.start <= seconds < self.end:
            return 0.0
        edge = min(seconds - self.start, self.end - seconds)
        return self.severity * min(1.0, edge / self.ramp)

    @classmethod
    def parsed(cls, text):
        """Reads KIND@START+DURATION or KIND@START+DURATION*SEVERITY, in seconds."""
        kind, _, times = text.partition("@")
        times, _, severity = times.partition("*")
        start, _, duration = times.partition("+")
        try:
            return cls(kind, float(start), float(duration), float(severity or 1))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text}: {error}") from None


class Pump:
    """One pump. `reading()` moves it by one period and returns its channels' values."""

    def __init__(self, seed, rate=25.0):
        self.random = random.Random(f"pump {seed}")
        self.period = 1.0 / rate
        self.seconds = 0.0
        self.faults = []
        # No two pumps are the same: each part is a few per cent off.
        off = self.random.gauss
        self.head = 6.2 * (1 + 0.02 * off(0, 1))  # bar, closed valve, rated speed
        self.rated_flow = 48.0 * (1 + 0.02 * off(0, 1))  # m³/h
        self.efficiency = 0.71 * (1 + 0.01 * off(0, 1))
        self.vibration = 1.6 * (1 + 0.05 * off(0, 1))  # mm/s
        self.valve = 0.85
        self.set_point = self.random.uniform(0.8, 1.0)
        self.speed = self.set_point
        self.next_change = self.random.uniform(10, 120)
        self.temperature = AMBIENT + self._warming(self.speed, 0.0)

    def _warming(self, speed, friction):
        return 26.0 * speed**3 + 9.0 * speed + friction

    def reading(self):
        """The next values, in the order of `CHANNELS`."""
        gauss = self.random.gauss
        step = self.period
        self.seconds += step
        wear = cavitation = imbalance = misalignment = 0.0
        for fault in self.faults:
            intensity = fault.intensity(self.seconds)
            if fault.kind == "bearing-wear":
                wear += intensity
            elif fault.kind == "cavitation":
                cavitation += intensity
            elif fault.kind == "imbalance":
                imbalance += intensity
            else:
                misalignment += intensity

        # Somebody changes the set point now and then; the converter ramps slowly, to spare the pipes.
        if self.seconds >= self.next_change:
            self.next_change = self.seconds + self.random.uniform(30, 120)
            self.set_point = self.random.uniform(0.8, 1.0)
        self.speed += (self.set_point - self.speed) * step / 12.0 + 0.0006 * gauss(0, 1) * math.sqrt(step * 25)
        self.valve += (0.85 - self.valve) * step / 20.0 + 0.02 * gauss(0, 1) * math.sqrt(step)
        speed, valve = self.speed, min(max(self.valve, 0.6), 1.0)

        flow = self.rated_flow * speed * valve
        flow *= 1 - 0.10 * cavitation + 0.06 * cavitation * gauss(0, 1)
        share = flow / self.rated_flow
        pressure = self.head * (speed * speed * 1.12 - 0.32 * share * share)
        pressure *= 1 - 0.06 * cavitation + 0.05 * cavitation * gauss(0, 1)
        hydraulic = pressure * flow / 36.0  # kW
        current = 2.1 + 1.9 * hydraulic / self.efficiency
        current *= 1 + 0.05 * misalignment + 0.015 * cavitation * gauss(0, 1) + 0.01 * wear
        friction = 10.0 * wear + 4.0 * misalignment
        self.temperature += (AMBIENT + self._warming(speed, friction) - self.temperature) * step / 90.0

        base = self.vibration * (0.25 + 0.75 * speed * speed)
        x = base * (1 + 2.4 * imbalance * speed * speed + 0.6 * misalignment)
        y = 0.8 * base * (1 + 1.5 * imbalance * speed * speed + 2.2 * misalignment)
        if wear:
            x *= 1 + 0.35 * wear
            y *= 1 + 0.25 * wear
            if self.random.random() < 0.12:
                hit = base * wear * self.random.expovariate(0.7)
                x += hit
                y += 0.6 * hit
        noise = 0.05 + 0.14 * cavitation
        x *= (1 + 0.4 * cavitation) * (1 + noise * gauss(0, 1))
        y *= (1 + 0.4 * cavitation) * (1 + noise * gauss(0, 1))
        return (
            round(abs(x), 3),
            round(abs(y), 3),
            round(self.temperature + 0.08 * gauss(0, 1), 2),
            round(current * (1 + 0.006 * gauss(0, 1)), 3),
            round(pressure + 0.02 * gauss(0, 1), 3),
            round(flow * (1 + 0.008 * gauss(0, 1)), 2),
            round(speed * RATED_SPEED + 1.5 * gauss(0, 1), 1),
        )


def message(milliseconds, values):
    """A reading as the JSON object that goes on the wire."""
    x, y, temperature, current, pressure, flow, speed = values
    return json.dumps(
        {
            "ts": milliseconds,
            "vibration": {"x": x, "y": y},
            "temperature": temperature,
            "current": current,
            "pressure": pressure,
            "flow": flow,
            "speed": speed,
        },
        separators=(",", ":"),
    )


def main():
    parser = argparse.ArgumentParser(description="A simulated pump: one JSON reading a line, in real time.")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another pump (default %(default)s)")
    parser.add_argument("--rate", type=float, default=25.0, help="readings a second (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=math.inf, help="when to end (default: never)")
    parser.add_argument("--fault", type=Fault.parsed, action="append", default=[], metavar="KIND@START+DURATION[*SEVERITY]",
                        help="a fault, times in seconds; may be given several times")
    parser.add_argument("--csv", action="store_true", help="write a table at once instead of JSON in real time")
    parser.add_argument("--list", action="store_true", help="list the faults and end")
    arguments = parser.parse_args()
    if arguments.list:
        for kind, text in FAULTS.items():
            print(f"{kind:13} {text}")
        return
    if arguments.csv and math.isinf(arguments.seconds):
        parser.error("--csv needs --seconds")
    pump = Pump(arguments.seed, arguments.rate)
    pump.faults = arguments.fault
    if arguments.csv:
        print(",".join(CHANNELS))
        for _ in range(round(arguments.seconds * arguments.rate)):
            print(",".join(map(str, pump.reading())))
        return
    start = time.monotonic()
    while pump.seconds < arguments.seconds:
        values = pump.reading()
        time.sleep(max(0.0, start + pump.seconds - time.monotonic()))
        print(message(round(time.time() * 1000), values), flush=True)


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, KeyboardInterrupt):
        sys.stderr.close()
