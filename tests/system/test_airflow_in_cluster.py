"""The chart beside an Airflow that is there already: a model goes live with the rights that the chart gives, alone."""

import contextlib
import json
import re
import secrets
from typing import NamedTuple

import pytest
import yaml

from cluster.airflow.airflows import BASE, IMAGE, InCluster, images, manifests
from cluster.fixtures import AUDIT_LOG
from helm.charts import CHART, found
from helm.sites import ACCOUNTS, give_secret, way_to
from system.standalone import until
from taxiway.core.outcomes import Outcome
from taxiway.core.serving import Phase
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry
from taxiway.stores.services import Services

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(1500)]


class Place(NamedTuple):
    """The namespaces of an Airflow, its jobs and its services, and the overlay that the chart printed for it."""

    airflow: str
    training: str
    serving: str
    overlay: dict


@pytest.fixture(scope="module")
def helm(cluster):
    return found("helm", cluster.kubeconfig)


@pytest.fixture(scope="module")
def storage(cluster, s3_for_pods, tmp_path_factory):
    """Object storage with the flights of a month in it."""
    from flight_delay import lake

    with s3_for_pods.here():
        (month,) = lake.write(tmp_path_factory.mktemp("lake"), range(1, 2))
        open_store(s3_for_pods.uri).create("site/flights/2013-01.parquet", month.read_bytes())
    return s3_for_pods


@pytest.fixture(scope="module")
def site(cluster, helm, storage, load_image, job_image):
    """The chart is installed, and its namespaces have the store's Secret."""
    release = f"taxiway-{secrets.token_hex(3)}"
    with cluster.namespace() as airflow:
        for account in ACCOUNTS:
            cluster.kubectl("create", "serviceaccount", f"airflow-{account}", "-n", airflow)
        give_secret(cluster, airflow, storage)
        told = {
            "store.uri": f"{storage.uri}site/",
            "store.secret": "taxiway-store",
            "airflow.namespace": airflow,
            "training.namespace.name": f"{release}-training",
            "training.priorityClasses": "null",
            "training.profiles.cpu\\.tiny.memory": "1Gi",
            "training.profiles.cpu\\.tiny.template": "cpu",
            "serving.namespace.name": f"{release}-serving",
            "check.image": load_image(job_image),
        }
        words = [word for key, value in told.items() for word in ("--set", f"{key}={value}")]
        helm("install", release, str(CHART), "--namespace", airflow, *words, *way_to(storage))
        try:
            for namespace in (f"{release}-training", f"{release}-serving"):
                give_secret(cluster, namespace, storage)
            notes = helm("get", "notes", release, "--namespace", airflow)
            overlay = re.search(r"# ---- taxiway-overlay.yaml\n(.*?)# ----", notes, re.DOTALL).group(1)
            yield Place(airflow, f"{release}-training", f"{release}-serving", yaml.safe_load(overlay))
        finally:
            helm("uninstall", release, "--namespace", airflow)


@pytest.fixture(scope="module")
def airflow(cluster, site, docker_engine, base_image, steps_image, serve_image, load_image, tmp_path_factory):
    teams, database = images(docker_engine, base_image, tmp_path_factory.mktemp("airflow"))
    asked = {
        "TAXIWAY_TEST_IMAGE": load_image(steps_image),
        "TAXIWAY_TEST_SERVER": load_image(serve_image),
        "TAXIWAY_TEST_SERVING": site.serving,
    }
    objects = manifests(load_image(teams), load_image(database), site.overlay, asked)
    with InCluster(cluster, site.airflow, objects) as running:
        yield running


def asked_of_the_api_server(namespace):
    """What the accounts of a namespace asked of the API server, as its audit log has it; none where there is no log."""
    users = f"system:serviceaccount:{namespace}:"
    for line in AUDIT_LOG.read_text(encoding="utf-8").splitlines() if AUDIT_LOG.exists() else ():
        with contextlib.suppress(ValueError):  # the line that is being written
            event = json.loads(line)
            if event["user"]["username"].startswith(users):
                yield event


