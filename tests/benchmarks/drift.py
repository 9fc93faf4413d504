"""What it costs to look at a window, and how often that cries wolf.

Speed: 20 columns of numbers and 5 of text, against a stored profile, beside a bare read of the same file; and beside
Evidently's DataDriftPreset. Answers: the rates of `drift_table.py`, a few of them; `--table FILE` writes all of them.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import drift_table
from table import report, row

HERE = Path(__file__).parent
CONTENDERS = str(HERE / "drift_contenders.py")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--quick", action="store_true", help="200,000 rows, once, and few repetitions")
    parser.add_argument("--runs", type=int, default=3, help="processes per contender; the median counts")
    parser.add_argument("--repetitions", type=int, default=400, help="per cell of the table")
    parser.add_argument("--table", type=Path, help="write the whole table there, as Markdown; takes hours")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes that fill the table")
    options = parser.parse_args(argv)
    if options.table:
        options.table.write_text(drift_table.markdown(options.repetitions, options.workers), encoding="utf-8")
        return 0
    sizes = (200_000, 400_000) if options.quick else (1_000_000, 10_000_000)
    runs = 1 if options.quick else options.runs
    with tempfile.TemporaryDirectory() as folder:
        rows = [*speed(Path(folder), *sizes, runs), *evidently(Path(folder), 20_000 if options.quick else 100_000)]
    return report([*rows, *answers(40 if options.quick else options.repetitions)], argv)


def speed(folder: Path, small: int, large: int, runs: int) -> list[dict]:
    stored = str(folder / "profile.json")
    files = {rows: str(folder / f"{rows}.parquet") for rows in (small, large)}
    call("generate", str(folder / "before.parquet"), str(small), "1")
    call("reference", str(folder / "before.parquet"), stored)
    for rows, file in files.items():
        call("generate", file, str(rows), "2")
    bare, ours = (middle(runs, name, files[small], stored) for name in ("bare", "taxiway"))
    once, twice = (middle(runs, "taxiway", ",".join([files[large]] * n), stored)[1] for n in (1, 2))
    title = f"{small / 1e6:g}M rows x 25"
    return [
        row(f"{title}: CPU / bare read", ours[0] / bare[0], 3.0, at_most=True),
        row(f"{title}: memory / bare read", ours[1] / bare[1], None, at_most=True),
        row(f"memory at {2 * large / 1e6:g}M / at {large / 1e6:g}M rows", twice / once, 1.5, at_most=True),
        row(f"memory at {large / 1e6:g}M rows, MiB", once / 2**20, 1024, at_most=True),
        row("the stored profile, kB", Path(stored).stat().st_size / 1000, None, at_most=True),
    ]


def evidently(folder: Path, rows: int) -> list[dict]:
    before, now = (str(folder / f"evidently-{n}.parquet") for n in (1, 2))
    for seed, file in (("1", before), ("2", now)):
        call("generate", file, str(rows), seed)
    call("reference", before, str(folder / "small.json"))
    ours = middle(3, "taxiway", now, str(folder / "small.json"))
    theirs = middle(1, "evidently", now, before)
    name = f"{rows / 1e3:g}k rows x 25: CPU of Evidently's preset / ours"
    return [row(name, theirs[0] / ours[0], 100.0, at_most=False)]


def answers(repetitions: int) -> list[dict]:
    found = []
    for kind in ("normal", "heavy tail", "200 levels"):
        cell = drift_table.cell(kind, 1000, 5, repetitions)
        found.append(row(f"false alarms, 5 columns {kind}, 1,000 rows", cell.ours, 0.05, at_most=True))
    seen = drift_table.power("normal", 5000, 0.2, repetitions)
    found.append(row("normal, 5,000 rows, moved by 0.2 deviations: seen", seen.ours, 0.95, at_most=False))
    return found


def middle(runs: int, *words: str) -> tuple[float, float]:
    found = [json.loads(call(*words)) for _ in range(runs)]
    return tuple(statistics.median(values) for values in zip(*found, strict=True))


def call(*words: str) -> bytes:
    return subprocess.run([sys.executable, CONTENDERS, *words], check=True, capture_output=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
