"""One window, looked at by several: `python drift_contenders.py NAME FILE REFERENCE` prints CPU seconds and memory.

Every contender imports what it needs before the clock starts, and works in a process of its own. The memory is the most
that the process itself held; pages of a file that the kernel mapped are not counted, it takes them back when it likes.
"""

import json
import os
import sys
import threading
import time
import warnings
from pathlib import Path

NUMBERS, LEVELS = 20, (3, 10, 50, 200, 1000)


def generate(path: str, rows: int, seed: int = 0) -> None:
    """A table of 20 columns of numbers and 5 of text, written in pieces."""
    import numpy as np
    import polars as pl
    import pyarrow.parquet as pq

    random, writer = np.random.default_rng(seed), None
    for _ in range(0, rows, 250_000):
        size = min(rows, 250_000)
        data = {f"n{i}": random.normal(size=size) if i % 2 else random.lognormal(size=size) for i in range(NUMBERS)}
        for i, levels in enumerate(LEVELS):
            names = np.array([f"level {n}" for n in range(levels)])
            data[f"c{i}"] = names[random.integers(0, levels, size)]
        table = pl.DataFrame(data).to_arrow(compat_level=pl.CompatLevel.oldest())
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def reference(path: str, out: str) -> None:
    """Stores the profile of a table."""
    import polars as pl

    from taxiway.engines.profiles import reference as build

    Path(out).write_text(json.dumps(build(pl.scan_parquet(path)).dump()), encoding="utf-8")


def bare(path: str, _: str):
    """Reads the window, and does nothing with it."""
    import polars as pl

    return lambda: pl.read_parquet(path)


def taxiway(path: str, stored: str):
    """Profiles the window and compares it with the stored profile of the reference."""
    import polars as pl
    import scipy.stats  # noqa: F401

    from taxiway.core.profiles import Profile
    from taxiway.core.specs.monitoring import Drift
    from taxiway.engines.drift import compare
    from taxiway.engines.profiles import profile

    def work():
        at = Profile.load(json.loads(Path(stored).read_text(encoding="utf-8")))
        return compare(at, profile(pl.scan_parquet(path.split(",")), at), Drift())

    return work


def evidently(path: str, before: str):
    """Evidently's preset over both tables, which it has in memory already."""
    warnings.simplefilter("ignore")
    os.environ["DO_NOT_TRACK"] = "1"
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    now, then = (pd.read_parquet(one) for one in (path, before))
    return lambda: Report([DataDriftPreset()]).run(now, then)


class Most:
    """The most anonymous memory there was between now and the end, in bytes; looks a hundred times a second."""

    def __init__(self) -> None:
        self._most, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> int:
        self._over.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
            held = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
            self._most = max(self._most, held * 1024)


def main(name: str, *words: str) -> None:
    if name == "generate":
        generate(words[0], int(words[1]), int(words[2]))
    elif name == "reference":
        reference(*words)
    else:
        work = globals()[name](*words)
        most = Most()
        began = time.process_time()
        work()
        cpu = time.process_time() - began
        print(json.dumps([cpu, most.end()]))


if __name__ == "__main__":
    main(*sys.argv[1:])
