"""Drift: how far a window of production is from the data that the live model learned from."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import NonNegativeInt

from taxiway.core.anomalies import Anomaly
from taxiway.core.evaluation import Measure
from taxiway.core.names import Digest
from taxiway.core.outcomes import Outcome
from taxiway.core.profiles import Role
from taxiway.core.records import Record
from taxiway.core.windows import Window

SHOWN = 100
"""How many columns a report keeps, the most remarkable first."""


class Asks(StrEnum):
    """What a test asks of a column."""

    VALUES = "values"
    MISSING = "missing"
    LEVELS = "levels"


class DriftTest(Record):
    """One question about one column; FAIL means that it drifted.

    Attributes:
        asks: whether its values lie elsewhere, whether more or fewer of them are missing, or whether there are more
            levels that the reference has no name for.
        p: how often chance alone does that, all tests of the report considered; none when it was not asked.
        effect: of the values, the distance beyond chance, in standard deviations of a normal column; else how much the
            share has risen.
        outcome: FAIL when it is both improbable and large enough.
        note: why there is no number.
    """

    asks: Asks
    p: float | None = None
    effect: float | None = None
    outcome: Outcome = Outcome.INCONCLUSIVE
    note: str = ""


class ColumnDrift(Record):
    """One column.

    Attributes:
        name: its name.
        role: an input, the prediction, or its score.
        outcome: FAIL when it drifted.
        findings: what was asked, and what came back.
        weight: how much it counts in the score.
        before: the reference in a few words, without values of columns with personal data.
        now: the window likewise.
    """

    name: str
    role: Role
    outcome: Outcome
    findings: tuple[DriftTest, ...]
    weight: float = 1.0
    before: str = ""
    now: str = ""

    @property
    def effect(self) -> float:
        """The largest distance that counts; 0 when it did not drift."""
        return max((abs(t.effect or 0.0) for t in self.findings if t.outcome is Outcome.FAIL), default=0.0)


class Fault(Record):
    """What is wrong with the shape of the data.

    Attributes:
        column: which one.
        what: it is `missing`, `new`, of another `type`, or `stuck` at one value.
        expected: what the reference has.
        got: what the window has.
    """

    column: str
    what: Literal["missing", "new", "type", "stuck"]
    expected: str = ""
    got: str = ""

    @property
    def breaks(self) -> bool:
        """Whether the model can be hurt by it; a new column it does not read cannot."""
        return self.what != "new"


class DriftReport(Record):
    """What a window looks like beside its reference.

    Attributes:
        window: which one.
        number: the version that was live; none where there is no model.
        live_since: when it went live, ISO 8601; empty when nobody knows.
        reference: what it was compared with, in words.
        profile: digest of the window's profile.
        rows: how many rows the window had.
        reference_rows: how many the reference had.
        outcome: FAIL when something drifted, INCONCLUSIVE when it cannot be told; `note` says why.
        score: the drift of all inputs together, weighted, 0 to 1.
        tested: how many columns were compared.
        drifted: how many of them drifted.
        columns: the most remarkable ones, at most `SHOWN`.
        faults: what is wrong with the shape of the data.
        estimates: how well the model does on this window, as far as it can be told without labels.
        expected: how well it did on the rows it was evaluated on.
        trends: what is remarkable about the quality of the data, and about the estimates, since earlier windows.
        outside: rows whose time lies outside of the window.
        note: why there is no answer.
    """

    window: Window
    number: int | None
    live_since: str = ""
    reference: str
    profile: Digest | None
    rows: NonNegativeInt
    reference_rows: NonNegativeInt
    outcome: Outcome
    score: float | None = None
    tested: NonNegativeInt = 0
    drifted: NonNegativeInt = 0
    columns: tuple[ColumnDrift, ...] = ()
    faults: tuple[Fault, ...] = ()
    estimates: tuple[Measure, ...] = ()
    expected: tuple[Measure, ...] = ()
    trends: tuple[Anomaly, ...] = ()
    outside: NonNegativeInt = 0
    note: str = ""


def judge_column(findings: Iterable[DriftTest]) -> Outcome:
    """FAIL when any of them is drift, PASS when any could be told, else INCONCLUSIVE."""
    outcomes = {finding.outcome for finding in findings}
    for outcome in (Outcome.FAIL, Outcome.PASS):
        if outcome in outcomes:
            return outcome
    return Outcome.INCONCLUSIVE


def judge(columns: Iterable[ColumnDrift], faults: Iterable[Fault]) -> Outcome:
    """What a report says as a whole: FAIL for any drift and any fault that breaks, else PASS if anything was told."""
    found = {column.outcome for column in columns}
    if Outcome.FAIL in found or any(fault.breaks for fault in faults):
        return Outcome.FAIL
    return Outcome.PASS if Outcome.PASS in found else Outcome.INCONCLUSIVE


def score(columns: Iterable[ColumnDrift]) -> float | None:
    """The weighted mean of the inputs' effects, each at most 1; none without inputs that weigh something."""
    inputs = [column for column in columns if column.role == "input"]
    weights = sum(column.weight for column in inputs)
    return sum(column.weight * min(1.0, column.effect) for column in inputs) / weights if weights > 0 else None


def ranked(columns: Iterable[ColumnDrift]) -> tuple[ColumnDrift, ...]:
    """The most remarkable columns first: what drifted, then by effect and weight; at most `SHOWN`."""
    order = sorted(columns, key=lambda c: (c.outcome is not Outcome.FAIL, -c.effect * max(c.weight, 1e-9), c.name))
    return tuple(order[:SHOWN])
