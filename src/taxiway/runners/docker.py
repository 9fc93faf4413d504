"""Jobs as containers of a Docker engine: the container outlives whoever started it, and whoever asks next adopts it."""

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from taxiway.core.errors import BackendError, SpecError
from taxiway.core.jobs import Cause, Failure, JobFailed, JobRequest, JobState, JobStatus
from taxiway.core.names import digest_of
from taxiway.core.specs.jobs import DockerJob
from taxiway.runners.engine import PATIENCE_S, connected, find
from taxiway.runners.stamped import SECOND, newer, page

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

    from taxiway.stores.objects import ObjectStore

_SCHEME = "docker://"
_NAME = re.compile(r"taxiway-[0-9a-f]{32}-[0-9a-f]{8}")
_STORE, _DEADLINE, _KEEP_UNTIL = "taxiway.store", "taxiway.deadline-s", "taxiway.keep-until"
_VARIABLES = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}
_TIMED_OUT, _KILLED = 124, 137
_ABSENT = 127


class Login(NamedTuple):
    """Who asks a registry for an image."""

    registry: str
    username: str
    password: str


class DockerRunner:
    """Runs jobs in containers of their own, with no more rights than they need.

    The container has a read-only root, a `/tmp` of its own, no capabilities, and a process in it that ends the job
    after its deadline even if nobody is left to ask.

    Args:
        spec: the image, and the limits of the jobs.
        credentials: what the jobs open their store with, in obstore's names; they become variables of the container, as
            do those that this process has itself for such a store. Whoever may talk to the engine can read them.
        login: who asks the registry for the image; what the engine knows by default.
    """

    def __init__(
        self, spec: DockerJob, *, credentials: Mapping[str, str] | None = None, login: Login | None = None
    ) -> None:
        self._spec = spec
        self._credentials = credentials
        self._login = login

    def plan(self, request: JobRequest) -> dict[str, Any]:
        """Exactly what `launch` would ask the engine for, as plain data without the values of variables; pure."""
        asked = self._container(request)
        return {**asked, "environment": sorted(asked["environment"])}

    def launch(self, request: JobRequest) -> str:
        """The handle of the one container of this key: a running or ended one is adopted, else it is started.

        Raises:
            BackendError: the engine could not start it.
            JobFailed: the image cannot be had.
            SpecError: the container could not see its store.
        """
        from taxiway.stores.mailbox import Mailbox

        asked = self._container(request)
        self._check_sight(request.store)
        Mailbox(self._open(request.store)).post(request)
        with self._engine() as engine:
            container = find(engine, asked["name"]) or self._create(engine, asked)
            if container.status == "created" and not _cancelled(engine, container.name):
                container.start()
            _tidy(engine)
        return f"{_SCHEME}{asked['name']}"

    def describe(self, handle: str) -> JobStatus:
        """Where the job is now."""
        name = _name(handle)
        with self._engine() as engine:
            container = find(engine, name)
            if container is None:
                return JobStatus(state=JobState.UNKNOWN, detail=f"the engine has no container {name}")
            cancelled = _cancelled(engine, name)
            if container.status == "created" and not cancelled:
                return JobStatus(state=JobState.WAITING, detail="the container is not started yet")
            if container.status not in ("created", "exited", "dead"):
                return JobStatus(state=JobState.RUNNING, detail=f"container {container.short_id} is {container.status}")
            failure = Failure.of(Cause.CANCELLED, "the job was cancelled") if cancelled else self._autopsy(container)
        return JobStatus(
            state=JobState.ENDED, detail=_words(container), failure=self._unless_delivered(container, failure)
        )

    def logs(self, handle: str, position: int) -> tuple[str, int]:
        """What the job printed since `position`, a moment in nanoseconds, and the one to ask from next."""
        with self._engine() as engine:
            return page([newer(_printed(engine, _name(handle), position), position)], position)

    def cancel(self, handle: str) -> None:
        """Asks the job to stop, kills it after its grace period, and returns when it is gone; idempotent."""
        name = _name(handle)
        with self._engine() as engine:
            container = find(engine, name)
            if container is None or container.status in ("exited", "dead"):
                return
            # An empty volume says so to whoever asks later: nothing about a container itself can be changed for that.
            engine.volumes.create(_mark(name), labels={_KEEP_UNTIL: container.labels[_KEEP_UNTIL]})
            if container.status != "created":
                container.stop(timeout=round(self._spec.grace_s))

    def missing_result_hint(self, handle: str) -> str:
        """What a person should check when the job has ended and left no result."""
        name = _name(handle)
        return f"Look at what it printed (docker logs {name}) and at how it ended (docker inspect {name})."

    def _container(self, request: JobRequest) -> dict[str, Any]:
        """The arguments of `docker create`, in the words of Docker's own client."""
        spec, now = self._spec, time.time()
        deadline_s = min(request.deadline_s, spec.deadline_s)
        limits = (
            {} if spec.memory_bytes is None else {"mem_limit": spec.memory_bytes, "memswap_limit": spec.memory_bytes}
        )
        job = ["python", "-m", "taxiway.runtime", "job", "--store", request.store, "--key", request.key.slug]
        return {
            "name": f"taxiway-{request.key.slug}-{digest_of(request.store)[-8:]}",
            "image": spec.image,
            "entrypoint": ["timeout", "-k", f"{spec.grace_s:g}", f"{deadline_s:g}"],
            "command": job,
            "environment": {**self._variables(request.store), **spec.env},
            "labels": {
                _STORE: request.store,
                _DEADLINE: f"{deadline_s:g}",
                _KEEP_UNTIL: f"{now + deadline_s + spec.keep_s:.0f}",
            },
            "volumes": ["/tmp", *spec.volumes],  # noqa: S108 - a path in the container, whose /tmp is a fresh volume
            "network": spec.network,
            "user": spec.user,
            "gpus": spec.gpus,
            "shm_size": spec.shm_bytes,
            "read_only": True,
            "init": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            **limits,
        }

    def _create(self, engine: "DockerClient", asked: dict[str, Any]) -> "Container":
        from docker.errors import APIError, ImageNotFound
        from docker.types import DeviceRequest

        arguments = {name: value for name, value in asked.items() if value is not None and name != "gpus"}
        if asked["gpus"]:
            arguments["device_requests"] = [DeviceRequest(count=asked["gpus"], capabilities=[["gpu"]])]
        if self._spec.pull == "always":
            self._pull(engine)
        for pulled in (self._spec.pull != "missing", True):
            try:
                return engine.containers.create(**arguments)
            except ImageNotFound as error:
                if pulled:
                    raise _no_image(self._spec.image, error, retryable=False) from None
                self._pull(engine)
            except APIError as error:
                if error.status_code == HTTPStatus.CONFLICT:
                    return _rival(engine, asked["name"])
                raise
        raise AssertionError

    def _pull(self, engine: "DockerClient") -> None:
        from docker.errors import APIError, NotFound

        try:
            login = {"username": self._login.username, "password": self._login.password} if self._login else None
            engine.api.pull(self._spec.image, auth_config=login)  # a fault of the pull shows when it is created
        except APIError as error:
            raise _no_image(self._spec.image, error, retryable=not isinstance(error, NotFound)) from None

    def _autopsy(self, container: "Container") -> Failure:
        """Why a container ended that left no result."""
        state, held = container.attrs["State"], self._spec.memory_bytes
        deadline_s, code = float(container.labels[_DEADLINE]), state["ExitCode"]
        if state["OOMKilled"]:
            limit = f" of {held >> 20:,} MiB" if held else ""
            return Failure.of(Cause.OUT_OF_MEMORY, f"the job needed more memory than its limit{limit} and was killed")
        if code in (_TIMED_OUT, _KILLED) and _lasted_s(state) >= deadline_s:
            return Failure.of(Cause.DEADLINE, f"the job was ended after its deadline of {deadline_s:g} s")
        if code == 0:
            return Failure.of(Cause.RESULT_MISSING, "the job ended by itself and left no result")
        if code == _ABSENT or state["Error"]:
            what = state["Error"] or "the image has no `timeout` or no `python`"
            return Failure.of(Cause.CRASHED, f"the container could not start the job: {what}")
        last = container.logs(tail=3).decode(errors="replace").strip()
        return Failure.of(Cause.CRASHED, f"{_words(container)}. It last printed: {last}" if last else _words(container))

    def _unless_delivered(self, container: "Container", failure: Failure) -> Failure | None:
        """A result that was delivered stands, however its container ended afterwards."""
        slug = container.name.split("-")[1]
        delivered = self._open(container.labels[_STORE]).head(f"jobs/{slug}/result.json")
        return None if delivered else failure

    def _variables(self, store: str) -> dict[str, str]:
        prefix = _VARIABLES.get(store.partition("://")[0], "")
        named = {name.removeprefix(prefix.lower()): value for name, value in (self._credentials or {}).items()}
        told = {f"{prefix}{name.upper()}": value for name, value in named.items()}
        own = {name: value for name, value in os.environ.items() if prefix and name.startswith(prefix)}
        return {**own, **told}

    def _check_sight(self, store: str) -> None:
        folder = unquote(urlsplit(store).path)
        targets = [volume.split(":")[1].rstrip("/") for volume in self._spec.volumes if ":" in volume]
        if store.startswith("file://") and not any(f"{folder}/".startswith(f"{target}/") for target in targets):
            raise SpecError(
                "the container would not see its store, a folder of this machine",
                where="DockerJob.volumes",
                expected=f"'{folder}:{folder}' among them, or a store that is reached by network",
                got=list(self._spec.volumes),
            )

    def _open(self, store: str) -> "ObjectStore":
        from taxiway.stores.objects import open_store

        return open_store(store, credentials=self._credentials)

    def _engine(self) -> "AbstractContextManager[DockerClient]":
        return connected(self._spec.url, needed_by="DockerJob")


