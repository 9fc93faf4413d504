"""`taxiway doctor` against real things: an account of few rights in a cluster, an Airflow in parts, an old Airflow."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from system.standalone import Parts, until
from taxiway.hooks.checkup.cluster import connected
from taxiway.hooks.store import TaxiwayHook
from venvs import python_with

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
GPU = "example.org/gpu"  # that no test cluster has


@pytest.mark.usefixtures("airflow")
def test_a_real_account_with_too_few_rights_is_told_which_and_where(cluster, namespace, monkeypatch):
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "get", "list"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "delete"]},
    ]
    meta = {"name": "launcher", "namespace": namespace}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": rules}
    subject = {"kind": "ServiceAccount", "name": "launcher", "namespace": namespace}
    binding = {
        **role,
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "launcher"},
        "subjects": [subject],
    }
    del binding["rules"]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}
    for made in (account, role, binding):
        cluster.kubectl("create", "-f", "-", stdin=json.dumps(made))
    config = yaml.safe_load(Path(cluster.kubeconfig).read_text())
    config["users"][0]["user"] = {"token": cluster.kubectl("create", "token", "launcher", "-n", namespace).strip()}
    extra = {"kube_config": json.dumps(config), "namespace": namespace}
    monkeypatch.setenv("AIRFLOW_CONN_NARROW", json.dumps({"conn_type": "kubernetes", "extra": extra}))
    found = list(connected(TaxiwayHook(), "narrow", gpus=[GPU]))
    assert [one.check.split(" in the ")[0] for one in found if not one.ok] == [
        "this account may create, get, list, delete pods",
        "this account may get pods/log",
        "this account may list events",
        "this account may create services",
    ]
    assert found[-1].asked is False
    wide = {"kube_config_path": cluster.kubeconfig, "namespace": namespace}
    monkeypatch.setenv("AIRFLOW_CONN_WIDE", json.dumps({"conn_type": "kubernetes", "extra": wide}))
    assert [one.check for one in connected(TaxiwayHook(), "wide", gpus=[GPU]) if not one.ok] == [
        f"a node of the cluster has {GPU}"
    ]


class WithoutTriggerer(Parts):
    """An Airflow in which somebody forgot the triggerer."""

    parts = ("api-server", "scheduler", "dag-processor")


def doctor(airflow, *words):
    done = subprocess.run(
        ["taxiway", "doctor", *words, "--json"],
        env=airflow.env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["sound"] else 1)
    return {one["check"]: one["remedy"] for one in told["findings"] if not one["ok"]}


def test_an_airflow_without_a_triggerer_is_told_so_and_is_well_once_it_has_one(tmp_path):
    database = f"sqlite:///{tmp_path / 'airflow.db'}"
    with WithoutTriggerer(tmp_path, database) as running:
        until(lambda: len(doctor(running)) <= 1, 120, "the scheduler and the DAG processor are alive")
        ((check, remedy),) = doctor(running).items()
        assert "a triggerer is alive" in check
        assert "airflow triggerer" in remedy
        running.start("triggerer")
        until(lambda: not doctor(running), 120, "the triggerer is alive")


def test_a_real_airflow_that_is_too_old_is_told_so(tmp_path):
    root = Path(__file__).parents[2]
    python = python_with("apache-airflow==3.1.5", "typer>=0.16", "rich>=13.9", "obstore>=0.9,<1", "pydantic>=2.11,<3")
    uv = ["uv", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site"), str(root)]
    subprocess.run(uv, check=True, capture_output=True, timeout=120)
    env = {
        "HOME": str(tmp_path),
        "AIRFLOW_HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{tmp_path}/site",
    }
    command = [str(python), "-m", "taxiway.cli", "doctor", "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    first, *others = json.loads(done.stdout)["findings"]
    assert (first["check"], first["ok"]) == ("apache-airflow 3.1.5 is one that Taxiway works with", False)
    assert "pip install 'apache-airflow<4,>=3.3'" in first["remedy"]
    assert not [one for one in others if "API server" in one["check"]]
