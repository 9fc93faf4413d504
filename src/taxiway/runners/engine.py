"""A Docker engine, for jobs and for services: the way to it, and its containers by name."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from taxiway.core.errors import BackendError, SpecError

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

PATIENCE_S = 30.0
"""How long the engine may take for one answer."""


@contextlib.contextmanager
def connected(url: str | None, *, needed_by: str) -> "Iterator[DockerClient]":
    """A connection to the engine, whose faults are ours.

    Args:
        url: where it listens; without it, where DOCKER_HOST says, else the local one.
        needed_by: the spec that asks for it.

    Raises:
        SpecError: Docker's client is not installed.
        BackendError: the engine does not answer, or could not do what it was asked to.
    """
    try:
        from docker import DockerClient
        from docker.errors import DockerException
        from requests import RequestException
    except ImportError:
        raise SpecError(
            "Docker's client is not installed", where=needed_by, do="pip install 'taxiway[docker]'"
        ) from None
    engine = None
    try:
        engine = DockerClient(url, timeout=PATIENCE_S) if url else DockerClient.from_env(timeout=PATIENCE_S)
        yield engine
    except (DockerException, RequestException) as error:
        raise BackendError(
            "the docker engine could not do it",
            where=url or "the docker engine of DOCKER_HOST, or the local one",
            got=error,
            do="Check that it runs (docker info) and that it has the image.",
        ) from error
    finally:
        if engine is not None:
            engine.close()


def find(engine: "DockerClient", name: str) -> "Container | None":
    """The container of a name; None when there is none."""
    from docker.errors import NotFound

    try:
        return engine.containers.get(name)
    except NotFound:
        return None
