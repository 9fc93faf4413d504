"""From a specification of where a job runs to the runner that runs it there, with what Airflow's connections say."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxiway.core.errors import SpecError
from taxiway.core.specs.jobs import DockerJob, KubernetesJob, LocalJob, Where
from taxiway.hooks.cluster import connect, namespace_of

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from taxiway.core.jobs import Runner
    from taxiway.hooks.jobs import JobDesk
    from taxiway.hooks.place import Place

OPTIONAL = frozenset({"kubernetes_default"})
"""Connections that need not exist: what the machine itself knows (a pod's account, a kubeconfig) is used then."""


@dataclasses.dataclass(frozen=True)
class Access:
    """All that it takes to run jobs somewhere.

    Attributes:
        place: the store.
        where: where they run, its template read.
        conn: the Airflow connection to that; none where it needs none.
    """

    place: "Place"
    where: Where
    conn: "Connection | None" = dataclasses.field(default=None, repr=False)

    @functools.cached_property
    def desk(self) -> "JobDesk":
        """Where the requests and results of such jobs lie, and what runs them; it takes a while to open."""
        from taxiway.hooks.jobs import JobDesk
        from taxiway.stores.mailbox import Mailbox

        return JobDesk(Mailbox(self.place.open()), self.runner())

    @property
    def gpus(self) -> int:
        """How many GPUs a job holds, all its pods together; 0 where nobody can tell."""
        if isinstance(self.where, KubernetesJob):
            from taxiway.core.resources import fit

            return self.where.nodes * (fit(self.where, self.place.profiles).gpus or 0)
        return max(0, self.where.gpus) if isinstance(self.where, DockerJob) else 0

    def larger(self) -> "Access | None":
        """The same, one resource profile up; None where there is no larger one."""
        from taxiway.core.resources import larger

        bigger = larger(self.where, self.place.profiles)
        return dataclasses.replace(self, where=bigger) if bigger else None

    def runner(self) -> "Runner":
        """What runs them.

        Raises:
            SpecError: the provider of that kind of connection is not installed, or the profile is not defined.
        """
        if isinstance(self.where, KubernetesJob):
            return _in_kubernetes(self.place, self.where, self.conn)
        if isinstance(self.where, DockerJob):
            return _in_docker(self.place, self.where, self.conn)
        from taxiway.runners.local import LocalRunner

        return LocalRunner(self.where, credentials=self.place.credentials)


def connection_of(where: Where) -> str | None:
    """Id of the Airflow connection that a job's place needs."""
    return None if isinstance(where, LocalJob) else where.conn_id


def whole(where: Where) -> Where:
    """The same place with its pod template read, so that it can be used where the file is not.

    Raises:
        SpecError: the file cannot be read as a pod.
    """
    if not isinstance(where, KubernetesJob) or not isinstance(where.pod_template, str):
        return where
    import yaml

    try:
        read = yaml.safe_load(Path(where.pod_template).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _no_pod(where.pod_template, error) from None
    if not isinstance(read, Mapping):
        raise _no_pod(where.pod_template, type(read).__name__)
    return dataclasses.replace(where, pod_template=dict(read))


def _no_pod(path: str, got: object) -> SpecError:
    return SpecError(
        "the pod template cannot be read",
        where=f"KubernetesJob.pod_template, {path}",
        expected="a YAML file that holds a pod",
        got=got,
        do="Correct the path or the file; it is read where the task runs.",
    )


def _in_docker(place: "Place", where: DockerJob, conn: "Connection | None") -> "Runner":
    from taxiway.runners.docker import DockerRunner, Login

    login = Login(str(conn.host), str(conn.login), str(conn.password)) if conn else None
    return DockerRunner(where, credentials=place.credentials, login=login)


def _in_kubernetes(place: "Place", where: KubernetesJob, conn: "Connection | None") -> "Runner":
    from taxiway.core.resources import fit, profile_of
    from taxiway.runners.kubernetes import KubernetesRunner
    from taxiway.runners.objects import Cluster

    profile, fitted = profile_of(where, place.profiles), fit(where, place.profiles)
    if fitted.namespace is None:
        fitted = dataclasses.replace(fitted, namespace=namespace_of(conn))
    templates = [one for one in (profile.pod_template, where.pod_template) if isinstance(one, Mapping)]
    return KubernetesRunner(
        fitted,
        Cluster(functools.partial(connect, conn)),
        store=place.uri,
        options=place.credentials or {},
        finish=functools.partial(merged, templates),
    )


def merged(templates: list[Mapping[str, Any]], safe: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The two halves of a pod with its templates between them, as KubernetesPodOperator merges its own.

    What is said later wins; volumes, variables, mounts and resources add up. The site's `pod_mutation_hook` comes last.
    Airflow's generator is imported only where there is something for it to do: that takes a quarter of a second.

    Raises:
        SpecError: a template is no pod.
    """
    if not templates and not _site_mutates():
        from taxiway.runners.manifests import overlay

        return overlay(safe, asked)
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
    from airflow.settings import pod_mutation_hook

    read: Callable[[Any], Any] = PodGenerator.deserialize_model_dict
    try:
        parts = (safe, *templates, _with_resources(templates, asked))
        wholes = [{**one, "spec": {"containers": [], **one.get("spec", {})}} for one in parts]
        pods = [read(one) for one in wholes]
        whole_pod = functools.reduce(PodGenerator.reconcile_pods, pods)
    except (AttributeError, TypeError, ValueError) as error:
        raise SpecError("the pod template is no pod", where="KubernetesJob.pod_template", got=error) from None
    mutate: Callable[[Any], object] = pod_mutation_hook
    mutate(whole_pod)
    return dict(PodGenerator.serialize_pod(whole_pod))


def _site_mutates() -> bool:
    """Whether somebody wrote a `pod_mutation_hook` for this Airflow."""
    from airflow.settings import get_policy_plugin_manager

    return bool(get_policy_plugin_manager().hook.pod_mutation_hook.get_hookimpls())


def _with_resources(templates: list[Mapping[str, Any]], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The half of a pod that the job needs, with the resources that only its templates name: claims, other devices."""
    from taxiway.runners.manifests import CONTAINER, overlay

    ours, *others = asked["spec"]["containers"]
    containers = (each for one in templates for each in one.get("spec", {}).get("containers", ()))
    named = [each.get("resources", {}) for each in containers if each.get("name") == CONTAINER]
    resources = functools.reduce(overlay, [*named, ours["resources"]])
    return {**asked, "spec": {**asked["spec"], "containers": [{**ours, "resources": resources}, *others]}}
