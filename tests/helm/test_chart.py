"""What the chart makes, as Helm 3 and Helm 4 render it."""

import json
import re

import pytest
import yaml

from helm import charts
from taxiway.core.resources import fit, load_profiles, profile_of
from taxiway.core.specs.jobs import KubernetesJob
from taxiway.runners import manifests

pytestmark = [pytest.mark.system, pytest.mark.cluster]  # which is when there is a Helm

STORE = ("--set", "store.uri=s3://models/")
SECRET = (*STORE, "--set", "store.secret=taxiway-store")
SERVICE = (*SECRET, "--set", "serving.services.flight-delay.access.everybody=true")
EACH = pytest.mark.parametrize("file", charts.SETS, ids=lambda file: file.name.removesuffix("-values.yaml"))


def of(objects, kind, name=None):
    return [one for one in objects if one["kind"] == kind and name in (None, one["metadata"]["name"])]


def hooks(objects):
    return [one for one in objects if "helm.sh/hook" in one["metadata"].get("annotations", {})]


def verbs(role):
    return {f"{part}": set(rule["verbs"]) for rule in role["rules"] for part in rule["resources"]}


@EACH
def test_it_passes_the_linter(helm, file):
    assert "0 chart(s) failed" in helm("lint", "--strict", str(charts.CHART), "--values", str(file))


@EACH
def test_every_object_says_whose_it_is_and_where_it_belongs(helm, file):
    cluster_wide = {"Namespace", "PriorityClass", "ClusterRole", "ClusterRoleBinding"}
    objects = helm.template("--values", str(file))
    assert objects
    for one in objects:
        assert one["metadata"]["labels"]["app.kubernetes.io/instance"] == "taxiway"
        assert ("namespace" in one["metadata"]) != (one["kind"] in cluster_wide), one
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects]
    assert len(names) == len(set(names))


@EACH
def test_nothing_of_the_airflow_release_is_touched(helm, file):
    airflow = yaml.safe_load(file.read_text()).get("airflow", {}).get("namespace", "airflow")
    there = [one for one in helm.template("--values", str(file)) if one["metadata"].get("namespace") == airflow]
    assert {one["kind"] for one in there} <= {"ConfigMap", "Role", "RoleBinding"}
    assert all(one["metadata"]["name"].startswith("taxiway") for one in there)


@EACH
def test_every_pod_passes_the_level_restricted(helm, file):
    pods = [
        one["spec"]["template"]["spec"]
        for one in helm.template("--values", str(file))
        if "template" in one.get("spec", {})
    ]
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            context = container["securityContext"]
            assert (context["allowPrivilegeEscalation"], context["capabilities"]) == (False, {"drop": ["ALL"]})
            assert context["readOnlyRootFilesystem"]


def test_without_a_store_it_says_what_is_missing(helm):
    assert "store.uri: name the store" in helm.refusal()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "training.nmespace.name=x"), "nmespace"),
        (("--set", "serving.services.a.access.tokens="), "say who may ask"),
        (("--set", "serving.services.a.access.tokens=t,serving.services.a.access.everybody=true"), "say who may ask"),
        (("--set", "training.profiles.a.template=b"), "there is no training.templates.b"),
        (("--set", "training.profiles.a.larger=b"), "there is no training.profiles.b"),
        (("--set", "training.limits.max.cpu=4"), "say training.limits.default.cpu too"),
    ],
)
def test_it_refuses_values_that_make_no_sense(helm, words, said):
    assert said in helm.refusal(*STORE, *words)


def test_the_rights_in_the_training_namespace_are_those_of_the_runner_and_no_more(helm):
    objects = helm.template(*STORE)
    (role,) = of(objects, "Role", "taxiway-launcher")
    assert role["metadata"]["namespace"] == "taxiway-training"
    assert verbs(role) == {
        "pods": {"create", "get", "list", "delete"},
        "pods/log": {"get"},
        "events": {"list"},
        "services": {"create"},
        "jobs": {"create", "get", "delete"},
        "jobsets": {"create", "get", "delete"},
    }
    (binding,) = of(objects, "RoleBinding", "taxiway-launcher")
    page = (charts.CHART.parents[1] / "docs/how-to/run-on-kubernetes.md").read_text(encoding="utf-8")
    told = yaml.safe_load(re.search(r"```yaml\n(apiVersion: rbac.*?)```", page, re.DOTALL).group(1))
    assert verbs(role) == {part: each for part, each in verbs(told).items() if part != "workloads"}
    subjects = [(one["kind"], one["namespace"], one["name"]) for one in binding["subjects"]]
    assert subjects == [
        ("ServiceAccount", "airflow", f"airflow-{name}") for name in ("worker", "triggerer", "scheduler")
    ]


