"""Profiles: a table counted as it streams by, at the places that its reference fixed.

Every column is read once, and memory does not grow with the rows. Each number is compared with every cut of its column:
that is less work for a processor than to find the one interval it lies in, and it costs about as much as reading the
column did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from taxiway.core.profiles import ColumnProfile, Profile, Role, blank_column
from taxiway.engines.columns import read_columns, unreadable
from taxiway.engines.places import SURE_CUTS, cuts, finite, places, sample
from taxiway.engines.tallies import Aggregated, LevelTally, PresenceTally, SureTally, tally
from taxiway.engines.validation import count_rows

if TYPE_CHECKING:
    import polars as pl

    Outputs = Mapping[Role, str]

_BATCH_ROWS = 4_096, 131_072
_BATCH_CELLS = 4_000_000


def reference(
    data: pl.LazyFrame,
    columns: Sequence[str] = (),
    *,
    outputs: Outputs | None = None,
    masked: frozenset[str] = frozenset(),
) -> Profile:
    """The profile of the data a model learned from: chooses the places, and counts at them.

    Args:
        data: the rows.
        columns: the inputs; all columns that are no output when none are named.
        outputs: which column holds the prediction, and which the score.
        masked: columns with personal data, of which no value is kept.

    Raises:
        SpecError: the data cannot be read.
    """
    answers = dict(outputs or {})
    inputs = [name for name in columns or read_columns(data).names() if name not in answers.values()]
    rows = count_rows(data)
    chosen = sample(data.select(*inputs, *answers.values()), rows, len(inputs) + len(answers))
    found = [places(chosen[name], "input", rows=rows, masked=name in masked) for name in inputs]
    for role, name in answers.items():
        found.append(places(chosen[name], role, rows=rows, masked=False).model_copy(update={"name": role}))
    edges = cuts(finite(chosen[answers["score"]]), SURE_CUTS, ends=False) if "score" in answers else ()
    at = Profile(rows=0, columns=_ordered(found), edges=edges, whole=bool(inputs) and not columns)
    counted = profile(data, at, outputs=answers, masked=masked)
    distinct = {(one.role, one.name): one.distinct for one in found}
    named = [one.model_copy(update={"distinct": distinct[one.role, one.name]}) for one in counted.columns]
    return counted.model_copy(update={"columns": tuple(named), "sampled": max(1, chosen.height)})


def profile(
    data: pl.LazyFrame,
    at: Profile,
    *,
    outputs: Outputs | None = None,
    masked: frozenset[str] = frozenset(),
) -> Profile:
    """What a table looks like, counted at the places of a reference.

    A column that the reference does not have is only noted, and that only where the reference is of a whole table; one
    that the table does not have counts no rows.

    Args:
        data: the rows.
        at: the reference, or any profile counted at its places.
        outputs: which column holds the prediction, and which the score; what is not named is not counted.
        masked: columns with personal data, of which no value is kept.

    Raises:
        SpecError: the data cannot be read.
    """
    import polars as pl

    schema = {name: str(dtype) for name, dtype in read_columns(data).items()}
    answers = dict(outputs or {})
    tallies = _tallies(at, schema, answers, masked)
    levels = [each for each in tallies if isinstance(each, LevelTally)]
    sure = SureTally(answers["prediction"], answers["score"], at.edges) if _scored(at, schema, answers) else None
    try:
        rows, columns = _aggregated(data, [each for each in tallies if not isinstance(each, LevelTally)])
        _in_batches(data, levels, sure)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(error) from error
    columns += [each.result() for each in levels]
    counted = {(one.role, one.name) for one in columns}
    absent = [one for one in at.columns if (one.role, one.name) not in counted and one.role == "input"]
    return Profile(
        rows=rows,
        columns=_ordered([*columns, *(blank_column(one) for one in absent)]),
        edges=at.edges if sure else (),
        confidence=sure.result() if sure else (),
        whole=at.whole,
    )


def _tallies(
    at: Profile, schema: Mapping[str, str], answers: Outputs, masked: frozenset[str]
) -> list[Aggregated | LevelTally]:
    """A tally for each column there is."""
    tallies: list[Aggregated | LevelTally] = []
    for number, column in enumerate(at.columns):
        source = column.name if column.role == "input" else answers.get(column.role)
        if source is not None and source in schema:
            hidden = column.role == "input" and source in masked
            tallies.append(tally(column, source, schema[source], str(number), masked=hidden))
    if at.whole:
        known = {column.name for column in at.columns if column.role == "input"} | {*answers.values()}
        new = [name for name in schema if name not in known]
        tallies += [PresenceTally(ColumnProfile(name=one), one, schema[one], f"new {n}") for n, one in enumerate(new)]
    return tallies


def _scored(at: Profile, schema: Mapping[str, str], answers: Outputs) -> bool:
    return bool(at.edges) and all(answers.get(role) in schema for role in ("prediction", "score"))


def _aggregated(data: pl.LazyFrame, tallies: Sequence[Aggregated]) -> tuple[int, list[ColumnProfile]]:
    """How many rows there are, and the columns that aggregations count."""
    import polars as pl

    def ask(questions: list[pl.Expr]) -> dict[str, Any]:
        return data.select(questions).collect(engine="streaming").row(0, named=True)

    answers = ask([pl.len().alias("rows"), *(question for each in tallies for question in each.ask())])
    again = [question for each in tallies for question in each.ask_again(answers)]
    answers |= ask(again) if again else {}
    return answers["rows"], [each.result(answers, answers["rows"]) for each in tallies]


def _in_batches(data: pl.LazyFrame, levels: Sequence[LevelTally], sure: SureTally | None) -> None:
    """Gives every batch to the tallies of levels."""
    sources = list(dict.fromkeys([*(each.source for each in levels), *(sure.sources if sure else ())]))
    if not sources:
        return
    least, most = _BATCH_ROWS
    size = max(least, min(most, _BATCH_CELLS // len(sources)))
    for batch in data.select(sources).collect_batches(chunk_size=size, maintain_order=False):
        for each in (*levels, *((sure,) if sure else ())):
            each.take(batch)


def _ordered(columns: Sequence[ColumnProfile]) -> tuple[ColumnProfile, ...]:
    return tuple(sorted(columns, key=lambda one: (one.role, one.name)))
