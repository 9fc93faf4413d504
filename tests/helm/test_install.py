"""The chart on a real cluster: installed, upgraded, rolled back and taken away, beside an Airflow's accounts."""

import json
import re

import pytest
import yaml

from helm import charts
from helm.sites import ACCOUNTS, gone, new_site, restricted

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def installed(cluster, helm, s3_for_pods, load_image, job_image):
    """A site with the chart on it, that no test changes."""
    with new_site(cluster, helm, s3_for_pods, load_image(job_image)) as found:
        found.do("install")
        yield found


def pods_allowed(site):
    (one,) = site.cluster.get("resourcequotas", "-n", site.training)["items"]
    return one["spec"]["hard"]["pods"]


def test_it_is_installed_upgraded_rolled_back_and_leaves_nothing(site):
    rule = {"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["create"]}
    more = ("--set-json", f"serving.extraRules={json.dumps([rule])}")
    site.do("install")
    made = site.made()
    assert {f"namespace/{site.training}", f"namespace/{site.serving}"} <= made
    assert f"priorityclass.scheduling.k8s.io/{site.release}" in made
    assert not [name for name in made if "check" in name]  # what the check needed is gone with it

    site.do("upgrade", "--set", "training.quota.hard.pods=7", *more)
    assert pods_allowed(site) == "7"
    assert site.may("worker", "create", "batch/cronjobs", site.serving)
    site.do("rollback", "1")
    assert pods_allowed(site) == "200"
    gone(lambda: site.may("worker", "create", "batch/cronjobs", site.serving))
    assert site.made() == made

    site.do("uninstall", "--wait")
    gone(site.made)


def test_airflows_accounts_may_what_jobs_need_there_and_nothing_elsewhere(installed):
    training, serving = installed.training, installed.serving
    needed = [("create", "/pods", training), ("get", "/pods/log", training), ("patch", "apps/deployments", serving)]
    others = [("get", "/secrets", training), ("create", "/pods/exec", training), ("create", "/pods", serving)]
    others += [("list", "/pods", installed.airflow), ("create", "/pods", "default")]
    asked = [(account, *one) for account in ACCOUNTS for one in needed + others]
    allowed = installed.allowed([*asked, ("api-server", "create", "/pods", training)])
    assert allowed == [(account, *one) for account in ACCOUNTS for one in needed]


def test_pods_that_are_not_restricted_are_refused_and_bounds_are_kept(installed):
    def create(spec):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "plain", "namespace": installed.training}}
        told = json.dumps({**pod, "spec": spec})
        return installed.cluster.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=told)

    with pytest.raises(AssertionError, match="violates PodSecurity"):
        create({"containers": [{"name": "base", "image": "any:1"}]})
    with pytest.raises(AssertionError, match=r"exceeded quota.*requests.nvidia.com/gpu=9"):
        create(restricted(image="any:1", resources={"limits": {"nvidia.com/gpu": "9"}}))
    made = json.loads(create(restricted(image="any:1")))["spec"]["containers"][0]["resources"]
    assert made == {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}}  # and no GPU


def test_the_notes_print_an_overlay_that_names_what_was_made(installed):
    told = installed.helm("get", "notes", installed.release, "--namespace", installed.airflow)
    text = re.search(r"# ---- taxiway-overlay.yaml\n(.*?)# ----", told, re.DOTALL).group(1)
    overlay = yaml.safe_load(text)
    assert overlay["images"]["airflow"]["repository"].endswith("taxiway-airflow")
    assert [one["name"] for one in overlay["dagProcessor"]["dagBundleConfigList"]] == ["dags-folder", "taxiway"]
    variables, credentials = yaml.safe_load(overlay["extraEnvFrom"])
    assert credentials == {"secretRef": {"name": "taxiway-store"}}
    mine = ("-n", installed.airflow, "-l", f"app.kubernetes.io/instance={installed.release}")
    names = {one["metadata"]["name"] for one in installed.cluster.get("configmaps", *mine)["items"]}
    assert {variables["configMapRef"]["name"], overlay["volumes"][0]["configMap"]["name"]} == names


def test_its_own_test_finds_a_right_that_is_missing(site):
    site.do("install", "--set", "check.store=false")
    assert re.search(r"Phase:\s+Succeeded", site.do("test"))
    site.cluster.kubectl("delete", "rolebinding", f"{site.release}-launcher", "-n", site.training)
    failed = site.helm.run("test", site.release, "--namespace", site.airflow)
    assert failed.returncode != 0
    said = site.cluster.kubectl("logs", f"job/{site.release}-check-after", "-n", site.airflow)
    assert f"FAIL  airflow-worker may do its work in {site.training}: It may not create pods" in said
    assert f"ok    airflow-worker may do its work in {site.serving}" in said


def test_what_would_not_work_is_found_before_anything_is_made(site):
    wrong = {
        "airflow.accounts.worker": "nobody",
        "check.gpu": "example.com/gpu",
        "store.uri": "s3://no-such-bucket/",
    }
    words = [word for key, value in wrong.items() for word in ("--set", f"{key}={value}")]
    given = (str(charts.CHART), *site.values, *words, "--namespace", site.airflow)
    failed = site.helm.run("install", site.release, *given)
    assert failed.returncode != 0
    assert "pre-install" in failed.stderr
    found = site.cluster.kubectl("logs", f"job/{site.release}-check-before", "-n", site.airflow)
    assert "FAIL  Airflow's service account nobody is in the namespace" in found
    assert "ok    Airflow's service account airflow-triggerer is in the namespace" in found
    assert "FAIL  nodes have example.com/gpu: 0: No node has any" in found
    assert re.search(r"FAIL  .*no-such-bucket", found)
    assert f"namespace/{site.training}" not in site.made()


def test_a_namespace_that_is_kept_survives_the_release_and_is_taken_up_by_the_next(site):
    keep = ("--set", "training.namespace.keep=true", "--set", "check.enabled=false")
    site.do("install", *keep)
    site.do("uninstall")
    gone(lambda: site.made() - {f"namespace/{site.training}"})
    site.cluster.kubectl("get", "namespace", site.training)
    site.do("install", *keep)
    site.cluster.kubectl("delete", "namespace", site.training, "--wait=false")
