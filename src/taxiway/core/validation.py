"""Validation: what was asked of a snapshot, and what came back."""

from typing import Literal

from pydantic import NonNegativeInt

from taxiway.core.data import DatasetRef
from taxiway.core.errors import SpecError
from taxiway.core.names import Digest
from taxiway.core.outcomes import Outcome, worst
from taxiway.core.records import Record

Severity = Literal["error", "warning"]


class CheckResult(Record):
    """One check of a contract.

    Attributes:
        check: what was asked, in words: `dep_delay: in_range(-60, 2000)`.
        column: the column it was asked of; none for a rule over several.
        severity: an `error` fails the report, a `warning` only shows.
        outcome: INCONCLUSIVE when it could not be asked (no rows, or the check itself broke; `note` says why).
        failed: rows that broke it.
        rate: `failed` divided by the rows asked, 0 to 1.
        samples: a few failing values as text, capped in number and length, masked where the column is personal.
        note: why, when there is no number.
    """

    check: str
    column: str | None
    severity: Severity
    outcome: Outcome
    failed: NonNegativeInt
    rate: float
    samples: tuple[str, ...] = ()
    note: str = ""


class ValidationReport(Record):
    """Everything a contract asked of one snapshot; `contract` is the digest of the rules themselves."""

    dataset: DatasetRef
    outcome: Outcome
    rows: NonNegativeInt
    columns: dict[str, str]
    checks: tuple[CheckResult, ...]
    contract: Digest | None = None


def judge(checks: tuple[CheckResult, ...], rows: int) -> Outcome:
    """What a report says as a whole: the worst of its errors; without rows INCONCLUSIVE, without errors PASS."""
    if rows == 0:
        return Outcome.INCONCLUSIVE
    errors = [check.outcome for check in checks if check.severity == "error"]
    return worst(errors) if errors else Outcome.PASS


def require_valid(report: ValidationReport) -> DatasetRef:
    """The snapshot, if its contract holds.

    Raises:
        SpecError: it does not; the first failing checks are named with their counts and samples.
    """
    if report.outcome is Outcome.PASS:
        return report.dataset
    broken = [c for c in report.checks if c.severity == "error" and c.outcome is not Outcome.PASS]
    lines = [_line(check, report.rows) for check in broken[:5]]
    more = f"; and {len(broken) - 5} more" if len(broken) > 5 else ""  # noqa: PLR2004
    raise SpecError(
        "the data contract is broken" if report.rows else "the dataset has no rows",
        where=f"dataset {report.dataset.name!r} at {report.dataset.uri}",
        got=("; ".join(lines) + more) or "0 rows",
        do="Mend the data, or change the contract if the data is right.",
    )


def _line(check: CheckResult, rows: int) -> str:
    if check.note or not check.failed:
        return f"{check.check}: {check.note or check.outcome}"
    samples = f", e.g. {', '.join(check.samples[:3])}" if check.samples else ""
    return f"{check.check}: {check.failed} of {rows} rows ({check.rate:.2%}){samples}"
