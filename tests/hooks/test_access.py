import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import samples
from taxiway.core import DockerJob, KubernetesJob, LocalJob
from taxiway.core.errors import SpecError
from taxiway.core.jobs import JobRequest
from taxiway.hooks.store import TaxiwayHook
from taxiway.runners.docker import DockerRunner
from taxiway.runners.kubernetes import KubernetesRunner
from taxiway.runners.local import LocalRunner

pytestmark = pytest.mark.usefixtures("airflow")

ASKED = JobRequest(key=samples.job_key(), stage="train", work={}, store="s3://models/")
TEMPLATE = {
    "metadata": {"labels": {"team": "flights"}},
    "spec": {
        "nodeSelector": {"gpu": "a100"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "flights"}}],
        "containers": [
            {
                "name": "base",
                "image": "ignored:1",
                "env": [{"name": "COLOUR", "value": "blue"}],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }
        ],
    },
}
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(samples.__file__).parent)}
PROFILES = {"gpu.small": {"gpus": 1, "memory": "16Gi", "pod_template": {"spec": {"runtimeClassName": "nvidia"}}}}


@pytest.fixture
def hook(monkeypatch):
    """A hook whose connections are these; the store is on S3."""

    def making(**connections):
        stores = {"taxiway_default": {"conn_type": "taxiway", "extra": {"store": "s3://models/", "profiles": PROFILES}}}
        for conn_id, values in {**stores, **connections}.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(values))
        return TaxiwayHook()

    return making


def pod(hook, job):
    """The pod that a job asks for."""
    return hook.access(job).runner().plan(ASKED)["objects"][0]


def test_each_place_has_its_runner(hook):
    kinds = [type(hook().access(where).runner()) for where in (LocalJob(), DockerJob("i:1"), KubernetesJob("i:1"))]
    assert kinds == [LocalRunner, DockerRunner, KubernetesRunner]


