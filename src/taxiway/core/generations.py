"""A service step by step: what each generation of its state said, and what was counted while it held."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from taxiway.core.counts import Counts, Origin, since
from taxiway.core.judging import quantile_interval
from taxiway.core.registry import Commit
from taxiway.core.serving import Serve, ServiceState
from taxiway.core.training import Target


class Numbers(NamedTuple):
    """What one version answered in a while.

    Attributes:
        version: its number.
        requests: how many requests.
        errors: the share of them that was not answered with predictions; none without requests.
        p50_s: the median time of an answer, infinite beyond the last bin; none without requests.
        p95_s: the time within which 95 % were answered, likewise.
        compared: requests whose answer was compared with the live version's.
        disagreements: those of them that were answered differently.
    """

    version: int
    requests: int
    errors: float | None
    p50_s: float | None
    p95_s: float | None
    compared: int
    disagreements: int


class Generation(NamedTuple):
    """One step of a service.

    Attributes:
        commit: what said so.
        state: what holds since.
        live: what the live version answered while it held; none where nobody counted.
        candidate: what the candidate answered.
    """

    commit: Commit
    state: ServiceState
    live: Numbers | None = None
    candidate: Numbers | None = None


def generations(commits: Iterable[Commit], service: str) -> list[Generation]:
    """The steps of a service, the oldest first."""
    return [
        Generation(commit, commit.change.state)
        for commit in commits
        if isinstance(commit.change, Serve) and commit.change.state.service == service
    ]


def counted(steps: Iterable[Generation], origins: Mapping[int, Origin]) -> list[Generation]:
    """The steps with what was counted in each whose beginning and end were noted.

    Args:
        steps: the oldest first.
        origins: what the replicas had counted when a generation began to be judged, by its number.
    """
    steps = list(steps)
    numbered = [step for step in steps if step.state.generation in origins]
    found = dict(_between(origins, a.state.generation, b.state.generation) for a, b in pairwise(numbered))
    return [_with(step, found.get(step.state.generation, {})) for step in steps]


def _between(origins: Mapping[int, Origin], first: int, then: int) -> tuple[int, dict[str, Counts]]:
    return first, since(origins[first].readings, origins[then].readings)


def _with(step: Generation, counts: Mapping[str, Counts]) -> Generation:
    return step._replace(live=_numbers(step.state.live, counts), candidate=_numbers(step.state.candidate, counts))


def _numbers(target: Target | None, counts: Mapping[str, Counts]) -> Numbers | None:
    one = counts.get(str(target.number)) if target else None
    if target is None or one is None:
        return None
    return Numbers(
        version=target.number,
        requests=one.requests,
        errors=one.errors / one.requests if one.requests else None,
        p50_s=_quantile(one, 0.5),
        p95_s=_quantile(one, 0.95),
        compared=one.compared,
        disagreements=one.disagreements,
    )


def _quantile(counts: Counts, q: float) -> float | None:
    span = quantile_interval(counts.seconds, q, 0.95)
    return span[0] if span else None
