"""What it costs in time to run a job in a pod, beside KubernetesPodOperator, and what fifty that are waited for hold.

    uv run --extra dev python tests/benchmarks/jobs.py [--json] [--quick] [--runs 5] [--pods 50]

It needs the cluster and the engine of `tests/cluster` and the S3 server there. The four DAGs of `pods/` run in turns,
twice: in a real Airflow, where each task has a process of its own and starts when Airflow says that it did, and under
`dag.test()` in this process, with everything imported beforehand. The pods that are waited for by the dozen are real,
and have real triggers in an event loop of their own, which is what a triggerer is.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from table import report, row  # noqa: E402

import airflow_home  # noqa: E402
from cluster import fixtures  # noqa: E402
from operators import stages  # noqa: E402
from system.standalone import Standalone, until  # noqa: E402

PODS = Path(__file__).parent / "pods"
DAGS = ("ours-waiting", "theirs-waiting", "ours-deferred", "theirs-deferred")
SECRET = "taxiway-store"
TRIES = 3


class Ground:
    """A namespace of the cluster, a store that its pods reach, and the image that they run."""

    def __init__(self, cluster, namespace, storage, image):
        self.cluster, self.namespace, self.storage, self.image = cluster, namespace, storage, image

    def secret(self):
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET, "namespace": self.namespace}}
        text = json.dumps({**secret, "stringData": self.storage.environment})
        self.cluster.kubectl("create", "-f", "-", stdin=text)

    def tell(self, report_data: dict) -> None:
        """Leaves word for the DAG files: what to run where, and on which rows."""
        told = {"image": self.image, "namespace": self.namespace, "store": self.storage.uri}
        os.environ["TAXIWAY_BENCHMARK"] = json.dumps({**told, "secret": SECRET, "report": report_data})


@contextlib.contextmanager
def ground(folder: Path):
    """What is there, or a sentence that says how to start it."""
    kubeconfig = os.environ.get("KUBECONFIG") or str(fixtures.STATES / "cluster" / "admin.kubeconfig")
    cluster = fixtures.Cluster(kubeconfig)
    engine = fixtures.Engine(os.environ.get("DOCKER_HOST") or f"unix://{fixtures.STATES}/docker/docker.sock")
    if not Path(kubeconfig).exists() or not cluster.answers():
        raise SystemExit(fixtures.NO_CLUSTER)
    if not engine.answers():
        raise SystemExit(fixtures.NO_ENGINE)
    base = fixtures.BASE_IMAGE
    bare = f"{base}-bare" if engine.has(f"{base}-bare") else base
    image = fixtures.with_steps(engine, fixtures.build_job_image(engine, base, bare), folder / "image")
    cluster.load(image)
    with (
        fixtures.object_storage(fixtures.reachable_address(cluster), folder / "s3" / "pods") as storage,
        cluster.namespace() as namespace,
    ):
        os.environ.update(storage.environment)
        connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": kubeconfig, "namespace": namespace}}
        os.environ["AIRFLOW_CONN_KUBERNETES_DEFAULT"] = json.dumps(connection)
        os.environ["AIRFLOW__TAXIWAY__STORE"] = storage.uri
        found = Ground(cluster, namespace, storage, image)
        found.secret()
        yield found


class Running(Standalone):
    """The Airflow of this benchmark."""

    ready_when = f"/api/v2/dags/{DAGS[-1]}"


class Task(NamedTuple):
    """One training as a task, as a job and as user code, in seconds since 1970.

    Attributes:
        started: when Airflow says that the task began.
        began: when the user's code did.
        done: when the job had its result, or the script was through.
        ended: when Airflow says that the task was over.
    """

    started: float
    began: float
    done: float
    ended: float


def task(ground: Ground, dag_id: str, run_id: str, started: float, ended: float) -> Task:
    """A task's times, with what its pod wrote down."""
    from taxiway.core.jobs import JobKey
    from taxiway.stores.mailbox import Mailbox
    from taxiway.stores.objects import open_store

    opened = open_store(ground.storage.uri)
    if dag_id.startswith("theirs"):
        began, done = (float(word) for word in opened.get(f"times/{run_id}").split())
        return Task(started, began, done, ended)
    result = Mailbox(opened).result(JobKey(dag_id=dag_id, run_id=run_id, task_id="train"))
    done = datetime.fromisoformat(result.ended_at).timestamp()
    return Task(started, float(opened.get(f"{run_id}/began")), done, ended)


@contextlib.contextmanager
def in_airflow(ground: Ground, folder: Path) -> Iterator[Callable[[str], Task]]:
    """Runs a DAG in an Airflow of its own, where a task has a process of its own."""
    told = {
        "AIRFLOW_CONN_KUBERNETES_DEFAULT": os.environ["AIRFLOW_CONN_KUBERNETES_DEFAULT"],
        "AIRFLOW__CORE__DAGS_FOLDER": str(PODS),
        "AIRFLOW__TAXIWAY__STORE": ground.storage.uri,
    }
    folder.mkdir()
    with Running(folder, None, **told) as running:
        until(lambda: running.call("GET", f"/api/v2/dags/{DAGS[0]}").is_success, 120, "no DAGs")

        def run(dag_id: str) -> Task:
            for _ in range(
                TRIES
            ):  # Airflow itself may lose a run, whose task comes back before it is known to have left
                run_id = running.trigger(dag_id)
                if running.finish(dag_id, run_id, 300) == "success":
                    break
            else:
                raise AssertionError(f"{dag_id} failed {TRIES} times\n{running.tail()}")
            told = running.call("GET", running.task(dag_id, run_id, "train")).json()
            started, ended = (datetime.fromisoformat(told[word]).timestamp() for word in ("start_date", "end_date"))
            return task(ground, dag_id, run_id, started, ended)

        yield run