def _rival(engine: "DockerClient", name: str) -> "Container":
    """The container that somebody else creates at this moment: its name is taken before it can be seen."""
    end = time.monotonic() + PATIENCE_S
    while (found := find(engine, name)) is None:
        if time.monotonic() > end:
            raise BackendError("a container's name is taken, and there is no such container", where=name)
        time.sleep(0.05)
    return found


def _mark(name: str) -> str:
    return f"{name}-cancelled"


def _cancelled(engine: "DockerClient", name: str) -> bool:
    from docker.errors import NotFound

    try:
        engine.volumes.get(_mark(name))
    except NotFound:
        return False
    return True


def _tidy(engine: "DockerClient") -> None:
    """Removes the containers of ours that have ended and whose time is over, and the marks of such."""
    from docker.errors import APIError

    old = {"label": _KEEP_UNTIL}
    ended = engine.containers.list(filters={**old, "status": "exited"}, all=True, sparse=True)
    for one in (*ended, *engine.volumes.list(filters=old)):
        labels = one.attrs["Labels"]
        if float(labels[_KEEP_UNTIL]) > time.time():
            continue
        with contextlib.suppress(APIError):  # somebody else was faster
            one.remove(**({"v": True} if one in ended else {}))


def _name(handle: str) -> str:
    name = handle.removeprefix(_SCHEME)
    if not handle.startswith(_SCHEME) or not _NAME.fullmatch(name):
        raise SpecError("this is no handle of a container", expected="docker://taxiway-SLUG-STORE", got=repr(handle))
    return name


