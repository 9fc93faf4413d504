"""The three answers every check and gate can give."""

from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """PASS, FAIL, or INCONCLUSIVE: not measured, NaN, or too few rows. Nothing goes live on INCONCLUSIVE."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of several together: any FAIL fails, else any INCONCLUSIVE is inconclusive; none at all is, too."""
    seen = set(outcomes)
    if Outcome.FAIL in seen:
        return Outcome.FAIL
    return Outcome.PASS if seen == {Outcome.PASS} else Outcome.INCONCLUSIVE
