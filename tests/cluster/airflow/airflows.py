"""A whole Airflow in a namespace of a cluster, as an existing one that a site then hands Taxiway's overlay to."""

import base64
import contextlib
import json
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from cluster.fixtures import Cluster, Engine, build_image, program
from system.standalone import Standalone, until

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BASE, IMAGE = "taxiway-airflow-base:test", "taxiway-airflow:test"
"""Airflow's image without Taxiway, and with it."""
STARTS_FIRST = ("ServiceAccount", "Role", "RoleBinding", "ConfigMap", "Service")
_SAFE = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_FORWARDED = re.compile(r"Forwarding from 127.0.0.1:(\d+)")
Object = dict[str, Any]


def images(engine: Engine, base: str, folder: Path) -> tuple[str, str]:
    """Names of two images: the project's Airflow with the DAGs of the tests on top, and PostgreSQL."""
    context = folder / "context"
    (context / "code").mkdir(parents=True)
    shutil.copy(ROOT / "docker/constraints.txt", context)
    shutil.copytree(ROOT / "dags/flight_delay", context / "code/flight_delay")
    shutil.copytree(HERE / "dags", context / "dags")
    _build(engine, context, "Containerfile.base", BASE, base)
    build_image(engine, "airflow", "--build-arg", f"BASE={BASE}", "--tag", IMAGE)
    teams = _build(engine, context, "Containerfile", f"taxiway-airflow-dags:{secrets.token_hex(4)}", IMAGE)
    return teams, _build(engine, context, "Containerfile.postgresql", "taxiway-postgresql:test", base)


def _build(engine: Engine, context: Path, file: str, tag: str, base: str) -> str:
    words = ("--quiet", "--tag", tag, "--build-arg", f"BASE={base}", "--file", str(HERE / file), str(context))
    engine.docker("build", *words, timeout_s=1100)
    return tag


def manifests(image: str, database: str, overlay: Mapping[str, Any], environment: Mapping[str, str]) -> list[Object]:
    """The objects of the Airflow, with what the chart's overlay says put where the official chart would put it.

    Args:
        image: Airflow's.
        database: PostgreSQL's image.
        overlay: values for the official chart: of `extraEnvFrom`, `volumes` and `volumeMounts`.
        environment: further variables of all of Airflow's processes.
    """
    objects = [one for one in yaml.safe_load_all((HERE / "manifests.yaml").read_text(encoding="utf-8")) if one]
    for one in objects:
        pod = one["spec"]["template"]["spec"] if "template" in one.get("spec", {}) else one.get("spec")
        if one["kind"] in ("Deployment", "Job", "Pod"):
            _complete(pod, database if one["metadata"]["name"] == "airflow-postgresql" else image, overlay, environment)
    template = next(one for one in objects if one["kind"] == "Pod")
    template["metadata"]["labels"] = {"component": "worker"}
    files = {"pod_template_file.yaml": yaml.safe_dump(template)}
    folder = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "airflow-pod-templates"}, "data": files}
    return [one for one in objects if one is not template] + [folder, _secret()]


def _secret() -> Object:
    password = secrets.token_urlsafe(16)
    data = {
        "password": password,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://airflow:{password}@airflow-postgresql/postgres",
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
    }
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "airflow-metadata"}, "stringData": data}


def _complete(pod: Object, image: str, overlay: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Makes a pod one of Airflow's, and passes the Pod Security level `restricted`."""
    (container,) = pod["containers"]
    container |= {"image": image, "securityContext": _SAFE}
    pod["securityContext"] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}} | pod.get(
        "securityContext", {}
    )
    if container["name"] == "postgresql":
        return
    pod["securityContext"] |= {"runAsUser": 50000, "fsGroup": 0}
    own = [{"configMapRef": {"name": "airflow-config"}}, {"secretRef": {"name": "airflow-metadata"}}]
    container["envFrom"] = own + yaml.safe_load(overlay["extraEnvFrom"])
    here = {"valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
    container["env"] = [{"name": name, "value": value} for name, value in environment.items()]
    container["env"].append({"name": "AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE", **here})
    templates = {"name": "pod-templates", "configMap": {"name": "airflow-pod-templates"}}
    pod["volumes"] = [templates, *overlay["volumes"]]
    mount = {"name": "pod-templates", "mountPath": "/opt/airflow/pod_templates", "readOnly": True}
    container["volumeMounts"] = [mount, *overlay["volumeMounts"]]


class InCluster(Standalone):
    """An Airflow whose processes are pods, and what the tests ask of it through a forwarded port."""

    ready_when = "/api/v2/dags/flights.training"

    def __init__(self, cluster: Cluster, namespace: str, objects: list[Object]) -> None:
        self.cluster, self.namespace, self.objects = cluster, namespace, objects
        self.process, self.stack = None, contextlib.ExitStack()
        self.url = ""

    def __enter__(self) -> Self:
        first = [one for one in self.objects if one["kind"] in (*STARTS_FIRST, "Secret")]
        later = [one for one in self.objects if one not in first]
        database = [one for one in later if one["metadata"]["name"] == "airflow-postgresql"]
        migration = [one for one in later if one["kind"] == "Job"]
        self._apply(first + database)
        self._wait("--for=condition=Available", "deployment", "--all")
        self._apply(migration)
        self._wait("--for=condition=Complete", "job", "--all")
        self._apply([one for one in later if one not in database + migration])
        self._wait("--for=condition=Available", "deployment", "--all")
        self.url = f"http://127.0.0.1:{self.stack.enter_context(self._forwarded('service/airflow-api-server', 8080))}"
        try:
            until(lambda: self._get(self.ready_when), 300, "")
        except TimeoutError:
            raise TimeoutError(self.tail()) from None
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def tail(self) -> str:
        """What its processes said last."""
        pods = self.cluster.kubectl("get", "pods", "-n", self.namespace, "-o", "wide")
        parts = ("api-server", "scheduler", "dag-processor", "triggerer", "worker")
        words = ("logs", "-n", self.namespace, "--prefix", "--tail=25", "--ignore-errors", "-l")
        return "\n".join([pods, *(self.cluster.kubectl(*words, f"component={part}") for part in parts)])

    def _apply(self, objects: list[Object]) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.cluster.kubectl("apply", "-n", self.namespace, "-f", "-", stdin=text)

    def _wait(self, *words: str) -> None:
        try:
            self.cluster.kubectl("wait", "-n", self.namespace, "--timeout=420s", *words, timeout_s=440)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    @contextlib.contextmanager
    def _forwarded(self, what: str, port: int) -> Iterator[str]:
        command = [program("kubectl") or "kubectl", "--kubeconfig", self.cluster.kubeconfig, "port-forward"]
        words = [*command, "-n", self.namespace, what, f":{port}"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as forward:
            try:
                said = forward.stdout.readline()
                yield _FORWARDED.match(said).group(1)
            finally:
                forward.terminate()