def _printed(engine: "DockerClient", name: str, position: int) -> Iterator[bytes]:
    """What a container printed in a moment or later, each piece with its time; nothing where there is none.

    Docker's client cannot leave a log half read, so this asks the engine itself: it sends frames, a header of eight
    bytes before each, whose last four tell the size.
    """
    url = f"{engine.api.base_url}/v{engine.api.api_version}/containers/{name}/logs"
    since = f"{position // SECOND}.{position % SECOND:09d}"
    params: dict[str, Any] = {"stdout": 1, "stderr": 1, "timestamps": 1, "since": since}
    with engine.api.get(url, params=params, stream=True, timeout=PATIENCE_S) as answer:
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return
        answer.raise_for_status()
        while header := answer.raw.read(8):
            yield answer.raw.read(int.from_bytes(header[4:], "big"))


def _lasted_s(state: Mapping[str, Any]) -> float:
    began, ended = (_moment(state[name]) for name in ("StartedAt", "FinishedAt"))
    return (ended - began).total_seconds()


def _moment(text: str) -> datetime:
    """A time of the engine's, whose nine decimals are three too many for Python."""
    return datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*Z?$", r"\1", text.rstrip("Z"))).replace(tzinfo=UTC)


def _words(container: "Container") -> str:
    state = container.attrs["State"]
    killed = " (killed)" if state["ExitCode"] == _KILLED else ""
    return f"the container ended with code {state['ExitCode']}{killed}"


def _no_image(image: str, error: Exception, *, retryable: bool) -> JobFailed:
    message = f"the image cannot be had: {error}"
    return JobFailed(Failure(cause=Cause.IMAGE_PULL, message=message, retryable=retryable), where=f"image {image!r}")
