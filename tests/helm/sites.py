"""Where the chart is installed by the tests: a cluster with the accounts of an Airflow, which does not run."""

import contextlib
import dataclasses
import json
import secrets
import time
import urllib.parse
from collections.abc import Iterator

import yaml

from cluster.fixtures import Cluster, ObjectStorage
from helm import charts

ACCOUNTS = ("worker", "triggerer", "scheduler")
KINDS = (
    "serviceaccounts,roles,rolebindings,resourcequotas,limitranges,networkpolicies,configmaps,secrets,deployments,"
    "services,horizontalpodautoscalers,poddisruptionbudgets,jobs,pods"
)
WIDE = "namespaces,priorityclasses,clusterroles,clusterrolebindings"


@dataclasses.dataclass
class Site:
    """A cluster with the accounts of an Airflow, and names of this test's own for all that the chart makes."""

    cluster: Cluster
    helm: charts.Helm
    airflow: str
    release: str
    values: tuple[str, ...]

    @property
    def training(self) -> str:
        return f"{self.release}-training"

    @property
    def serving(self) -> str:
        return f"{self.release}-serving"

    def do(self, verb, *words):
        chart = () if verb in ("rollback", "uninstall", "test", "get") else (str(charts.CHART), *self.values)
        return self.helm(verb, self.release, *chart, "--namespace", self.airflow, *words)

    def made(self) -> set[str]:
        """Whatever of the release is anywhere in the cluster."""
        mine = f"app.kubernetes.io/instance={self.release}"
        wide = self.cluster.kubectl("get", WIDE, "-l", mine, "-o", "name").split()
        return {*wide, *self.cluster.kubectl("get", KINDS, "--all-namespaces", "-l", mine, "-o", "name").split()}

    def may(self, account: str, verb: str, what: str, namespace: str) -> bool:
        """Whether the API server would let an account of the Airflow do that; `what` is GROUP/RESOURCE[/PART]."""
        return self.allowed([(account, verb, what, namespace)]) != []

    def allowed(self, asked: list[tuple[str, str, str, str]]) -> list[tuple[str, str, str, str]]:
        """Those of these that the API server would let accounts of the Airflow do."""
        items = [self._review(*one) for one in asked]
        told = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        answers = list(yaml.safe_load_all(self.cluster.kubectl("create", "-f", "-", "-o", "yaml", stdin=told)))
        return [one for one, answer in zip(asked, answers, strict=True) if answer["status"]["allowed"]]

    def _review(self, account: str, verb: str, what: str, namespace: str) -> dict:
        group, resource, *part = what.split("/")
        asked = {"group": group, "resource": resource, "subresource": "".join(part), "verb": verb}
        spec = {
            "user": f"system:serviceaccount:{self.airflow}:airflow-{account}",
            "resourceAttributes": {**asked, "namespace": namespace},
        }
        return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


def way_to(storage: ObjectStorage) -> tuple[str, ...]:
    """Words for Helm: the pods of both namespaces reach the store, and name servers, and nothing else."""
    place = urllib.parse.urlsplit(storage.endpoint)
    to = [{"ipBlock": {"cidr": f"{place.hostname}/32"}}]
    rules = json.dumps([{"to": to, "ports": [{"protocol": "TCP", "port": place.port}]}])
    values = (f"{part}.networkPolicy.egress={rules}" for part in ("training", "serving"))
    return tuple(word for value in values for word in ("--set-json", value))


def give_secret(cluster: Cluster, namespace: str, storage: ObjectStorage) -> None:
    """Puts what opens the store into a namespace."""
    secret = {"metadata": {"name": "taxiway-store"}, "stringData": storage.environment}
    told = json.dumps({"apiVersion": "v1", "kind": "Secret", **secret})
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=told)


@contextlib.contextmanager
def new_site(cluster: Cluster, helm: charts.Helm, storage: ObjectStorage, image: str) -> Iterator[Site]:
    """A site on which nothing is installed; whatever is on it at the end goes with it.

    Args:
        cluster: where.
        helm: which version of it.
        storage: the store.
        image: that of the check.
    """
    release = f"taxiway-{secrets.token_hex(3)}"
    with cluster.namespace() as namespace:
        for account in ACCOUNTS:
            cluster.kubectl("create", "serviceaccount", f"airflow-{account}", "-n", namespace)
        give_secret(cluster, namespace, storage)
        values = {
            "store.uri": storage.uri,
            "store.secret": "taxiway-store",
            "airflow.namespace": namespace,
            "training.namespace.name": f"{release}-training",
            "serving.namespace.name": f"{release}-serving",
            "training.priorityClasses.taxiway-background": "null",
            "training.priorityClasses.taxiway-production": "null",
            f"training.priorityClasses.{release}.value": "-5",
            "check.image": image,
            "check.gpu": "nvidia.com/gpu",
        }
        words = tuple(word for key, value in values.items() for word in ("--set", f"{key}={value}")) + way_to(storage)
        ours = dataclasses.replace(helm, kubeconfig=cluster.kubeconfig)
        try:
            yield Site(cluster, ours, namespace, release, words)
        finally:
            ours.run("uninstall", release, "--namespace", namespace, "--ignore-not-found")
            cluster.kubectl("delete", "clusterrole,clusterrolebinding", f"{release}-check", "--ignore-not-found")


def restricted(**container) -> dict:
    """The specification of a pod with one container that passes the level `restricted`."""
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "base", "securityContext": context, **container}],
    }


def gone(condition, seconds: float = 120) -> None:
    """Waits until a condition gives nothing any more."""
    end = time.monotonic() + seconds
    while left := condition():
        assert time.monotonic() < end, left
        time.sleep(0.5)
