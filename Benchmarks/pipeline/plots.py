"""Bar charts as SVG, from the benchmark's own numbers. Standard library only.

    plots.py RESULT.json DIRECTORY      # RESULT.json: the last line of Benchmarks/pipeline/run
"""

import html
import json
import math
import pathlib
import sys

COLOURS = {"relay": "#7f8c8d", "agent": "#d35400", "litert": "#2980b9", "onnxruntime": "#8e44ad"}
WIDTH, BAR, GAP, LEFT, TOP = 760, 15, 14, 190, 46


def bar_chart(title, groups, unit):
    """One chart: {group: {series: value}} on a logarithmic axis; values of 0 and None are left out."""
    values = [value for group in groups.values() for value in group.values() if value]
    if not values:
        return None
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    span = WIDTH - LEFT - 90

    def place(value):
        return LEFT + span * (math.log10(value) - low) / (high - low)

    parts, y = [], TOP
    for name, group in groups.items():
        middle = y + BAR * len(group) / 2 + 4
        parts.append(f'<text x="{LEFT - 10}" y="{middle:.0f}" text-anchor="end">{html.escape(name)}</text>')
        for series, value in group.items():
            if value:
                parts.append(f'<rect x="{LEFT}" y="{y}" width="{max(place(value) - LEFT, 1):.1f}" height="{BAR - 2}" fill="{COLOURS[series]}"/>')
                parts.append(f'<text x="{place(value) + 4:.1f}" y="{y + 11}" class="value">{value:,.0f}</text>')
            y += BAR
        y += GAP
    for power in range(low, high + 1):
        x = place(10.0**power)
        parts.insert(0, f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{y}" stroke="#ddd"/>'
                        f'<text x="{x:.1f}" y="{y + 14}" text-anchor="middle" class="value">{10.0**power:,.10g}</text>')
    x = LEFT
    for series in dict.fromkeys(series for group in groups.values() for series in group):
        parts.append(f'<rect x="{x}" y="24" width="10" height="10" fill="{COLOURS[series]}"/><text x="{x + 14}" y="33">{series}</text>')
        x += 120
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 26}" viewBox="0 0 {WIDTH} {y + 26}">'
            "<style>text{font:12px sans-serif;fill:#333}.value{font-size:10px;fill:#666}</style>"
            f'<rect width="100%" height="100%" fill="white"/><text x="10" y="16" font-weight="bold">{html.escape(title)} ({html.escape(unit)})</text>'
            + "".join(parts) + "</svg>\n")


def write(result, directory):
    """Writes one chart for each quantity; gives their paths."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    charts = [("latency-p50", "Latency, median", "p50_us", "µs", "latency"), ("latency-p99", "Latency, 99th percentile", "p99_us", "µs", "latency"),
              ("throughput", "Best sustained rate", "rate", "messages a second", "throughput"),
              ("processor", "Processor time of one message", "cpu_us", "µs", "latency"), ("memory", "Memory (PSS)", "pss_kib", "KiB", "throughput")]
    paths = []
    for name, title, key, unit, part in charts:
        groups = {case: {subject: values.get(key) for subject, values in one.items() if subject in COLOURS}
                  for case, one in result.get("cases", {}).items() if one["part"] == part}
        chart = bar_chart(title, groups, unit)
        if chart:
            paths.append(directory / f"{name}.svg")
            paths[-1].write_text(chart)
    return paths


if __name__ == "__main__":
    text = pathlib.Path(sys.argv[1]).read_text().strip().splitlines()[-1]
    for path in write(json.loads(text), sys.argv[2]):
        print(path)
