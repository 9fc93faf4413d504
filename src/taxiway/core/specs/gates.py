"""What has to hold before a model goes live, as an author writes it."""

import dataclasses
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt

from taxiway.core.errors import SpecError
from taxiway.core.records import spec
from taxiway.core.variants import OneOf

Confidence = Annotated[float, Field(ge=0.5, le=0.998)]
FirstModel = Literal["pass", "refuse"]


@spec
class Threshold:
    """A metric must reach a number, on all rows or on every level of a slice column.

    Attributes:
        metric: one of the evaluation's metrics.
        at_least: the lowest value that passes; exactly one of this and `at_most` is given.
        at_most: the highest value that passes.
        slice: a slice column of the evaluation: then every measured level must reach it.
        min_rows: with fewer rows the answer is INCONCLUSIVE.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    slice: str | None = None
    min_rows: NonNegativeInt = 30
    kind: Literal["threshold"] = dataclasses.field(default="threshold", kw_only=True)

    def __post_init__(self) -> None:
        """Refuses a threshold without a limit, or with two."""
        if (self.at_least is None) == (self.at_most is None):
            raise SpecError(
                "a threshold has one limit",
                where=f"Threshold({self.metric!r})",
                expected="either at_least=… or at_most=…",
                got="both" if self.at_least is not None else "neither",
                do="Give exactly one of them.",
            )


@spec
class BeatsChampion:
    """The candidate must be better than the champion on the same rows, by at least so much, with confidence.

    The answer is INCONCLUSIVE while the interval of the difference lies on both sides of `by`.

    Attributes:
        metric: one of the evaluation's metrics.
        by: how much better, in the metric's unit, in the direction that is better.
        confidence: of the two-sided paired bootstrap interval, 0.5 to 0.998.
        first_model: the answer when there is no champion yet, provided that the metric was measured.
        min_rows: with fewer rows the answer is INCONCLUSIVE.
    """

    metric: str
    by: float = 0.0
    confidence: Confidence = 0.95
    first_model: FirstModel = "pass"
    min_rows: NonNegativeInt = 30
    kind: Literal["beats_champion"] = dataclasses.field(default="beats_champion", kw_only=True)


@spec
class MaxRegression:
    """A guard metric may not get worse than the champion's by more than so much, with confidence.

    Attributes:
        metric: one of the evaluation's metrics.
        by: how much worse is allowed, in the metric's unit; 0 or more.
        confidence: of the two-sided paired bootstrap interval, 0.5 to 0.998.
        first_model: the answer when there is no champion yet, provided that the metric was measured.
        min_rows: with fewer rows the answer is INCONCLUSIVE.
    """

    metric: str
    by: Annotated[float, Field(ge=0)] = 0.0
    confidence: Confidence = 0.95
    first_model: FirstModel = "pass"
    min_rows: NonNegativeInt = 30
    kind: Literal["max_regression"] = dataclasses.field(default="max_regression", kw_only=True)


@spec
class Approval:
    """A person must say yes, with the evidence before their eyes; silence is a no.

    Attributes:
        users: who may answer, by Airflow user id; anybody with the permission when empty.
        timeout: after which the answer is no.
    """

    users: tuple[str, ...] = ()
    timeout: timedelta = timedelta(days=1)
    kind: Literal["approval"] = dataclasses.field(default="approval", kw_only=True)


MeasuredGate = Annotated[Threshold | BeatsChampion | MaxRegression, OneOf()]
Gate = Annotated[Threshold | BeatsChampion | MaxRegression | Approval, OneOf()]


def describe(gate: Gate) -> str:
    """The gate in words: `roc_auc >= 0.7 in every carrier`."""
    if isinstance(gate, Threshold):
        limit = f">= {gate.at_least:g}" if gate.at_least is not None else f"<= {gate.at_most:g}"
        return f"{gate.metric} {limit}{f' in every {gate.slice}' if gate.slice else ''}"
    if isinstance(gate, BeatsChampion):
        by = f" by {gate.by:g}" if gate.by else ""
        return f"{gate.metric} beats the champion{by} at {gate.confidence * 100:g}% confidence"
    if isinstance(gate, MaxRegression):
        worse = f"worse than the champion{f' by more than {gate.by:g}' if gate.by else ''}"
        return f"{gate.metric} not {worse} at {gate.confidence * 100:g}% confidence"
    return f"approved by {' or '.join(gate.users) if gate.users else 'a person'}"
