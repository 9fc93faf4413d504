"""A service as a container of a Docker engine, which starts it again when it ends. It follows the log."""

import contextlib
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from taxiway.core.errors import BackendError, SpecError
from taxiway.core.names import digest_of
from taxiway.core.platforms import followers
from taxiway.core.rollouts import Sight
from taxiway.core.serving import ServiceState
from taxiway.core.specs.targets import DockerServer, Tokens
from taxiway.runners.engine import connected, find
from taxiway.targets import asking, commands

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_ORDER = "taxiway.order"
_PORT = 8080
_TOKENS = "/run/taxiway/tokens"
_SLACK_S = 5.0
_TRIES = 3


class DockerPlatform:
    """Keeps one container for the service, with no more rights than it needs.

    Platforms of the same engine, service and store mean the same container.

    Args:
        service: the service's name.
        spec: the container.
        store: URI of the store whose log it follows.
        credentials: what it opens the store with, in obstore's names; they become variables of the container, which
            whoever may talk to the engine can read.
    """

    def __init__(
        self, service: str, spec: DockerServer, store: str, *, credentials: Mapping[str, str] | None = None
    ) -> None:
        self._service = service
        self._spec = spec
        self._store = store
        self._credentials = credentials

    @property
    def url(self) -> str:
        """Where it answers: at its address, or at the engine's where it listens on all of them."""
        host = self._spec.host
        if host in ("0.0.0.0", "::"):  # noqa: S104 - is it all?
            host = urlsplit(self._spec.url or "").hostname or "127.0.0.1"
        return f"http://{host}:{self._spec.port}"

    def check(self) -> None:
        """Refuses a container that would not see its store.

        Raises:
            SpecError: the store is a folder that is not among its volumes.
        """
        folder = unquote(urlsplit(self._store).path)
        targets = [volume.split(":")[1].rstrip("/") for volume in self._spec.volumes if ":" in volume]
        if self._store.startswith("file://") and not any(f"{folder}/".startswith(f"{one}/") for one in targets):
            raise SpecError(
                "the container would not see its store, a folder of this machine",
                where="DockerServer.volumes",
                expected=f"'{folder}:{folder}' among them, or a store that is reached by network",
                got=list(self._spec.volumes),
            )

    def plan(self, state: ServiceState) -> dict[str, Any]:  # noqa: ARG002 - the same for every state
        """Exactly what `apply` would ask the engine for, as plain data without the values of variables; pure."""
        asked = self._container()
        return {**asked, "environment": sorted(asked["environment"]), "url": self.url}

    def apply(self, state: ServiceState) -> None:  # noqa: ARG002 - the server reads the log itself
        """Starts the container if it does not run already; one that was started otherwise is replaced.

        Raises:
            BackendError: the engine could not start it.
            SpecError: it would not see its store, or Docker's client is not installed.
        """
        self.check()
        asked = self._container()
        with self._engine() as engine:
            for _ in range(_TRIES):
                container = find(engine, asked["name"])
                if container is not None and container.labels.get(_ORDER) != asked["labels"][_ORDER]:
                    self._end(container)
                    container = None
                container = container or _create(engine, asked)
                if container is not None:
                    if container.status != "running":
                        container.start()
                    return
        raise BackendError("others keep replacing this container", where=asked["name"])

    def observe(self, state: ServiceState) -> Sight:
        """What the server says."""
        try:
            readings = [asking.metrics(self.url, service=self._service, replica="container")]
        except BackendError as error:
            detail = f"the server does not answer: {error.got or error.what}; {self._last_words()}"
            return Sight(settled=False, detail=detail, unreachable=("container",))
        return followers(state, readings, expected=1)

    def revert(self, state: ServiceState) -> None:
        """The same as `apply`: the server reads in the log that all traffic is the live version's."""
        self.apply(state)

    def ask(self, path: str, body: bytes | None = None) -> bytes:
        """What the server answers."""
        return asking.ask(f"{self.url}{path}", body, token=asking.token_of(self._spec.access))

    def remove(self) -> None:
        """Ends the container and removes it."""
        with self._engine() as engine:
            container = find(engine, self._name)
            if container is not None:
                self._end(container)

    def _end(self, container: "Container") -> None:
        from docker.errors import NotFound

        with contextlib.suppress(NotFound):  # somebody else was faster
            container.stop(timeout=round(self._spec.tuning.drain_s + _SLACK_S))
            container.remove(v=True, force=True)

    @property
    def _name(self) -> str:
        return f"taxiway-service-{self._service}-{digest_of(self._store)[-8:]}"

    def _container(self) -> dict[str, Any]:
        """The arguments of `docker create`, in the words of Docker's own client."""
        spec, access = self._spec, self._spec.access
        volumes = ["/tmp", *spec.volumes]  # noqa: S108 - a path in the container, whose /tmp is a fresh volume
        if isinstance(access, Tokens):
            volumes.append(f"{access.source}:{_TOKENS}:ro")
            access = Tokens(_TOKENS)
        words = commands.serve(self._service, self._store, host="0.0.0.0", port=_PORT, tuning=spec.tuning)  # noqa: S104 - the container's
        limits = {} if spec.memory_bytes is None else {"mem_limit": spec.memory_bytes}
        asked: dict[str, Any] = {
            "image": spec.image,
            "entrypoint": ["python", "-m", "taxiway.runtime"],
            "command": [*words, *asking.access_arguments(access), "--plain-http"],
            "environment": {**commands.variables(self._store, self._credentials), **spec.env},
            "volumes": volumes,
            "ports": {f"{_PORT}/tcp": [spec.host, spec.port]},
            "network": spec.network,
            "user": spec.user,
            "restart_policy": {"Name": "unless-stopped"},
            "read_only": True,
            "init": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            **limits,
        }
        secretless = {**asked, "environment": sorted(asked["environment"])}
        return {"name": self._name, **asked, "labels": {_ORDER: digest_of(secretless)}}

    def _last_words(self) -> str:
        """How its container is, and what it said last."""
        try:
            with self._engine() as engine:
                container = find(engine, self._name)
                if container is None:
                    return f"there is no container {self._name}"
                last = container.logs(tail=3).decode(errors="replace").strip()
                return f"its container is {container.status}; it last said: {last}"
        except BackendError as error:
            return f"nor does the engine: {error.got or error.what}"

    def _engine(self) -> "AbstractContextManager[DockerClient]":
        return connected(self._spec.url, needed_by="DockerServer")


def _create(engine: "DockerClient", asked: Mapping[str, Any]) -> "Container | None":
    """The container; None when somebody else creates it at this moment."""
    from docker.errors import APIError

    ports = {port: tuple(where) for port, where in asked["ports"].items()}
    arguments = {name: value for name, value in {**asked, "ports": ports}.items() if value is not None}
    try:
        return engine.containers.create(**arguments)
    except APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise
        time.sleep(0.2)
        return None