def test_the_rights_in_the_serving_namespace_are_those_of_the_platform_and_no_more(helm):
    objects = helm.template(*STORE)
    (role,) = of(objects, "Role", "taxiway-deployer")
    assert role["metadata"]["namespace"] == "taxiway-serving"
    owned = {"create", "patch", "get", "list", "delete"}
    assert verbs(role) == {
        "deployments": owned,
        "services": owned,
        "httproutes": owned,
        "horizontalpodautoscalers": owned - {"get"},
        "poddisruptionbudgets": owned - {"get"},
        "pods": {"list"},
        "endpointslices": {"list"},
        "pods/proxy": {"get"},
        "services/proxy": {"get", "create"},
        "inferenceservices": owned,
        "servingruntimes": owned - {"get"},
    }


def test_where_there_is_no_kserve_there_are_no_rights_to_it(helm):
    (role,) = of(helm.template(*STORE, "--set", "serving.kserve=false"), "Role", "taxiway-deployer")
    assert not any(rule["apiGroups"] == ["serving.kserve.io"] for rule in role["rules"])


def test_one_account_for_all_is_bound_once(helm):
    same = ",".join(f"airflow.accounts.{name}=airflow" for name in ("worker", "triggerer", "scheduler"))
    (binding,) = of(helm.template(*STORE, "--set", same), "RoleBinding", "taxiway-launcher")
    assert [one["name"] for one in binding["subjects"]] == ["airflow"]


@EACH
def test_no_right_is_a_wildcard_or_reaches_secrets(helm, file):
    for role in (one for one in helm.template("--values", str(file)) if one["kind"] in ("Role", "ClusterRole")):
        for rule in role["rules"]:
            told = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert not told & {"*", "secrets", "escalate", "bind", "impersonate"}, role