def test_a_pod_template_is_merged_as_the_pod_operator_merges_its_own(hook):
    made = pod(hook(), KubernetesJob("flights:2", pod_template=TEMPLATE, cpu="2", env={"SIZE": "big"}))
    spec = made["spec"]
    (container,) = spec["containers"]
    assert container["image"] == "flights:2"
    assert {"name": "COLOUR", "value": "blue"} in container["env"]
    assert {"name": "SIZE", "value": "big"} in container["env"]
    assert {one["name"] for one in spec["volumes"]} == {"tmp", "shm", "data"}
    assert {one["mountPath"] for one in container["volumeMounts"]} == {"/tmp", "/dev/shm", "/data"}
    assert spec["nodeSelector"] == {"gpu": "a100"}
    assert spec["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert made["metadata"]["labels"]["team"] == "flights"
    assert container["securityContext"]["readOnlyRootFilesystem"]


def test_resources_that_only_a_template_can_name_are_kept(hook):
    container = {
        "name": "base",
        "resources": {"claims": [{"name": "gpu"}], "limits": {"ephemeral-storage": "50Gi", "memory": "1Gi"}},
    }
    claim = {"name": "gpu", "resourceClaimTemplateName": "one-gpu"}
    template = {"spec": {"resourceClaims": [claim], "containers": [container]}}
    spec = pod(hook(), KubernetesJob("i:1", pod_template=template, memory="8Gi"))["spec"]
    assert spec["resourceClaims"] == [claim]
    assert spec["containers"][0]["resources"] == {
        "claims": [{"name": "gpu"}],
        "limits": {"ephemeral-storage": "50Gi", "memory": "8Gi"},
        "requests": {"memory": "8Gi"},
    }


def test_a_template_may_be_a_file(hook, tmp_path):
    file = tmp_path / "pod.yaml"
    file.write_text("spec:\n  nodeSelector: {gpu: a100}\n  containers: []\n")
    access = hook().access(KubernetesJob("i:1", pod_template=str(file)))
    file.unlink()
    assert access.runner().plan(ASKED)["objects"][0]["spec"]["nodeSelector"] == {"gpu": "a100"}


@pytest.mark.parametrize("text", ["- a\n- list\n", "{", "just words"])
def test_a_file_that_is_no_pod_is_named(hook, tmp_path, text):
    file = tmp_path / "pod.yaml"
    file.write_text(text)
    with pytest.raises(SpecError, match=r"the pod template cannot be read.*pod\.yaml|pod\.yaml.*the pod template"):
        hook().access(KubernetesJob("i:1", pod_template=str(file)))
    with pytest.raises(SpecError, match="the pod template cannot be read"):
        hook().access(KubernetesJob("i:1", pod_template=str(tmp_path / "nowhere.yaml")))


def test_a_template_that_is_no_pod_is_refused(hook):
    with pytest.raises(SpecError, match="the pod template is no pod"):
        pod(hook(), KubernetesJob("i:1", pod_template={"spec": ["not", "one"]}))


def test_a_profile_is_looked_up_by_name_and_brings_its_own_template(hook):
    made = pod(hook(), KubernetesJob("i:1", resources="gpu.small"))
    assert made["spec"]["runtimeClassName"] == "nvidia"
    assert made["spec"]["containers"][0]["resources"]["limits"] == {"memory": "16Gi", "nvidia.com/gpu": "1"}
    assert hook().access(KubernetesJob("i:1", resources="gpu.small", nodes=2)).gpus == 2
    with pytest.raises(SpecError, match=r"Did you mean 'gpu\.small'"):
        pod(hook(), KubernetesJob("i:1", resources="gpu.smal"))


def test_profiles_may_be_configured_without_a_connection(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__TAXIWAY__PROFILES", json.dumps(PROFILES))
    assert set(TaxiwayHook().place.profiles) == {"gpu.small"}
    (tmp_path / "profiles.json").write_text(json.dumps(PROFILES))
    monkeypatch.setenv("AIRFLOW__TAXIWAY__PROFILES", str(tmp_path / "profiles.json"))
    assert set(TaxiwayHook().place.profiles) == {"gpu.small"}
    monkeypatch.setenv("AIRFLOW__TAXIWAY__PROFILES", str(tmp_path / "nowhere.json"))
    with pytest.raises(SpecError, match="neither JSON nor the path of a JSON file"):
        _ = TaxiwayHook().place.profiles


def test_the_connection_says_in_which_namespace(hook):
    connection = {"conn_type": "kubernetes", "extra": {"namespace": "training"}}
    made = hook(kubernetes_default=connection)
    assert pod(made, KubernetesJob("i:1"))["metadata"]["namespace"] == "training"
    assert pod(made, KubernetesJob("i:1", namespace="other"))["metadata"]["namespace"] == "other"


def test_a_trigger_gets_the_same_access(hook):
    made = hook(kubernetes_default={"conn_type": "kubernetes", "extra": {"namespace": "training"}})
    found = asyncio.run(made.aaccess(KubernetesJob("i:1")))
    assert found.runner().plan(ASKED) == made.access(KubernetesJob("i:1")).runner().plan(ASKED)
    assert asyncio.run(made.aaccess(LocalJob())).conn is None


@pytest.mark.parametrize("job", [KubernetesJob("i:1", conn_id="gpus"), DockerJob("i:1", conn_id="registry")])
def test_a_connection_that_was_named_must_exist(hook, job):
    with pytest.raises(SpecError, match="there is no connection"):
        hook().access(job)
    with pytest.raises(SpecError, match="there is no connection"):
        asyncio.run(hook().aaccess(job))


def test_a_registry_is_logged_in_to_by_a_connection(hook):
    connection = {"conn_type": "docker", "host": "registry.example", "login": "ann", "password": "hush"}
    runner = hook(registry=connection).access(DockerJob("registry.example/i:1", conn_id="registry")).runner()
    assert runner._login == ("registry.example", "ann", "hush")
    assert "hush" not in json.dumps(runner.plan(ASKED))


@pytest.fixture
def local_settings():
    """A site with a `pod_mutation_hook` in its `airflow_local_settings`."""
    from airflow.policies import make_plugin_from_local_settings
    from airflow.settings import get_policy_plugin_manager

    def pod_mutation_hook(pod):
        pod.metadata.labels["site"] = "seen"

    manager, module = get_policy_plugin_manager(), SimpleNamespace(pod_mutation_hook=pod_mutation_hook)
    before = set(manager.get_plugins())
    make_plugin_from_local_settings(manager, module, {"pod_mutation_hook"})
    yield
    for plugin in set(manager.get_plugins()) - before:
        manager.unregister(plugin)


@pytest.mark.usefixtures("local_settings")
def test_the_mutation_hook_of_the_site_sees_every_pod(hook):
    assert pod(hook(), KubernetesJob("i:1"))["metadata"]["labels"]["site"] == "seen"


@pytest.mark.parametrize(
    "job",
    [
        KubernetesJob("i:1"),
        KubernetesJob("i:1", gpus=1, memory="8Gi", cpu="2", shm="4Gi", scratch="20Gi", env={"A": "b"}, secrets=("s",)),
        KubernetesJob("i:1", service_account="trainer", priority_class="high", queue="gpus", grace_s=30.5),
        KubernetesJob("i:1", nodes=2, processes=2, workload="job"),
    ],
)
def test_a_pod_without_a_template_is_what_the_pod_operators_generator_would_make_of_it(hook, request, job):
    """So that generator need not be imported."""
    short = hook().access(job).runner().plan(ASKED)
    request.getfixturevalue("local_settings")
    whole = hook().access(job).runner().plan(ASKED)
    assert '"site": "seen"' in json.dumps(whole)
    assert without(whole, "site") == short


def without(data, label):
    """Plain data less a label."""
    if isinstance(data, list):
        return [without(one, label) for one in data]
    return {key: without(one, label) for key, one in data.items() if key != label} if isinstance(data, dict) else data


def test_a_pod_without_a_template_is_made_without_the_generator_and_without_a_second_client():
    made = """
import sys
from airflow.sdk import Connection
from taxiway.core import KubernetesJob
from taxiway.hooks.access import Access
from taxiway.hooks.place import Place
import samples
from taxiway.core.jobs import JobRequest
asked = JobRequest(key=samples.job_key(), stage="train", work={}, store="s3://models/")
runner = Access(Place("s3://models/"), KubernetesJob("i:1")).runner()
runner.plan(asked)
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", made], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert not {"kubernetes_asyncio", "aiohttp"} & set(done.stdout.split())