def in_this_process(ground: Ground) -> Callable[[str], Task]:
    """Runs a DAG here, with everything that it imports imported."""
    from airflow.dag_processing.dagbag import DagBag

    found = DagBag(PODS).dags

    def run(dag_id: str) -> Task:
        done = airflow_home.run(found[dag_id])
        ti = done.get_task_instance("train")
        assert str(ti.state) == "success", dag_id
        return task(ground, dag_id, done.run_id, ti.start_date.timestamp(), ti.end_date.timestamp())

    return run


def rows_of(ground: Ground, folder: Path) -> dict:
    """The validation report of the rows, as the task before would hand it over."""
    from taxiway.core import Dataset
    from taxiway.core.outcomes import Outcome
    from taxiway.core.validation import ValidationReport
    from taxiway.stores.datasets import snapshot
    from taxiway.stores.objects import open_store

    store = open_store(ground.storage.uri)
    stages.write_rows(folder / "rows")
    store.create("rows/rows.parquet", (folder / "rows" / "rows.parquet").read_bytes())
    ref = snapshot(Dataset("rows", uri=f"{ground.storage.uri}rows/"), store)
    return ValidationReport(dataset=ref, outcome=Outcome.PASS, rows=400, columns={}, checks=()).dump()


def latencies(run: Callable[[str], Task], runs: int) -> dict[str, tuple[float, float]]:
    """Seconds from a task's start to the user's code, and from the job's end to the task's: the medians."""
    seen: dict[str, list[Task]] = {name: [] for name in DAGS}
    for turn in range(runs + 1):
        for name in DAGS:
            one = run(name)
            if turn:  # the first turn is everybody's warm-up
                seen[name].append(one)
    return {
        name: (
            statistics.median(one.began - one.started for one in tasks),
            statistics.median(one.ended - one.done for one in tasks),
        )
        for name, tasks in seen.items()
    }


def compared(seconds: dict[str, tuple[float, float]], where: str, target: float | None) -> list[dict]:
    """Our times over theirs, and ours in seconds."""
    rows = []
    for how in ("waiting", "deferred"):
        (start, end), (their_start, their_end) = seconds[f"ours-{how}"], seconds[f"theirs-{how}"]
        rows += [
            row(f"{where}{how}: task's start to user's code / pod operator", start / their_start, target, at_most=True),
            row(f"{where}{how}: the same, s", start, None, at_most=True),
            row(f"{where}{how}: job's end to task's end / pod operator", end / their_end, target, at_most=True),
            row(f"{where}{how}: the same, s", end, None, at_most=True),
            row(
                f"{where}{how}: both together / pod operator",
                (start + end) / (their_start + their_end),
                target,
                at_most=True,
            ),
        ]
    return rows


def held(ground: Ground, folder: Path, pods: int, seconds: float) -> dict[str, dict[str, float]]:
    """Fifty pods that run, and what waiting for them costs each kind of trigger."""
    import samples
    from contract.runner import request
    from taxiway.core import KubernetesJob
    from taxiway.hooks.store import TaxiwayHook

    where = KubernetesJob(ground.image, secrets=(SECRET,), cpu="5m", memory="200Mi", shm="1Mi", grace_s=0.0)
    desk = TaxiwayHook().access(where).desk
    jobs = []
    for number in range(pods):
        key = samples.job_key(task_id=f"held-{number}")
        asked = request("hangs", ground.storage.uri, key=key, sign=f"held-{number}", deadline_s=1800.0)
        jobs.append((key, desk.start(asked)))
    _until_all_run(desk.runner, [handle for _, handle in jobs])
    waiting = folder / "waiting.json"
    waiting.write_text(
        json.dumps([{"key": key.dump(), "handle": handle, "image": ground.image} for key, handle in jobs])
    )
    costs = {}
    for whose in ("idle", "ours", "theirs"):
        script = str(TESTS / "benchmarks" / "waiting.py")
        command = [sys.executable, script, whose, str(waiting), ground.namespace, str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        costs[whose] = json.loads(done.stdout.splitlines()[-1])
    return costs


def _until_all_run(runner, handles):
    end = time.monotonic() + 900
    while handles:
        handles = [one for one in handles if runner.describe(one).state.value != "running"]
        assert time.monotonic() < end, f"{len(handles)} pods do not start"
        time.sleep(1)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one run, five pods")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pods", type=int, default=50)
    options = parser.parse_args()
    runs, pods = (1, 5) if options.quick else (options.runs, options.pods)
    airflow_home.settle()
    with tempfile.TemporaryDirectory() as folder, ground(Path(folder)) as found, contextlib.redirect_stdout(sys.stderr):
        found.tell(rows_of(found, Path(folder)))
        with in_airflow(found, Path(folder) / "airflow") as run:
            real = latencies(run, runs)
        warm = latencies(in_this_process(found), runs)
        costs = held(found, Path(folder), pods, 15.0 if options.quick else 60.0)
    rows = [*compared(real, "", 1.0), *compared(warm, "all imported, ", None)]
    idle, mine, other = (costs[whose] for whose in ("idle", "ours", "theirs"))
    rows += [
        row(f"{pods} deferred: memory over idle, MiB", mine["mib"] - idle["mib"], 200.0, at_most=True),
        row(f"{pods} deferred, pod operator: memory over idle, MiB", other["mib"] - idle["mib"], None, at_most=True),
        row(f"{pods} deferred: API requests per pod and minute", mine["requests"] / pods, None, at_most=True),
        row(f"{pods} deferred, pod operator: the same", other["requests"] / pods, None, at_most=True),
    ]
    return report(rows, sys.argv)


if __name__ == "__main__":
    raise SystemExit(main())