@pytest.fixture(scope="module")
def trained(airflow):
    """The run that trains, which has ended."""
    run = airflow.trigger("flights.training")
    assert airflow.finish("flights.training", run, 900) == "success", airflow.tail()
    return run


@pytest.fixture(scope="module")
def deployed(airflow, trained):
    """The run that takes the champion live, which Airflow has started by itself."""
    runs = "/api/v2/dags/flights.deployment/dagRuns"
    (run,) = until(lambda: airflow.call("GET", runs).json()["dag_runs"], 120, "no deployment was started")
    assert airflow.finish("flights.deployment", run["dag_run_id"], 600) == "success", airflow.tail()
    return run


def test_a_model_passes_train_pods_and_its_gate_and_gets_a_number(airflow, trained, storage):
    states = airflow.states("flights.training", trained)
    assert set(states.values()) == {"success"}
    with storage.here():
        registry = Registry(open_store(f"{storage.uri}site/"))
        champion = registry.version("flights", registry.resolve("flights").number)
        assert [one.outcome for one in champion.verdicts] == [Outcome.PASS]


def test_the_champion_goes_live_by_itself_and_answers(cluster, site, deployed, storage):
    with storage.here():
        state = Services(open_store(f"{storage.uri}site/")).state("flights")
    assert (state.phase, state.live.number) == (Phase.LIVE, 1)
    (server,) = cluster.get("pods", "-n", site.serving, "-l", "taxiway.dev/service=taxiway-flights")["items"]
    assert server["spec"]["serviceAccountName"] == "taxiway-server"
    path = f"/api/v1/namespaces/{site.serving}/services/taxiway-flights:http/proxy/v2/models/flights/ready"
    assert json.loads(cluster.kubectl("get", "--raw", path))["ready"]


def test_no_account_of_the_airflow_was_denied_anything_and_none_used_more_than_the_chart_gives(cluster, site, deployed):
    events = list(asked_of_the_api_server(site.airflow))
    if not events:
        pytest.skip("This cluster's audit log cannot be read here: start one with tests/cluster/up.")
    denied = [event["requestURI"] for event in events if event["responseStatus"]["code"] == 403]
    assert denied == []
    for namespace, least in (
        (site.training, {("pods", "create"), ("pods/log", "get"), ("jobs", "create"), ("jobs", "get")}),
        (site.serving, {("deployments", "patch"), ("services", "patch"), ("pods", "list"), ("pods/proxy", "get")}),
    ):
        (role,) = cluster.get("roles", "-n", namespace)["items"]
        given = {(part, verb) for rule in role["rules"] for part in rule["resources"] for verb in rule["verbs"]}
        there = [event for event in events if event.get("objectRef", {}).get("namespace") == namespace]
        used = {(resource(event["objectRef"]), event["verb"]) for event in there}
        assert least <= used <= given
        who = {event["user"]["username"].rpartition(":")[2] for event in there}
        assert {"airflow-worker", "airflow-triggerer"} <= who


def resource(asked):
    return "/".join(filter(None, (asked["resource"], asked.get("subresource"))))


def test_every_pod_of_the_airflow_its_jobs_and_its_services_is_in_a_restricted_namespace(cluster, site, deployed):
    for namespace in site[:3]:
        labels = cluster.get("namespace", namespace)["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    jobs = cluster.get("pods", "-n", site.training, "-l", "taxiway.dev/job")["items"]
    assert {pod["spec"]["serviceAccountName"] for pod in jobs} == {"taxiway-job"}
    assert {pod["spec"]["automountServiceAccountToken"] for pod in jobs} == {False}


def test_the_pages_of_the_models_open_in_it(airflow, trained):
    for path in ("/taxiway/models", "/taxiway/models/flights"):
        page = airflow.call("GET", path)
        assert page.status_code == 200, page.text
        assert "flights" in page.text


def test_the_image_has_every_package_of_its_base_at_the_version_it_had(airflow, docker_engine):
    before, after = (
        set(docker_engine.docker("run", "--rm", image, "pip", "list", "--format", "freeze").splitlines())
        for image in (BASE, IMAGE)
    )
    assert before <= after
    assert {line.partition("==")[0] for line in after - before} >= {"taxiway", "obstore", "polars", "scikit-learn"}
