"""What it costs to start a job that does next to nothing, libraries included: by the warm launcher and by itself.

    uv run --extra dev python tests/benchmarks/launch.py [--json] [--quick] [--jobs 5]

CPU is that of every process a launch starts, the launcher included: the benchmark is their subreaper and waits for all.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from table import report, row  # noqa: E402

import samples  # noqa: E402
from contract.runner import ended, result  # noqa: E402
from taxiway.core.jobs import JobRequest, require_record  # noqa: E402
from taxiway.core.outcomes import Outcome  # noqa: E402
from taxiway.core.specs.data import Dataset  # noqa: E402
from taxiway.core.specs.jobs import LocalJob  # noqa: E402
from taxiway.core.stages import Stage, ValidateWork  # noqa: E402
from taxiway.core.validation import ValidationReport  # noqa: E402
from taxiway.runners.local import LocalRunner  # noqa: E402
from taxiway.runtime import process  # noqa: E402
from taxiway.runtime.launch import end_launchers  # noqa: E402

CHECKS = """
import pandera.polars as pa


class Rows(pa.DataFrameModel):
    number: int = pa.Field(ge=0)
"""


def work(folder: Path) -> ValidateWork:
    """Validates five numbers: all that takes time is the libraries."""
    (folder / "small_checks.py").write_text(CHECKS)
    (folder / "rows.csv").write_text("number\n1\n2\n3\n4\n5\n")
    return ValidateWork(dataset=Dataset("rows", uri=(folder / "rows.csv").as_uri(), checks="small_checks:Rows"))


def cost(state: Path, store: str, jobs: int, warm_s: float) -> tuple[float, float]:
    """CPU seconds and wall seconds of so many jobs, one after another, launcher and all."""
    runner = LocalRunner(LocalJob(), state=state, warm_s=warm_s)
    began, used = time.perf_counter(), _cpu_s()
    for number in range(jobs):
        asked = JobRequest(
            key=samples.job_key(run_id=state.name, map_index=number),
            stage=Stage.VALIDATE,
            work=work(state.parent).dump(),
            store=store,
            sys_path=(str(state.parent),),
        )
        assert ended(runner, runner.launch(asked)).failure is None
        assert ValidationReport.load(require_record(result(asked))).outcome is Outcome.PASS
    end_launchers(state)
    _reap()
    return _cpu_s() - used, time.perf_counter() - began


def _cpu_s() -> float:
    return sum(os.times()[:4])


def _reap() -> None:
    try:
        while os.wait():
            pass
    except ChildProcessError:
        return


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--jobs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two jobs")
    options = parser.parse_args()
    jobs = 2 if options.quick else options.jobs
    process.adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        store = (Path(folder) / "store").as_uri()
        one_cpu, _ = cost(Path(folder) / "a", store, 1, 0)
        warm_cpu, warm_s = cost(Path(folder) / "b", store, jobs, 60)
        cold_cpu, cold_s = cost(Path(folder) / "c", store, jobs, 0)
    return report(
        [
            row(f"CPU of {jobs} warm jobs over 1 cold one", warm_cpu / one_cpu, 2.0, at_most=True),
            row(f"CPU of {jobs} cold jobs over 1 cold one", cold_cpu / one_cpu, None, at_most=True),
            row(f"CPU of {jobs} warm jobs, s", warm_cpu, None, at_most=True),
            row(f"CPU of {jobs} cold jobs, s", cold_cpu, None, at_most=True),
            row(f"wall of {jobs} warm jobs, s", warm_s, None, at_most=True),
            row(f"wall of {jobs} cold jobs, s", cold_s, None, at_most=True),
        ],
        sys.argv,
    )


if __name__ == "__main__":
    raise SystemExit(main())
