"""What it costs in time to run a job in a pod, beside KubernetesPodOperator, and what fifty that are waited for hold.

    uv run --extra dev python tests/benchmarks/jobs.py [--json] [--quick] [--runs 5] [--pods 50]

It needs the cluster and the engine of `tests/cluster` and the S3 server there. All four contenders run under
`dag.test()` in this process, in turns. The pod operator's script does what is done for a training, and then says when
it begins: it is seeded, and reads the same rows from the same store. The waiting ones are real pods with real triggers
in an event loop of their own, which is what a triggerer is.
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
from datetime import UTC, datetime
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from table import report, row  # noqa: E402

import airflow_home  # noqa: E402
from cluster import fixtures  # noqa: E402
from operators import stages  # noqa: E402

SECRET = "taxiway-store"
SCRIPT = """
import io, os, random, time
import numpy, obstore, polars
from obstore.store import from_url
random.seed(0)
numpy.random.seed(0)
store = from_url(os.environ["STORE"], client_options={"allow_http": True})
rows = polars.read_parquet(io.BytesIO(bytes(store.get("rows/rows.parquet").bytes())))
began = time.time()
from sklearn.linear_model import LogisticRegression
LogisticRegression().fit(rows.select("x"), rows["late"].to_numpy())
store.put("times/" + os.environ["NAME"], f"{began} {time.time()}".encode())
"""


class Ground:
    """A namespace of the cluster, a store that its pods reach, and the image that they run."""

    def __init__(self, cluster, namespace, storage, image):
        self.cluster, self.namespace, self.storage, self.image = cluster, namespace, storage, image

    def secret(self):
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET, "namespace": self.namespace}}
        text = json.dumps({**secret, "stringData": self.storage.environment})
        self.cluster.kubectl("create", "-f", "-", stdin=text)


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


def dag(name):
    from airflow.sdk import DAG

    made = DAG(name, schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC))
    made.fileloc = stages.__file__
    return made


def clocked(times, kind):
    """An operator that says when the task begins and ends, deferred or not."""

    class Clocked(kind):
        def execute(self, context):
            times.setdefault("started", time.time())
            return super().execute(context)

        def post_execute(self, *_, **__):
            times["ended"] = time.time()

    return Clocked


def ours(ground: Ground, name: str, report_data: dict, *, deferrable: bool) -> dict[str, float]:
    """When one training began and ended, as a task, as user code and as a job."""
    from taxiway.core import KubernetesJob, Training
    from taxiway.core.jobs import JobKey
    from taxiway.operators.training import TrainOperator
    from taxiway.stores.mailbox import Mailbox
    from taxiway.stores.objects import open_store

    times: dict[str, float] = {}
    made = dag(name)
    store = ground.storage.uri
    on = KubernetesJob(ground.image, secrets=(SECRET,), cpu="100m", memory="1Gi", shm="16Mi")
    clocked(times, TrainOperator)(
        task_id="train",
        model="m",
        report=report_data,
        training=Training("operators.stages:stamped", params={"signs": store, "name": name}, on=on),
        deferrable=deferrable,
        dag=made,
    )
    run = airflow_home.run(made)
    assert airflow_home.states(run) == {"train": "success"}
    opened = open_store(store)
    times["began"] = float(opened.get(f"{name}/began"))
    result = Mailbox(opened).result(JobKey(dag_id=name, run_id=run.run_id, task_id="train"))
    times["done"] = datetime.fromisoformat(result.ended_at).timestamp()
    return times


def theirs(ground: Ground, name: str, _: dict, *, deferrable: bool) -> dict[str, float]:
    """The same of a script in a pod of the pod operator."""
    from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
    from kubernetes.client import models as k8s

    from taxiway.stores.objects import open_store

    times: dict[str, float] = {}
    made = dag(name)
    drop = k8s.V1Capabilities(drop=["ALL"])
    clocked(times, KubernetesPodOperator)(
        task_id="train",
        name=name,
        namespace=ground.namespace,
        image=ground.image,
        cmds=["python", "-c", SCRIPT],
        env_vars={"STORE": ground.storage.uri, "NAME": name, "HOME": "/tmp"},
        env_from=[k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=SECRET))],
        security_context={"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        container_security_context=k8s.V1SecurityContext(allow_privilege_escalation=False, capabilities=drop),
        container_resources=k8s.V1ResourceRequirements(requests={"cpu": "100m", "memory": "1Gi"}),
        deferrable=deferrable,
        dag=made,
    )
    run = airflow_home.run(made)
    assert airflow_home.states(run) == {"train": "success"}
    began, done = (float(word) for word in open_store(ground.storage.uri).get(f"times/{name}").split())
    return {**times, "began": began, "done": done}


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


def latencies(ground: Ground, folder: Path, runs: int) -> dict[str, tuple[float, float]]:
    """Seconds from a task's start to the user's code, and from the job's end to the task's: the medians."""
    told = rows_of(ground, folder)
    contenders = {
        f"{whose}-{how}": (whose, how == "deferred") for whose in ("ours", "theirs") for how in ("waiting", "deferred")
    }
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for turn in range(runs + 1):
        for name, (whose, deferrable) in contenders.items():
            called = f"{name}-{turn}"
            one = (ours if whose == "ours" else theirs)(ground, called, told, deferrable=deferrable)
            if turn:  # the first turn is everybody's warm-up
                seen[name].append(one)
    between = lambda times, first, last: statistics.median(one[last] - one[first] for one in times)  # noqa: E731
    return {name: (between(times, "started", "began"), between(times, "done", "ended")) for name, times in seen.items()}


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
        seconds = latencies(found, Path(folder), runs)
        costs = held(found, Path(folder), pods, 15.0 if options.quick else 60.0)
    rows = []
    for how in ("waiting", "deferred"):
        (start, end), (their_start, their_end) = seconds[f"ours-{how}"], seconds[f"theirs-{how}"]
        rows += [
            row(f"{how}: task's start to user's code / pod operator", start / their_start, 1.0, at_most=True),
            row(f"{how}: the same, s", start, None, at_most=True),
            row(f"{how}: job's end to task's end / pod operator", end / their_end, 1.0, at_most=True),
            row(f"{how}: the same, s", end, None, at_most=True),
            row(f"{how}: both together / pod operator", (start + end) / (their_start + their_end), 1.0, at_most=True),
        ]
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
