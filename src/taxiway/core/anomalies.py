"""Anomalies: what is remarkable about the newest values of a series."""

from enum import StrEnum

from taxiway.core.records import Record


class Change(StrEnum):
    """How a series changed."""

    SUDDEN = "sudden"
    GRADUAL = "gradual"


class Anomaly(Record):
    """A series that does not go on as it did.

    Attributes:
        series: what is counted: `roc_auc`, `missing delay`, `score`, `rows`.
        change: at once, or slowly.
        by: how far the newest value lies from what was usual, or how far the trend has carried it.
        usual: what was usual, or where the trend began.
        worse: the change is for the worse; none where more is neither better nor worse.
    """

    series: str
    change: Change
    by: float
    usual: float
    worse: bool | None = None
