#!/bin/sh
# Rows per second through the outbox (lane, state machine, database) against the raw SQLite C API in the same
# transactions, alternating. Usage: Benchmarks/outbox/run.sh [ROUNDS]; the last line is one JSON object.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rounds=${1:-3}
cc -O2 -o "$work/raw" Benchmarks/outbox/raw.c -lsqlite3
swift build -c release --build-tests -Xswiftc -enable-testing >"$work/build.log" 2>&1 || {
    cat "$work/build.log" >&2
    exit 1
}
for round in $(seq "$rounds"); do
    for batch in 1 16 256; do
        rows=$((batch == 1 ? 2000 : batch * 400))
        rm -f "$work"/db*
        "$work/raw" "$work/db" "$rows" "$batch"
        OUTBOX_BENCHMARK="$work $rows $batch" swift test -c release --skip-build --disable-xctest \
            -Xswiftc -enable-testing --filter OutboxBenchmark 2>/dev/null | grep '^outbox '
    done
done | tee "$work/results"
python3 - "$work/results" <<'PYTHON'
import json, statistics, sys
rates = {}
for line in open(sys.argv[1]):
    who, batch, _, commit, _, drain = line.split()
    for kind, rate in (("commit", commit), ("drain", drain)):
        rates.setdefault((kind, int(batch), who), []).append(float(rate))
result = {}
for (kind, batch, who), values in sorted(rates.items()):
    result.setdefault(f"{kind}_{batch}", {})[who] = round(statistics.median(values))
for row in result.values():
    row["ratio"] = round(row["outbox"] / row["raw"], 3)
print(json.dumps(result))
PYTHON
