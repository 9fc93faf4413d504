"""Translation: what a pandera schema says, as rules that one streaming pass can answer.

pandera's own functions write the expressions: each check is called once with a frame of no rows that notes what is
selected from it. A check that does more than select is asked of the real frame, and pays for what it does there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from taxiway.core.errors import SpecError
from taxiway.core.names import nearest
from taxiway.core.validation import Severity
from taxiway.engines.probes import Recorder, row_by_row, whole_batches
from taxiway.engines.rules import Decided, Rows, Rule, Unique, Whole, row_rule
from taxiway.engines.samples import clip

if TYPE_CHECKING:
    import polars as pl
    from pandera.polars import Column, DataFrameSchema

_MOST_SHOWN = 4
SEVERITIES: tuple[Severity, ...] = ("error", "warning")


class Translation(NamedTuple):
    """A contract, ready to be asked.

    Attributes:
        rules: everything it asks, in the schema's order.
        conversions: how columns are converted before the rules read them (pandera's `coerce` and `default`).
    """

    rules: tuple[Rule, ...]
    conversions: tuple[pl.Expr, ...]


def translate(schema: DataFrameSchema, columns: pl.Schema, dropped: Sequence[str] = ()) -> Translation:
    """The rules a schema has for a table with these columns; `dropped` are columns a policy took out.

    Severity: a check with `raise_warning=True` warns, and so does every rule of a column whose metadata says
    `{"severity": "warning"}`; everything else is an error.

    Raises:
        SpecError: a column's metadata names an unknown severity.
    """
    stored = Recorder(columns)
    schema.get_backend(stored.rowless.lazy())  # registers pandera's checks for polars
    expanded = _expand(schema, list(columns))
    maybe = [_conversion(schema, name, column, stored) for name, column in expanded]
    conversions = [conversion for conversion in maybe if conversion is not None]
    seen = stored.after(conversions)
    rules: list[Rule] = list(_absent(schema, columns, dropped))
    rules += _unexpected(schema, [name for name, _ in expanded], columns)
    for name, column in expanded:
        rules += _column_rules(schema, name, column, stored, seen)
    rules += [_check_rule(check, None, seen, _severity_of(check)) for check in schema.checks]
    rules += _unique_together(schema, columns)
    return Translation(tuple(rules), tuple(conversions))


def _expand(schema: DataFrameSchema, names: list[str]) -> list[tuple[str, Column]]:
    """The columns of the table that the schema speaks of, patterns resolved; a name written out beats a pattern."""
    from pandera.polars import Column

    if not schema.columns and schema.dtype is not None:
        return [(name, Column(schema.dtype, name=name)) for name in names]
    exact = {name for name, column in schema.columns.items() if not column.regex}
    found: list[tuple[str, Column]] = []
    for name, column in schema.columns.items():
        if column.regex:
            found += [(match, column) for match in names if match not in exact and re.fullmatch(name, match)]
        elif name in names:
            found.append((name, column))
    return found


def _absent(schema: DataFrameSchema, columns: pl.Schema, dropped: Sequence[str]) -> Iterator[Rule]:
    spare = [name for name in columns if name not in schema.columns]
    for name, column in schema.columns.items():
        matches = any(re.fullmatch(name, other) for other in columns) if column.regex else name in columns
        if matches or not column.required or _can_be_added(schema, column):
            continue
        if name in dropped:
            note = "the dataset's policy drops it as personal data; take it out of the contract"
        else:
            hint = nearest(name, spare) or nearest(name.casefold(), [spare_name.casefold() for spare_name in spare])
            note = f"there is no column {clip(name, 80)!r} of {len(columns)}. {hint}".rstrip()
        check = f"{name}: present"
        yield Decided(check=check, column=name, severity=_severity_in(name, column), broken=True, note=note)


def _can_be_added(schema: DataFrameSchema, column: Column) -> bool:
    return bool(schema.add_missing_columns and (column.default is not None or column.nullable))


def _unexpected(schema: DataFrameSchema, known: list[str], columns: pl.Schema) -> Iterator[Rule]:
    if schema.strict is True:
        missing = [name for name in schema.columns if name not in columns]
        for name in columns:
            if name not in known:
                note = f"the contract does not know this column. {nearest(name, missing)}".rstrip()
                yield Decided(check=f"{name}: expected", column=name, severity="error", broken=True, note=note)
    if schema.ordered:
        actual = [name for name in columns if name in known]
        first = next((name for name, wanted in zip(actual, known, strict=False) if name != wanted), None)
        note = f"the first one out of order is {first!r}" if first is not None else ""
        check = "columns in the contract's order"
        yield Decided(check=check, column=None, severity="error", broken=first is not None, note=note)


def _column_rules(
    schema: DataFrameSchema, name: str, column: Column, stored: Recorder, seen: Recorder
) -> Iterator[Rule]:
    severity = _severity_in(name, column)
    dtype = schema.dtype or column.dtype
    if dtype is not None:
        coerced = schema.coerce or column.coerce
        yield _conversion_rule(name, dtype, stored, severity) if coerced else _type_rule(name, dtype, stored, severity)
    if not column.nullable:
        yield _null_rule(name, seen, severity)
    if column.unique:
        yield Unique(check=f"{name}: unique", column=name, severity=severity, columns=(name,))
    for check in column.checks:
        yield _check_rule(check, name, seen, "warning" if severity == "warning" else _severity_of(check))


def _type_rule(name: str, dtype: Any, stored: Recorder, severity: Severity) -> Rule:
    from pandera.api.polars.types import PolarsData

    answer = dtype.check(stored.columns[name], PolarsData(stored.rowless, name))
    right = answer if isinstance(answer, bool) else all(answer)
    note = "" if right else f"the column is {clip(str(stored.columns[name]), 80)}, not {clip(str(dtype), 80)}"
    return Decided(check=clip(f"{name}: is {dtype}"), column=name, severity=severity, broken=not right, note=note)


def _null_rule(name: str, seen: Recorder, severity: Severity) -> Rule:
    """Nulls, and NaN in a column of floats: pandera takes both for missing."""
    import polars as pl

    column = pl.col(name)
    keeps, failed = column.is_not_null(), column.null_count()
    if seen.columns[name].is_float():
        keeps, failed = keeps & column.is_not_nan(), failed + column.is_nan().sum()
    return Rows(
        check=f"{name}: not null",
        column=name,
        severity=severity,
        keeps=keeps,
        failed=failed,
        asked=pl.len(),
        shown=(name,),
    )


def _conversion_rule(name: str, dtype: Any, stored: Recorder, severity: Severity) -> Rule:
    import polars as pl

    check = clip(f"{name}: reads as {dtype}")
    cast = _cast(name, dtype)
    if cast is None:
        keeps = whole_batches(name, dtype)
    elif stored.knows(cast):
        keeps = pl.col(name).is_null() | cast.is_not_null()
    else:
        note = f"{clip(str(stored.columns[name]), 80)} cannot become {clip(str(dtype), 80)}"
        return Decided(check=check, column=name, severity=severity, broken=True, note=note)
    return row_rule(keeps, check=check, column=name, severity=severity, shown=(name,), raw=True)


def _conversion(schema: DataFrameSchema, name: str, column: Column, stored: Recorder) -> pl.Expr | None:
    """How pandera changes a column before its checks: `coerce`, then `default` in the place of nulls."""
    import polars as pl

    dtype = schema.dtype or column.dtype
    expression, changed = pl.col(name), False
    cast = _cast(name, dtype) if dtype is not None and (schema.coerce or column.coerce) else None
    if cast is not None and stored.knows(cast):
        expression, changed = cast, True
    if column.default is not None:
        default = column.default if isinstance(column.default, pl.Expr) else pl.lit(column.default)
        if stored.after([expression]).columns[name].is_float():
            expression = expression.fill_nan(default)
        expression, changed = expression.fill_null(default), True
    return expression.alias(name) if changed else None


def _cast(name: str, dtype: Any) -> pl.Expr | None:
    """The plain cast to a type; None for one with a conversion of its own (a nested schema, pydantic)."""
    import polars as pl
    from pandera.engines import polars_engine

    own = type(dtype).coerce not in (polars_engine.DataType.coerce, polars_engine.Decimal.coerce)
    return None if own else pl.col(name).cast(dtype.type, strict=False)


def _check_rule(check: Any, column: str | None, seen: Recorder, severity: Severity) -> Rule:
    """One pandera check: an expression where it is one, else a question to the whole frame."""
    words = clip(str(check.error or check.name))
    named: dict[str, Any] = {
        "check": f"{column}: {words}" if column is not None else words,
        "column": column,
        "severity": severity,
    }
    function = _function(check)
    if check.element_wise:
        keeps = row_by_row(function, [column] if column is not None else list(seen.columns))
        return row_rule(keeps, shown=_shown(column, list(seen.columns)), blind=check.ignore_na, **named)
    outcome = seen.ask(function, column)
    if outcome.broken:
        return Decided(broken=None, note=_complaint(outcome.broken, column, seen), **named)
    if outcome.keeps is None or outcome.scalar:
        return Whole(ask=partial(_ask, function, column), blind=check.ignore_na, **named)
    return row_rule(outcome.keeps, shown=_shown(column, outcome.reads), blind=check.ignore_na, **named)


def _function(check: Any) -> Any:
    """What a check calls; pandera's own are looked up anew, as pandera does, to get the one for polars."""
    function = check._check_fn  # noqa: SLF001 - pandera has no public name for it
    name = getattr(function, "__name__", "")
    if check.is_builtin_check(name):
        function = check.get_builtin_check_fn(name)
    return partial(function, **check._check_kwargs)  # noqa: SLF001


def _ask(function: Any, column: str | None, data: pl.LazyFrame) -> bool | pl.LazyFrame:
    from pandera.api.polars.types import PolarsData

    return cast("bool | pl.LazyFrame", function(PolarsData(data, column or "*")))


def _complaint(broken: str, column: str | None, seen: Recorder) -> str:
    kind = f"the column is {clip(str(seen.columns[column]), 80)}; " if column is not None else ""
    return f"{kind}the check itself broke: {clip(broken)}"


def _shown(column: str | None, reads: Sequence[str]) -> tuple[str, ...]:
    return (column,) if column is not None else tuple(reads[:_MOST_SHOWN])


def _unique_together(schema: DataFrameSchema, columns: pl.Schema) -> Iterator[Rule]:
    if not schema.unique:
        return
    groups = [schema.unique] if all(isinstance(part, str) for part in schema.unique) else schema.unique
    for group in cast("list[list[str]]", groups):
        check = clip(f"{', '.join(group)}: unique together")
        missing = [name for name in group if name not in columns]
        if missing:
            note = f"there is no column {missing[0]!r}. {nearest(missing[0], list(columns))}".rstrip()
            yield Decided(check=check, column=None, severity="error", broken=None, note=note)
        else:
            yield Unique(check=check, column=None, severity="error", columns=tuple(group))


def _severity_of(check: Any) -> Severity:
    return "warning" if check.raise_warning else "error"


def _severity_in(name: str, column: Column) -> Severity:
    said = column.metadata.get("severity", "error") if isinstance(column.metadata, Mapping) else "error"
    if said not in SEVERITIES:
        raise SpecError(
            "a contract knows two severities",
            where=f"column {name!r}",
            expected=" or ".join(map(repr, SEVERITIES)),
            got=repr(said),
            do=nearest(str(said), SEVERITIES) or "Correct the column's metadata.",
        )
    return cast("Severity", said)
