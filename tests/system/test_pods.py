"""Trainings in pods and containers under a whole Airflow whose processes are killed, one after the other."""

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from cluster.fixtures import HERE as CLUSTER
from cluster.fixtures import object_storage, reachable_address
from operators import stages
from system.standalone import Parts, postgresql, until
from taxiway.core.history import run_key
from taxiway.core.jobs import Cause, JobKey
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import open_store
from taxiway.stores.runs import RunHistory

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(1200)]


class Pods(Parts):
    ready_when = "/api/v2/dags/flights-in-a-container.training"


@pytest.fixture(scope="module")
def where(cluster):
    """A namespace for all tests of the module."""
    with cluster.namespace() as name:
        yield name


@pytest.fixture(scope="module")
def storage(cluster, tmp_path_factory):
    with object_storage(reachable_address(cluster), tmp_path_factory.mktemp("storage") / "pods") as found:
        yield found


@pytest.fixture(scope="module")
def running(cluster, where, storage, load_image, steps_image, docker_engine, tmp_path_factory):
    """The Airflow, with everything in object storage that pods reach, too."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("there is no PostgreSQL: apt-get install postgresql, then pytest tests/system -m system")
    folder = tmp_path_factory.mktemp("airflow")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "taxiway-store", "namespace": where}}
    cluster.kubectl("create", "-f", "-", stdin=json.dumps({**secret, "stringData": storage.environment}))
    environment = {
        **storage.environment,
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "pods"),
        "AIRFLOW__TAXIWAY__STORE": f"{storage.uri}store/",
        "AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps(
            {"conn_type": "kubernetes", "extra": {"kube_config_path": cluster.kubeconfig}}
        ),
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "3",
        "DOCKER_HOST": docker_engine.host,
        "PYTHONPATH": os.pathsep.join((str(CLUSTER.parent), str(CLUSTER.parents[1] / "dags"))),
        "TAXIWAY_TEST_IMAGE": load_image(steps_image),
        "TAXIWAY_TEST_NAMESPACE": where,
        "TAXIWAY_TEST_STORE": storage.uri,
    }
    upload(storage, folder)
    with postgresql() as url, Pods(folder, url, **environment) as airflow:
        yield airflow


def upload(storage, folder):
    """Puts the rows, and the flights of a month, where everybody reaches them."""
    from flight_delay import lake

    with storage.here():
        store = open_store(storage.uri)
        stages.write_rows(folder / "rows")
        store.create("rows/rows.parquet", (folder / "rows" / "rows.parquet").read_bytes())
        (month,) = lake.write(folder, range(1, 2))
        store.create("flights/2013-01.parquet", month.read_bytes())


@pytest.fixture
def signs(storage):
    """Opens the store in which held trainings leave their signs."""
    with storage.here():
        yield open_store(storage.uri)


class Held:
    """One training that was started and waits in its pod."""

    def __init__(self, running, cluster, namespace, signs, model):
        self.airflow, self.cluster, self.namespace, self.signs, self.model = running, cluster, namespace, signs, model
        self.dag = f"{model}.training"
        self.run = running.trigger(self.dag)
        self.train = running.task(self.dag, self.run, "candidate.train")
        until(self.starts, 150, f"it did not start: {running.tail()}")

    def starts(self):
        return [info.path for info in self.signs.list(f"{self.model}/starts/")]

    def pods(self):
        """Pods that are there now."""
        found = self.cluster.get("pods", "-n", self.namespace, "-l", f"dag_id={self.dag}")["items"]
        return [pod["metadata"]["name"] for pod in found]

    def go(self):
        self.signs.create(f"{self.model}/go", b"")

    def state(self):
        return self.airflow.call("GET", self.train).json()["state"]

    def finishes(self, pods=1):
        """It ends well, with one pod, which was started once."""
        self.go()
        assert self.airflow.finish(self.dag, self.run, 300) == "success"
        assert len(self.starts()) == pods
        told = self.cluster.get("events", "-n", self.namespace)["items"]
        slug = JobKey(dag_id=self.dag, run_id=self.run, task_id="candidate.train").slug
        names = {one["involvedObject"]["name"] for one in told if one["involvedObject"]["kind"] == "Pod"}
        assert len([one for one in names if slug in one]) == 1

    def gone(self, pods, seconds=15):
        """How long it takes until these pods are there no more."""
        began = time.monotonic()
        until(lambda: not set(pods) & set(self.pods()), seconds, f"{pods} are still there")
        return time.monotonic() - began


@pytest.fixture
def hold(running, cluster, where, signs):
    """Starts trainings that wait in their pods, and lets go of them at the end."""
    held = []

    def holding(model):
        held.append(Held(running, cluster, where, signs, model))
        return held[-1]

    yield holding
    for one in held:
        one.go()


def processes(running, name):
    """The processes below the scheduler that are called so."""
    family = psutil.Process(running.running["scheduler"].pid).children(recursive=True)
    return [one for one in family if name in " ".join(one.cmdline())]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told"])
def test_a_task_process_that_ends_costs_no_second_pod(running, hold, how):
    held = hold(f"waits-{how.name.lower()}")
    told = running.call("GET", held.train).json()["id"]
    (task,) = until(lambda: processes(running, f"airflow worker -- {told}"), 60, "no process of the task is seen")
    task.send_signal(how)
    until(lambda: running.call("GET", held.train).json()["try_number"] == 2, 120, "it was not tried again")
    held.finishes()


def test_a_killed_worker_costs_no_second_pod(running, hold):
    held = hold("waits-worker")
    until(lambda: processes(running, "airflow worker -- LocalExecutor"), 60, "there is no worker")
    for process in processes(running, "airflow worker"):
        process.kill()
    running.kill("scheduler")  # a LocalExecutor does not live without its workers
    running.start("scheduler")
    held.finishes()


@pytest.mark.parametrize("model", ["waits", "defers"])
@pytest.mark.parametrize("part", ["scheduler", "api-server", "triggerer"])
def test_a_part_of_airflow_that_is_killed_costs_no_second_pod(running, hold, model, part):
    held = hold(f"{model}-{part}")
    if model == "defers":
        until(lambda: running.call("GET", held.train).json()["triggerer_job"], 60, "no triggerer took it")
    running.kill(part)
    time.sleep(3)
    running.start(part)
    until(lambda: running._get("/api/v2/version"), 120, "the API server did not come back")
    held.finishes()


def test_deferred_trainings_use_no_worker_slots(running, hold):
    held = [hold(f"defers-{name}") for name in ("first", "second", "third", "fourth")]
    assert len(held) > int(running.env["AIRFLOW__CORE__PARALLELISM"])
    until(lambda: {one.state() for one in held} == {"deferred"}, 60, "they are not deferred")
    assert all(len(one.pods()) == 1 for one in held)
    for one in held:
        one.finishes()


@pytest.mark.parametrize("model", ["waits", "defers"])
def test_marking_a_task_failed_ends_its_pod_within_fifteen_seconds(running, hold, storage, model):
    held = hold(f"{model}-failed")
    if model == "defers":
        until(lambda: running.call("GET", held.train).json()["triggerer_job"], 60, "no triggerer took it")
        time.sleep(5)  # it was assigned, and may not run yet; before that Airflow has nobody who could end the job
    pods = held.pods()
    assert len(pods) == 1
    assert running.call("PATCH", held.train, {"new_state": "failed"}).is_success
    held.gone(pods)
    key = JobKey(dag_id=held.dag, run_id=held.run, task_id="candidate.train")
    with storage.here():
        result = until(lambda: Mailbox(open_store(f"{storage.uri}store/")).result(key), 30, "there is no result")
    assert result.failure.cause is Cause.CANCELLED


@pytest.mark.parametrize("model", ["waits", "defers"])
def test_a_task_that_times_out_ends_its_pod_within_fifteen_seconds(running, hold, model):
    held = hold(f"{model}-times-out")
    pods = held.pods()
    until(lambda: held.state() == "failed" or not held.pods(), 120, "it did not time out")
    held.gone(pods)
    assert running.finish(held.dag, held.run, 120) == "failed"
    assert len(held.starts()) == 1


@pytest.mark.parametrize("model", ["waits", "defers"])
def test_clearing_a_task_ends_its_pod_within_fifteen_seconds_and_starts_another(running, hold, model):
    held = hold(f"{model}-cleared")
    if model == "defers":
        until(lambda: running.call("GET", held.train).json()["triggerer_job"], 60, "no triggerer took it")
        time.sleep(5)
    pods = held.pods()
    body = {"dry_run": False, "task_ids": ["candidate.train"], "dag_run_id": held.run, "only_failed": False}
    body["only_running"] = False
    assert running.call("POST", f"/api/v2/dags/{held.dag}/clearTaskInstances", body).is_success
    held.gone(pods)
    until(lambda: len(held.starts()) == 2, 120, "it did not start again")
    held.go()
    assert running.finish(held.dag, held.run, 300) == "success"


def test_an_evicted_training_goes_on_from_its_checkpoint_in_the_same_run(running, cluster, where, storage, signs):
    run = running.trigger("evicted.training")
    key = JobKey(dag_id="evicted.training", run_id=run, task_id="candidate.train")
    steps = lambda: [info.path for info in signs.list("evicted/steps/")]  # noqa: E731
    until(lambda: len(steps()) > 20, 240, running.tail())
    (pod,) = cluster.get("pods", "-n", where, "-l", "dag_id=evicted.training")["items"]
    name = pod["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": where}}
    path = f"/api/v1/namespaces/{where}/pods/{name}/eviction"
    cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
    assert running.finish("evicted.training", run, 300) == "success", running.states("evicted.training", run)
    with storage.here():
        view = RunHistory(open_store(f"{storage.uri}store/")).read(run_key("evicted", key))
    assert [point.step for point in view.curves["counted"]] == list(range(100))
    assert [(one.outcome, one.wasted) for one in view.spent] == [("Evicted", True), ("succeeded", False)]
    assert len(steps()) <= 101, "SIGTERM saves: at most the step that was in the making is done again"


@pytest.mark.parametrize("model", ["flights-in-a-pod", "flights-in-a-container"])
def test_the_flights_are_learned_from_elsewhere(running, model):
    run = running.trigger(f"{model}.training")
    assert running.finish(f"{model}.training", run, 400) == "success", running.states(f"{model}.training", run)
