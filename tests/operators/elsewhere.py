"""Trainings that really run in pods, asked for by their operator as a task does: what such tests have in common."""

import contextlib
import importlib.util
import json
import os
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

import airflow_home
from cluster.fixtures import CACHE
from operators import stages
from runners.pods import SECRET
from taxiway.core import Dataset, KubernetesJob, Training
from taxiway.core.history import run_key
from taxiway.core.outcomes import Outcome
from taxiway.core.validation import ValidationReport
from taxiway.hooks.store import TaxiwayHook
from taxiway.operators.base import job_key
from taxiway.stores.datasets import snapshot
from taxiway.stores.objects import open_store
from taxiway.stores.runs import RunHistory

NO_TORCH = (
    f"There is no torch for pods: pip install --target {CACHE}/torch torch safetensors, by the Python of the"
    " job's image, or name such a folder in TAXIWAY_TEST_TORCH."
)
SMALL = {"cpu": "100m", "memory": "1Gi", "shm": "16Mi", "grace_s": 5.0}


class Flight:
    """One task and its job."""

    def __init__(self, operator):
        self.operator, self.context = operator, airflow_home.context(operator)
        self.key = job_key(self.context)

    def execute(self):
        return self.operator.execute(self.context)

    def begin(self) -> Future:
        """Executes in a thread."""
        pool = ThreadPoolExecutor(1)
        future = pool.submit(self.execute)
        pool.shutdown(wait=False)
        return future

    def result(self, attempt=1):
        """What came of an attempt."""
        desk = TaxiwayHook().access(self.operator.where()).desk
        return desk.mailbox.result(self.key.model_copy(update={"attempt": attempt}))

    def said(self, attempt=1):
        """What an attempt printed."""
        desk = TaxiwayHook().access(self.operator.where()).desk
        asked = desk.mailbox.request(self.key.model_copy(update={"attempt": attempt}))
        return desk.runner.logs(desk.runner.launch(asked), 0)[0]

    def history(self):
        return RunHistory(TaxiwayHook().store()).read(run_key(self.operator.model, self.key))

    def steps(self, name):
        """The steps of a metric that are in the history by now."""
        with contextlib.suppress(LookupError, ValueError):
            return [point.step for point in self.history().curves.get(name, ())]
        return []

    def spent(self):
        return [(one.attempt, one.outcome, one.wasted) for one in self.history().spent]


@pytest.fixture
def fly(airflow, dag, store, kubeconfig, namespace, pod_image, tmp_path, monkeypatch):
    """Makes a training task whose jobs run in pods of the namespace, over a store that they reach."""
    from taxiway.operators.training import TrainOperator

    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", store)
    connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": kubeconfig}}
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps(connection))
    opened = open_store(store)
    stages.write_rows(tmp_path / "rows")
    opened.create("rows/rows.parquet", (tmp_path / "rows" / "rows.parquet").read_bytes())
    ref = snapshot(Dataset("rows", uri=f"{store}rows/"), opened)
    report = ValidationReport(dataset=ref, outcome=Outcome.PASS, rows=400, columns={}, checks=())

    def making(function, where=(), **params):
        on = KubernetesJob(pod_image, namespace=namespace, secrets=(SECRET,), **{**SMALL, **dict(where)})
        operator = TrainOperator(
            task_id=f"train-{uuid.uuid4().hex[:4]}",
            model="m",
            report=report.dump(),
            training=Training(function, params={"signs": store, "name": "m", **params}, on=on),
            retries=3,
            retry_delay=0,
            poll_interval_s=0.5,
            dag=dag,
        )
        return Flight(operator)

    return making


@pytest.fixture
def torch_volume(cluster, namespace):
    """What gives a pod torch: a claim to a volume that is a folder of this machine, mounted beside its own code."""
    folder = torch_folder()
    size, modes = {"storage": "1Gi"}, ["ReadOnlyMany"]
    common = {"accessModes": modes, "storageClassName": "", "volumeName": namespace}
    volume = {"accessModes": modes, "storageClassName": "", "capacity": size, "hostPath": {"path": str(folder)}}
    made = [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": namespace}, "spec": volume},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "torch", "namespace": namespace},
            "spec": {**common, "resources": {"requests": size}},
        },
    ]
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": made}))
    bound = "--for=jsonpath={.status.phase}=Bound"
    cluster.kubectl("wait", "-n", namespace, "pvc/torch", bound, "--timeout=60s")
    mounts = [{"name": "torch", "mountPath": "/opt/torch", "readOnly": True}]
    claim = {"claimName": "torch", "readOnly": True}
    yield {
        "spec": {
            "volumes": [{"name": "torch", "persistentVolumeClaim": claim}],
            "containers": [{"name": "base", "volumeMounts": mounts}],
        }
    }
    cluster.kubectl("delete", "persistentvolume", namespace, "--wait=false")


def torch_folder() -> Path:
    """The folder that holds torch: the one that is named, the one in the cache, or where this process has it."""
    installed = importlib.util.find_spec("torch")
    here = Path(str(installed.origin)).parents[1] if installed else None
    named = os.environ.get("TAXIWAY_TEST_TORCH")
    folders = [Path(named)] if named else [CACHE / "torch", *filter(None, (here,))]
    found = next((folder for folder in folders if (folder / "torch").is_dir()), None)
    return found or pytest.skip(NO_TORCH)


def until(condition, seconds, what="it did not come"):
    """What `condition` gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.2)
    return found
