"""Monitoring: what the jobs that look at a window are given, and what they hand on."""

from typing import ClassVar, Literal

from pydantic import NonNegativeInt, PositiveInt

from taxiway.core.data import DatasetRef
from taxiway.core.names import Digest
from taxiway.core.records import Record
from taxiway.core.scoring import BatchScores
from taxiway.core.specs.evaluation import Evaluation
from taxiway.core.specs.monitoring import Drift, Monitoring
from taxiway.core.training import ModelRef
from taxiway.core.windows import Window

Holds = Literal["rows", "inputs", "answers", "traffic"]


class Live(Record):
    """The version that was live when its window was looked at.

    Attributes:
        number: its number.
        model: its bytes.
        profile: digest of the `Profile` of the data it learned from; none for a version of an older taxiway.
        baseline: digest of its `Baseline`; none likewise.
        since: when it went live, ISO 8601; empty when nobody knows.
    """

    number: PositiveInt
    model: ModelRef
    profile: Digest | None = None
    baseline: Digest | None = None
    since: str = ""


class WindowPart(Record):
    """Some of the rows of a window.

    Attributes:
        window: which one.
        live: the version it is about; none where there is no model.
        dataset: the snapshot with the rows; none when there are none.
        holds: whole rows, inputs alone, answers alone, or a service's traffic.
        number: 1, 2, 3, … among `of`.
        of: how many parts the window has.
    """

    window: Window
    live: Live | None
    dataset: DatasetRef | None
    holds: Holds = "rows"
    number: PositiveInt = 1
    of: PositiveInt = 1


class WindowParts(Record):
    """All of a window; one part without a dataset when there is nothing."""

    parts: tuple[WindowPart, ...]


class Profiled(Record):
    """The profile of some rows.

    Attributes:
        rows: how many there are.
        profile: digest of the `Profile`; none when there is nothing to count them at, and `note` says why.
        note: why there is none, or why the model's answers are not in it.
    """

    rows: NonNegativeInt
    profile: Digest | None = None
    note: str = ""


class WindowWork(Record):
    """Take a snapshot of a window's rows, and cut it into parts: gives `WindowParts`.

    `scores` are those of the partitions that were scored, where these are the window.
    """

    version: ClassVar[int] = 2
    window: Window
    live: Live | None
    monitoring: Monitoring
    scores: tuple[BatchScores, ...] = ()


class ReferenceWork(Record):
    """Profile a table that later ones are compared with: gives `Profiled`."""

    dataset: DatasetRef
    drift: Drift


class ProfileWork(Record):
    """Profile a part of a window, at the places of the live version's reference, or of `reference`: `Profiled`."""

    version: ClassVar[int] = 2
    part: WindowPart
    monitoring: Monitoring
    reference: Digest | None = None


class CompareWork(Record):
    """Hold a window against its reference: gives a `DriftReport`, and keeps it.

    `metrics` are estimated; those that were measured before the version went live when none are named.
    """

    version: ClassVar[int] = 2
    window: Window
    live: Live | None
    parts: tuple[Profiled, ...]
    monitoring: Monitoring
    reference: Digest | None = None
    metrics: tuple[str, ...] = ()


class IllustrateWork(Record):
    """Let Evidently draw a window beside the rows that its model learned from: gives an `Illustration`.

    `reference` is the snapshot to draw it beside where there is no model.
    """

    parts: tuple[WindowPart, ...]
    drift: Drift
    reference: DatasetRef | None = None


class Illustration(Record):
    """What Evidently drew, and what its tests say; a picture to look at, which decides nothing.

    Attributes:
        window: which window.
        page: where in the store the page lies; empty when there is none, and `note` says why.
        rows: how many rows of the window it saw.
        reference_rows: how many rows it saw beside them.
        passed: how many of its tests passed.
        failed: the names of those that did not.
        note: why there is no page.
    """

    window: Window
    page: str = ""
    rows: NonNegativeInt = 0
    reference_rows: NonNegativeInt = 0
    passed: NonNegativeInt = 0
    failed: tuple[str, ...] = ()
    note: str = ""


class MeasureWork(Record):
    """Join a window's predictions with the labels that arrived, and measure: gives a `PerformanceReport`.

    `final` keeps the report; before that it is only a look at how many labels there are.
    """

    version: ClassVar[int] = 2
    parts: tuple[WindowPart, ...]
    monitoring: Monitoring
    evaluation: Evaluation | None = None
    final: bool = True
