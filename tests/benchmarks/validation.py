"""What a contract costs: the same rules by Taxiway, by hand in bare polars (the limit), and by pandera itself.

    uv run --extra dev python tests/benchmarks/validation.py [--json] [--quick] [--rows 1000000 10000000] [--runs 3]

CPU seconds and peak memory of whole child processes. "Warm" processes are forked from one that has imported the
libraries, as jobs of the local runner are; "cold" ones import them, and pandera imports pandas where that is installed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from table import report, row

CONTENDERS = Path(__file__).resolve().with_name("validation_contenders.py")
LIMIT = 1.25


class Cost(NamedTuple):
    """CPU seconds and peak bytes of one process."""

    cpu_s: float
    memory_bytes: float


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000], help="sizes of the table")
    parser.add_argument("--runs", type=int, default=3, help="processes per contender; the median counts")
    parser.add_argument("--quick", action="store_true", help="300,000 rows, once")
    options = parser.parse_args(argv)
    if options.quick:
        options.rows, options.runs = [300_000], 1
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in options.rows:
            file = f"{folder}/{size}.parquet"
            subprocess.run([sys.executable, CONTENDERS, "generate", file, str(size)], check=True)
            rows += compare(f"{size / 1e6:g}M rows", file, options.runs)
            Path(file).unlink()
    return report(rows, argv)


def compare(title: str, file: str, runs: int) -> list[dict]:
    names = ["warm bare", "warm taxiway", "bare", "taxiway", "pandera_polars", "pandera_pandas"]
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            costs[name].append(warm(name.removeprefix("warm "), file) if " " in name else cold(name, file))
    middle = {name: Cost(*map(statistics.median, zip(*found, strict=True))) for name, found in costs.items()}
    rows = []
    for kind, prefix, limit in (("warm", "warm ", LIMIT), ("cold", "", None)):
        ours, bare = middle[f"{prefix}taxiway"], middle[f"{prefix}bare"]
        rows.append(row(f"{title}, {kind}: CPU / bare polars", ours.cpu_s / bare.cpu_s, limit, at_most=True))
        memory = ours.memory_bytes / bare.memory_bytes
        rows.append(row(f"{title}, {kind}: memory / bare polars", memory, limit, at_most=True))
    ours = middle["taxiway"]
    for rival in ("pandera_polars", "pandera_pandas"):
        cost, words = middle[rival], rival.replace("_", " on ")
        rows.append(row(f"{title}, cold: CPU / {words}", ours.cpu_s / cost.cpu_s, None, at_most=True))
        rows.append(row(f"{title}, cold: memory / {words}", ours.memory_bytes / cost.memory_bytes, None, at_most=True))
    return rows


def cold(name: str, file: str) -> Cost:
    child = subprocess.Popen([sys.executable, CONTENDERS, name, file])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise SystemExit(f"{name} failed with status {status}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def warm(name: str, file: str) -> Cost:
    done = subprocess.run([sys.executable, CONTENDERS, "forked", name, file], check=True, capture_output=True)
    return Cost(*json.loads(done.stdout))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
