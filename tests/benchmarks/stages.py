"""What a framework adds: the same five steps on the flights, whole-process CPU of three ways to run them.

    uv run --extra dev python tests/benchmarks/stages.py [--json] [--runs 3]

Every process that a contender starts is counted, also those that outlive it: the benchmark is their subreaper.
The databases are made before the clock starts.
"""

import argparse
import ctypes
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import report, row

HERE = Path(__file__).resolve().parent
DAGS = HERE.parents[1] / "dags"
PR_SET_CHILD_SUBREAPER = 36

PREPARE = """
from airflow.utils.db import initdb
initdb()
from airflow.models.dagbundle import DagBundleModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.session import create_session
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder={file!r})
assert not bag.import_errors, bag.import_errors
for dag in bag.dags.values():
    with create_session() as session:
        if not session.get(DagBundleModel, "dags-folder"):
            session.add(DagBundleModel(name="dags-folder"))
            session.flush()
        lazy = LazyDeserializedDAG.from_dag(dag)
        SerializedDAG.bulk_write_to_db("dags-folder", None, [lazy], session=session)
        SerializedDagModel.write_dag(lazy, bundle_name="dags-folder", session=session)
"""

RUN = """




from airflow.dag_processing.dagbag import DagBag
dag = DagBag(dag_folder={file!r}).dags[{dag_id!r}]
run = dag.test()
assert run.state == "success", run.state
"""


def children_cpu_s(command: list[str], env: dict[str, str]) -> float:
    """CPU seconds of a command and of everything it started, waited for or not."""
    before = os.times()
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[:3]} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    _end_orphans()
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _end_orphans() -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for pid in _children():
            os.kill(pid, signal.SIGTERM)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.05)
    raise SystemExit(f"still running: {_children()}")


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


class Contender:
    """One way to run the steps, in a folder of its own."""

    def __init__(self, name: str, folder: Path, lake: Path) -> None:
        self.name, self.folder, self.lake = name, folder, lake
        self.file = folder / "dags" / f"{name}.py"
        self.file.parent.mkdir(parents=True)
        shutil.copy(HERE / "contenders" / f"{name}.py", self.file)
        self.env = {
            **os.environ,
            "PYTHONPATH": f"{DAGS}:{HERE / 'contenders'}",
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.file.parent),
            "TAXIWAY_STATE": str(folder / "state"),
            "BENCHMARK_LAKE": str(lake),
            "BENCHMARK_WORK": str(folder / "work"),
        }

    def prepare(self, dag_id: str | None) -> None:
        (self.folder / "work").mkdir()
        if dag_id:
            self._python(PREPARE.format(file=str(self.file)))

    def cpu_s(self, dag_id: str | None) -> float:
        for scrap in ("work", "state", "taxiway"):
            shutil.rmtree(self.folder / scrap, ignore_errors=True)
        (self.folder / "work").mkdir()
        if dag_id:
            return self._python(RUN.format(file=str(self.file), dag_id=dag_id))
        command = [sys.executable, str(self.file), str(self.lake), str(self.folder / "work")]
        return children_cpu_s(command, self.env)

    def _python(self, code: str) -> float:
        return children_cpu_s([sys.executable, "-c", code], self.env)


def _lake(folder: Path) -> Path:
    sys.path.insert(0, str(DAGS))
    from flight_delay import lake

    files = lake.write(folder)
    for name, chosen in (("train", files[:11]), ("december", files[11:])):
        (folder / name).mkdir()
        for file in chosen:
            (folder / name / file.name).hardlink_to(file)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as scratch:
        lake = _lake(Path(scratch) / "lake")
        dag_ids = {"plain_script": None, "plain_airflow": "plain_airflow", "with_taxiway": "flight-delay.training"}
        contenders = [Contender(name, Path(scratch) / name, lake) for name in dag_ids]
        for contender in contenders:
            contender.prepare(dag_ids[contender.name])
        seconds: dict[str, list[float]] = {name: [] for name in dag_ids}
        for _ in range(options.runs):
            for contender in contenders:
                seconds[contender.name].append(contender.cpu_s(dag_ids[contender.name]))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    plain = median["plain_script"]
    rows = [
        row("plain Airflow tasks / plain script, CPU", median["plain_airflow"] / plain, None, at_most=True),
        row("Taxiway under dag.test() / plain script, CPU", median["with_taxiway"] / plain, 2.0, at_most=True),
        row("plain script, CPU seconds", plain, None, at_most=True),
    ]
    return report(rows, sys.argv)


if __name__ == "__main__":
    raise SystemExit(main())
