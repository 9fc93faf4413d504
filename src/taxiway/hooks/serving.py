"""From a recipe's service to its platform and the pilot of its rollouts, with what Airflow's connections say."""

import dataclasses
import functools
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowNotFoundException

from taxiway.core.errors import SpecError
from taxiway.core.platforms import Platform
from taxiway.core.specs.serving import Service
from taxiway.core.specs.targets import DockerServer, KServeServers, KubernetesServers, LocalServer
from taxiway.hooks.access import OPTIONAL
from taxiway.hooks.rollouts import Course, Pilot

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from taxiway.core.registry import Author
    from taxiway.hooks.place import Place
    from taxiway.hooks.store import TaxiwayHook


@dataclasses.dataclass(frozen=True)
class Field:
    """All that it takes to serve somewhere.

    Attributes:
        place: the store.
        service: the recipe's.
        model: the model's name.
        conn: the Airflow connection to where it runs; none where it needs none.
    """

    place: "Place"
    service: Service
    model: str
    conn: "Connection | None" = dataclasses.field(default=None, repr=False)

    def platform(self) -> Platform:
        """Where the service runs.

        Raises:
            SpecError: a library or a provider that it takes is not installed.
        """
        on = self.service.on
        if isinstance(on, LocalServer):
            from taxiway.targets.local import LocalPlatform

            return LocalPlatform(self.service.name, on, self.place.uri, credentials=self.place.credentials)
        if isinstance(on, DockerServer):
            from taxiway.targets.docker import DockerPlatform

            return DockerPlatform(self.service.name, on, self.place.uri, credentials=self.place.credentials)
        if isinstance(on, KubernetesServers | KServeServers):
            return self._in_kubernetes(on)
        raise SpecError("this place is not known", where="Service.on", got=type(on).__name__)

    def _in_kubernetes(self, on: KubernetesServers | KServeServers) -> Platform:
        from taxiway.hooks.cluster import connect
        from taxiway.runners.objects import Cluster
        from taxiway.targets.kserve import on_kserve
        from taxiway.targets.kubernetes import KubernetesPlatform

        cluster = Cluster(functools.partial(connect, self.conn))
        if isinstance(on, KServeServers):
            return on_kserve(self.service, on, cluster, store=self.place.uri, options=self.place.credentials)
        return KubernetesPlatform(self.service, on, cluster, store=self.place.uri, options=self.place.credentials)

    def pilot(self, rollout: str, *, by: "Author", version: int | None = None, candidate: int | None = None) -> Pilot:
        """Who flies a rollout."""
        course = Course(self.service, self.model, rollout, version, candidate)
        return Pilot(course, self.place.open(), self.platform(), by=by)


def field(hook: "TaxiwayHook", service: Service, model: str) -> Field:
    """All that it takes to serve a model.

    Raises:
        SpecError: a connection is not defined.
    """
    conn_id, conn = connection_of_service(service), None
    try:
        conn = hook.get_connection(conn_id) if conn_id else None
    except AirflowNotFoundException:
        _require_optional(conn_id)
    return Field(hook.place, service, model, conn)


async def afield(hook: "TaxiwayHook", service: Service, model: str) -> Field:
    """The same for the event loop of a trigger."""
    conn_id, conn = connection_of_service(service), None
    try:
        conn = await hook.aget_connection(conn_id) if conn_id else None
    except AirflowNotFoundException:
        _require_optional(conn_id)
    return Field(await hook.aplace(), service, model, conn)


def connection_of_service(service: Service) -> str | None:
    """Id of the Airflow connection to where a service runs; None where it needs none."""
    return service.on.conn_id if isinstance(service.on, KubernetesServers | KServeServers) else None


def _require_optional(conn_id: str | None) -> None:
    if conn_id not in OPTIONAL:
        raise SpecError(
            f"there is no connection {conn_id!r}", where="Service.on", do="Add it in Airflow, or correct its id."
        ) from None
