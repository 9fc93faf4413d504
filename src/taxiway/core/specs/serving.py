"""What shall be served, how a new version goes live, and what it is judged by, as an author writes it."""

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from taxiway.core.errors import SpecError
from taxiway.core.names import CHAMPION, Name, check_entry_point
from taxiway.core.records import spec
from taxiway.core.specs.targets import LocalServer, Servers
from taxiway.core.variants import OneOf

Percent = Annotated[int, Field(ge=1, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Confidence = Annotated[float, Field(ge=0.5, lt=1)]


@spec
class Direct:
    """The new version takes all traffic as soon as it is ready and has answered its golden requests."""

    kind: Literal["direct"] = dataclasses.field(default="direct", kw_only=True)


@spec
class BlueGreen:
    """All traffic moves at once to a new version that stands ready beside the old one, which stays until it is judged.

    Attributes:
        bake: how long all traffic is watched before the old version is let go.
    """

    bake: timedelta = timedelta(minutes=10)
    kind: Literal["blue_green"] = dataclasses.field(default="blue_green", kw_only=True)

    def __post_init__(self) -> None:
        """Refuses a time that lies in the past."""
        _require_time("BlueGreen.bake", self.bake)


@spec
class Canary:
    """Traffic moves in steps, and each step is judged: `Canary(5, 25, 100, bake=timedelta(minutes=15))`.

    Attributes:
        weights: percent of the traffic, step by step, rising to 100.
        bake: how long each step lasts at least.
    """

    _gathers = "weights"
    weights: tuple[Percent, ...] = (5, 25, 100)
    bake: timedelta = dataclasses.field(default=timedelta(minutes=15), kw_only=True)
    kind: Literal["canary"] = dataclasses.field(default="canary", kw_only=True)

    if TYPE_CHECKING:

        def __init__(self, *weights: int, bake: timedelta = ...) -> None: ...

    def __post_init__(self) -> None:
        """Refuses weights that do not rise to 100, and a time that lies in the past."""
        if self.weights[-1:] != (100,) or list(self.weights) != sorted(set(self.weights)):
            raise SpecError(
                "the weights of a canary rise to 100",
                where="Canary.weights",
                expected="percentages such as 5, 25, 100",
                got=", ".join(str(weight) for weight in self.weights) or "none",
                do="Put them in order and end with 100.",
            )
        _require_time("Canary.bake", self.bake)


@spec
class Shadow:
    """The new version is sent copies of the traffic, and its answers are compared with those given, never given.

    Where nobody asks anything, logged requests are replayed.

    Attributes:
        duration: for how long at least; this or `requests` is given, or both.
        requests: how many compared requests at least.
        then: how it goes live afterwards.
    """

    duration: timedelta = timedelta(0)
    requests: NonNegativeInt = 0
    then: Annotated[Direct | BlueGreen | Canary, OneOf()] = dataclasses.field(default_factory=Direct)
    kind: Literal["shadow"] = dataclasses.field(default="shadow", kw_only=True)

    def __post_init__(self) -> None:
        """Refuses a shadow that compares nothing."""
        _require_time("Shadow.duration", self.duration)
        if not self.duration and not self.requests:
            raise SpecError(
                "a shadow lasts for a time or for a number of requests",
                where="Shadow",
                expected="duration=timedelta(hours=1) or requests=1000",
                got="neither",
                do="Give at least one of them.",
            )


Rollout = Annotated[Direct | BlueGreen | Canary | Shadow, OneOf()]


@spec
class BusinessMetric:
    """A number from elsewhere that must be good enough for the candidate; more is better unless `at_most` is given.

    Attributes:
        name: what people call it.
        source: PromQL that gives one number, in which `$service`, `$version` and `$seconds` (the window's length) are
            filled in; or `module:function`, called as `function(service, version, seconds) -> float | None`.
        prometheus: URL of the Prometheus server that is asked; none for a function.
        at_least: the lowest value that passes.
        at_most: the highest value that passes.
        max_drop: how much less than the live version's it may be, as a share of that: 0.1 for a tenth less.
    """

    name: str
    source: str
    prometheus: str = ""
    at_least: float | None = None
    at_most: float | None = None
    max_drop: Share | None = None

    def __post_init__(self) -> None:
        """Refuses a metric without a limit, and a source that nobody can ask."""
        if self.at_least is None and self.at_most is None and self.max_drop is None:
            raise SpecError(
                "a metric without a limit decides nothing",
                where=f"BusinessMetric({self.name!r})",
                expected="at_least, at_most or max_drop",
                do="Give at least one of them.",
            )
        if not self.prometheus:
            check_entry_point(self.source)


@spec
class Judge:
    """What a candidate is held against while both versions answer: the live version in the same window.

    A limit is kept when the whole interval of the difference keeps it, and broken when the whole interval breaks it;
    between the two nothing is decided. Without any error about 200 requests to each version show that the error rate
    did not rise by more than the default of two in a hundred.

    Attributes:
        min_requests: answered by each version; with fewer nothing is decided.
        max_error_increase: how much the share of failed requests may rise, 0 to 1.
        max_latency_ratio: how much slower the 95th and (from 1000 requests on) the 99th percentile may be.
        slow_s: a percentile below this many seconds is never too slow.
        max_invalid_increase: how much the share of predictions that are NaN, infinite or out of range may rise, 0 to 1.
        out_of_range: the lowest and the highest prediction that makes sense; any finite number does without it.
        max_distance: how far apart the distributions of the predictions may be: their total variation distance, 0
            (same) to 1, less what chance alone would show; not asked without it.
        max_disagreement: the share of copied requests that the two may answer differently; not asked without it.
        max_live_errors: with a larger share of failed requests the live version itself is ill, and nothing is decided.
        confidence: of the two-sided intervals.
        metrics: what else must be good enough.
        failures: how many times in a row a limit may be found broken before the candidate is given up.
    """

    min_requests: PositiveInt = 100
    max_error_increase: Share = 0.02
    max_latency_ratio: Annotated[float, Field(ge=1)] = 1.5
    slow_s: NonNegativeFloat = 0.005
    max_invalid_increase: Share = 0.02
    out_of_range: tuple[float, float] | None = None
    max_distance: Share | None = 0.2
    max_disagreement: Share | None = None
    max_live_errors: Share = 0.1
    confidence: Confidence = 0.95
    metrics: tuple[BusinessMetric, ...] = ()
    failures: NonNegativeInt = 0


@spec
class Service:
    """A model that answers requests, and how a new version of it goes live.

    Attributes:
        name: of the service; it serves one model for ever.
        rollout: how a new version goes live.
        on: where it runs.
        judge: what it is held against on the way.
        deadline: how long a rollout may take; a candidate that was not shown to be good by then is given up.
        every: how often the candidate is looked at, at most.
        alias: which version shall be live.
    """

    name: Name
    rollout: Rollout = dataclasses.field(default_factory=Direct)
    on: Servers = dataclasses.field(default_factory=LocalServer)
    judge: Judge = dataclasses.field(default_factory=Judge)
    deadline: timedelta = timedelta(days=1)
    every: timedelta = timedelta(seconds=10)
    alias: str = CHAMPION

    def __post_init__(self) -> None:
        """Refuses times that lie in the past."""
        _require_time("Service.deadline", self.deadline, zero=False)
        _require_time("Service.every", self.every, zero=False)


def _require_time(where: str, value: timedelta, *, zero: bool = True) -> None:
    if value < timedelta(0) or (not zero and not value):
        raise SpecError(
            "a time must not be negative" if zero else "a time must be more than nothing",
            where=where,
            got=str(value),
            do="Give a timedelta such as timedelta(minutes=15).",
        )