def test_both_namespaces_deny_all_traffic_that_is_not_named(helm):
    policies = of(helm.template(*STORE), "NetworkPolicy")
    denied = {
        one["metadata"]["namespace"]
        for one in policies
        if one["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    assert denied == {"taxiway-training", "taxiway-serving"}
    (jobs,) = of(policies, "NetworkPolicy", "taxiway-jobs")
    own = {"podSelector": {"matchExpressions": [{"key": manifests.JOB_LABEL, "operator": "Exists"}]}}
    assert jobs["spec"]["ingress"] == [{"from": [own]}]
    assert [rule.get("ports") for rule in jobs["spec"]["egress"][1:]] == [
        [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
        [{"protocol": "TCP", "port": 443}],
    ]


def test_another_way_to_the_store_is_said_as_the_docs_say(helm, tmp_path):
    page = (charts.CHART.parents[1] / "docs" / "how-to" / "helm-airflow.md").read_text()
    (told,) = (text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "networkPolicy" in text)
    values = tmp_path / "values.yaml"
    values.write_text(told)
    policies = of(helm.template(*STORE, "--values", str(values)), "NetworkPolicy")
    ways = [one["spec"]["egress"][-1] for one in policies if "egress" in one["spec"]]
    (rule,) = yaml.safe_load(told)["training"]["networkPolicy"]["egress"]
    assert ways == [rule, rule]


def test_the_profiles_are_read_by_taxiway_and_their_pods_have_the_account_and_the_secret(helm):
    (config,) = of(helm.template(*SECRET), "ConfigMap", "taxiway-airflow")
    profiles = load_profiles(json.loads(config["data"]["AIRFLOW__TAXIWAY__PROFILES"]), where="the chart")
    assert set(profiles) == set(charts.values()["training"]["profiles"])
    job = fit(KubernetesJob("image:1", resources="gpu.spot"), profiles)
    assert (job.gpus, job.memory, job.priority_class) == (1, "16Gi", "taxiway-background")
    pod = profile_of(job, profiles).pod_template["spec"]
    assert pod["serviceAccountName"] == "taxiway-job"
    assert pod["containers"] == [{"name": "base", "envFrom": [{"secretRef": {"name": "taxiway-store"}}]}]
    assert "nvidia.com/gpu" in {one["key"] for one in pod["tolerations"]}


def test_the_files_of_the_templates_are_the_pods_of_the_profiles(helm):
    objects = helm.template(*SECRET)
    (files,) = of(objects, "ConfigMap", "taxiway-pod-templates")
    (config,) = of(objects, "ConfigMap", "taxiway-airflow")
    profiles = json.loads(config["data"]["AIRFLOW__TAXIWAY__PROFILES"])
    assert set(files["data"]) == {"cpu.yaml", "gpu.yaml", "gpu-spot.yaml"}
    assert yaml.safe_load(files["data"]["gpu.yaml"]) == profiles["gpu.small"]["pod_template"]


def test_a_container_of_a_template_keeps_what_it_has(helm):
    own = (
        "training.templates.cpu.spec.containers[0].name=helper,training.templates.cpu.spec.containers[1].name=base,"
        "training.templates.cpu.spec.containers[1].envFrom[0].secretRef.name=mine"
    )
    (files,) = of(helm.template(*SECRET, "--set", own), "ConfigMap", "taxiway-pod-templates")
    base, helper = yaml.safe_load(files["data"]["cpu.yaml"])["spec"]["containers"]
    assert helper == {"name": "helper"}
    assert [one["secretRef"]["name"] for one in base["envFrom"]] == ["mine", "taxiway-store"]


def test_the_connections_are_of_the_cluster_that_airflow_is_in(helm):
    (config,) = of(helm.template(*STORE), "ConfigMap", "taxiway-airflow")
    told = {key: json.loads(text) for key, text in config["data"].items() if key.startswith("AIRFLOW_CONN_")}
    namespaces = {key: one["extra"]["namespace"] for key, one in told.items()}
    assert namespaces == {
        "AIRFLOW_CONN_TAXIWAY_TRAINING": "taxiway-training",
        "AIRFLOW_CONN_TAXIWAY_SERVING": "taxiway-serving",
    }
    assert all(one["conn_type"] == "kubernetes" and one["extra"]["in_cluster"] for one in told.values())


def test_the_arguments_of_a_server_are_ones_that_it_knows(helm):
    import argparse

    from taxiway.runtime.serving.settings import add_arguments, guard, settings

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    everything = ("--values", str(charts.CHART / "ci/everything-values.yaml"))
    for server in of(helm.template(*everything), "Deployment"):
        given = parser.parse_args(server["spec"]["template"]["spec"]["containers"][0]["args"])
        assert given.store == "s3://models/prod/"
        assert given.service == server["metadata"]["name"]
        if not given.certificate:
            assert settings(given).service == given.service
            assert guard(given)


def test_a_server_goes_slower_than_its_grace_period(helm):
    (server,) = of(helm.template(*SERVICE), "Deployment")
    pod = server["spec"]["template"]["spec"]
    said = dict(one.split("=", 1) for one in pod["containers"][0]["args"] if "=" in one)
    assert pod["terminationGracePeriodSeconds"] > float(said["--lame-s"]) + float(said["--drain-s"])
    assert pod["automountServiceAccountToken"] is False


def test_a_server_has_what_was_asked_for_and_no_more(helm):
    kinds = ("HorizontalPodAutoscaler", "PodDisruptionBudget", "ServiceMonitor", "HTTPRoute")

    def made(objects, name):
        return {kind for kind in kinds if of(objects, kind, name)}

    everything = helm.template("--values", str(charts.CHART / "ci/everything-values.yaml"))
    assert made(helm.template(*SERVICE), "flight-delay") == {"PodDisruptionBudget"}
    assert made(everything, "flight-delay") == set(kinds)
    assert made(everything, "open-model") == set()
    (scaled,) = of(everything, "Deployment", "flight-delay")
    assert "replicas" not in scaled["spec"]  # or each upgrade would undo what was scaled
    (route,) = of(everything, "HTTPRoute")
    assert route["spec"]["rules"][0]["backendRefs"] == [{"name": "flight-delay", "port": 443}]


def test_a_queue_is_kueues_newest_version_that_the_cluster_has(helm):
    queue = (*STORE, "--set", "training.queues.research.clusterQueue=gpus")
    (old,) = of(helm.template(*queue), "LocalQueue")
    (new,) = of(helm.template(*queue, "--api-versions", "kueue.x-k8s.io/v1beta2"), "LocalQueue")
    assert [one["apiVersion"].rpartition("/")[2] for one in (old, new)] == ["v1beta1", "v1beta2"]
    assert "workloads" in verbs(of(helm.template(*queue), "Role", "taxiway-launcher")[0])


def test_the_check_leaves_nothing_and_what_stays_is_no_hook(helm):
    objects = helm.template(*STORE)
    for one in hooks(objects):
        assert "-check" in one["metadata"]["name"]
        policy = one["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
        assert policy == "before-hook-creation,hook-succeeded"
    assert hooks(helm.template(*STORE, "--set", "check.enabled=false")) == []


def test_the_check_asks_for_exactly_the_rights_that_are_given(helm):
    objects = helm.template(*STORE)
    (asked,) = of(objects, "ConfigMap", "taxiway-check")
    given = {one["metadata"]["namespace"]: one["rules"] for one in of(objects, "Role") if not hooks([one])}
    told = json.loads(asked["data"]["asked.json"])
    assert {place["namespace"]: place["rules"] for place in told["rights"]} == given
