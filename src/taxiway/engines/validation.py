"""Validation: every rule of a contract asked of a table in one streaming pass.

The pass only counts. Only when something failed does a second one fetch a few samples, and only for what failed.
Memory does not grow with the rows, but for uniqueness, which has to remember every distinct value it saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from taxiway.core.outcomes import Outcome
from taxiway.core.specs.data import PersonalAction
from taxiway.core.validation import CheckResult
from taxiway.engines.columns import read_columns
from taxiway.engines.contracts import as_schema
from taxiway.engines.counting import Count, count
from taxiway.engines.rules import Rule
from taxiway.engines.samples import fetch
from taxiway.engines.translation import translate

if TYPE_CHECKING:
    import polars as pl


class Examined(NamedTuple):
    """What came back: how many rows there are, and one result per rule, in the contract's order."""

    rows: int
    checks: tuple[CheckResult, ...]


def check(
    data: pl.LazyFrame, schema: object, *, personal: Mapping[str, PersonalAction] | None = None
) -> tuple[CheckResult, ...]:
    """What a contract says about a table; see `examine`."""
    return examine(data, schema, personal=personal).checks


def examine(data: pl.LazyFrame, schema: object, *, personal: Mapping[str, PersonalAction] | None = None) -> Examined:
    """Asks every rule of a contract, collects every failure, and counts the rows on the way.

    Agrees with pandera's own validation on which checks fail and on how many rows. In particular NaN counts as missing
    in a column that is not nullable and compares greater than every number elsewhere, and a null is asked nothing but
    whether it may be there. A missing column, a wrong type or a check of the whole table is broken by every row.

    Args:
        data: the table; nothing is read but the columns the contract speaks of.
        schema: a `pandera.polars` model or schema.
        personal: the dataset's column policy; samples of every column in it are masked.

    Raises:
        SpecError: the contract is not a polars schema, or the data cannot be read at all.
    """
    policy = personal or {}
    dropped = [name for name, action in policy.items() if action == "drop"]
    rules, conversions = translate(as_schema(schema), read_columns(data), dropped)
    converted = data.with_columns(*conversions) if conversions else data
    rows, counts = count(rules, data, converted)
    failing = [rule for rule, found in zip(rules, counts, strict=True) if found.failed]
    samples = iter(fetch(failing, data, converted, masked=frozenset(policy)))
    results = [_result(rule, n, next(samples) if n.failed else ()) for rule, n in zip(rules, counts, strict=True)]
    return Examined(rows, tuple(results))


def count_rows(data: pl.LazyFrame) -> int:
    """How many rows there are.

    Raises:
        SpecError: the data cannot be read.
    """
    return count((), data, data)[0]


def _result(rule: Rule, found: Count, samples: tuple[str, ...]) -> CheckResult:
    outcome = _outcome(found)
    return CheckResult(
        check=rule.check,
        column=rule.column,
        severity=rule.severity,
        outcome=outcome,
        failed=found.failed,
        rate=found.failed / found.asked if found.asked else float(outcome is Outcome.FAIL),
        samples=samples,
        note=rule.note or found.note,
    )


def _outcome(found: Count) -> Outcome:
    if not found.answered:
        return Outcome.INCONCLUSIVE
    return Outcome.FAIL if found.failed or found.broken else Outcome.PASS
