"""Platforms: what a place where services run must be able to do, and what is to be seen of replicas that follow a log.

A platform makes the world as the log says; it decides nothing. Everything it does may be done again at any time.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from taxiway.core.counts import Reading
from taxiway.core.rollouts import Sight
from taxiway.core.serving import ServiceState


class Platform(Protocol):
    """Where one service runs."""

    def check(self) -> None:
        """Refuses what this platform cannot do, before anything is changed.

        Raises:
            BackendError: the platform did not answer.
            SpecError: it cannot do what the service's rollout needs.
        """

    def plan(self, state: ServiceState) -> dict[str, Any]:
        """Exactly what `apply` would make of a state, as plain data without secrets; pure."""

    def apply(self, state: ServiceState) -> None:
        """Makes the world as the state says, as far as that needs no waiting; idempotent.

        Raises:
            BackendError: the platform did not answer or refused.
        """

    def observe(self, state: ServiceState) -> Sight:
        """How much of the state is so, and what the replicas counted; ends within seconds, whatever answers or not.

        Raises:
            BackendError: the platform did not answer.
        """

    def revert(self, state: ServiceState) -> None:
        """Gives all traffic to the state's live version first, and only then does what `apply` does."""

    def ask(self, path: str, body: bytes | None = None) -> bytes:
        """What a replica answers to a GET, or to a POST of JSON, under `path`.

        Raises:
            BackendError: none answered with success.
        """

    def remove(self) -> None:
        """Ends the service and takes away everything that was made for it; idempotent."""


def followers(
    state: ServiceState, readings: Sequence[Reading], *, expected: int, unreachable: Sequence[str] = ()
) -> Sight:
    """What is to be seen of replicas that follow the log.

    Settled when there are as many as expected and each of them has taken up this generation or a later one.

    Args:
        state: what the service shall serve.
        readings: what the replicas say.
        expected: how many there should be.
        unreachable: the replicas that did not answer.
    """
    behind = [reading for reading in readings if reading.generation < state.generation]
    failed = next((reading.failed for reading in readings if reading.failed), "")
    missing = []
    if len(readings) < max(1, expected):
        missing.append(f"{len(readings)} of {max(1, expected)} replicas answer")
    missing += [f"{one.replica} is at generation {one.generation} of {state.generation}" for one in behind[:3]]
    return Sight(
        settled=not missing,
        detail="; ".join(missing),
        failed=failed if state.candidate else "",
        readings=tuple(readings),
        unreachable=tuple(unreachable),
    )


def revisions(
    state: ServiceState, readings: Sequence[tuple[str, Reading]], *, expected: int, unreachable: Sequence[str] = ()
) -> Sight:
    """What is to be seen of replicas that serve one version each.

    Settled when there are as many as expected of each version in service, and each has its version's bytes ready.

    Args:
        state: what the service shall serve.
        readings: what the replicas say, each behind the number of the version it is there for.
        expected: how many there should be of each version.
        unreachable: the replicas that did not answer.
    """
    missing, failed = [], ""
    for target in (state.live, state.candidate):
        if target is None:
            continue
        own = [reading for number, reading in readings if number == str(target.number)]
        ready = [reading for reading in own if target.model.digest in reading.ready.values()]
        if len(ready) < max(1, expected):
            missing.append(f"{len(ready)} of {max(1, expected)} replicas of version {target.number} are ready")
        if target is state.candidate:
            failed = next((reading.failed for reading in own if reading.failed), "")
    return Sight(
        settled=not missing,
        detail="; ".join(missing),
        failed=failed,
        readings=tuple(reading for _, reading in readings),
        unreachable=tuple(unreachable),
    )
