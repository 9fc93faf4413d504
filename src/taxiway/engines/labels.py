"""Labels: the truth about predictions, which arrives late, twice, or against itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from taxiway.core.names import unknown

if TYPE_CHECKING:
    import polars as pl

TRUTH = "taxiway.truth"
"""The column with the truth, after joining; none of anybody's own is called so."""
_KEY, _TRUTHS, _TIMES, _WHEN = "taxiway.key", "taxiway.truths", "taxiway.times", "taxiway.when"


class Joined(NamedTuple):
    """What joining gave.

    Attributes:
        known: the predictions that have exactly one truth, with it in the column `TRUTH`.
        rows: how many predictions there are.
        repeated: labels that arrived again, and said the same.
        contradictory: predictions whose labels contradict each other.
        delay_s: how many seconds after `since` half of the labels were known; none when nobody says.
    """

    known: pl.DataFrame
    rows: int
    repeated: int
    contradictory: int
    delay_s: float | None


def join(
    predictions: pl.DataFrame, labels: pl.LazyFrame | None, key: str, target: str, *, at: str | None, since: datetime
) -> Joined:
    """The predictions with their truth, by the key that both have; a null is no key and no truth.

    Args:
        predictions: the rows with the model's answers.
        labels: the rows with the truth; none while there are none.
        key: the column of both that says which row is which.
        target: the column of the labels with the truth.
        at: their column that says when it was known.
        since: what the delay is measured from.

    Raises:
        SpecError: a column is not there.
    """
    import polars as pl

    if key not in predictions.columns:
        raise unknown("column", key, predictions.columns, where="Labels.key, in the predictions")
    if labels is None:
        nothing = predictions.clear().with_columns(pl.lit(None).alias(TRUTH))
        return Joined(nothing, predictions.height, 0, 0, None)
    have = labels.collect_schema().names()
    for name, what in ((key, "key"), (target, "target"), (at, "at")):
        if name is not None and name not in have:
            raise unknown("column", name, have, where=f"Labels.{what}, in the labels")
    found = _one_each(predictions, labels, key, target, at)
    matched = predictions.with_columns(pl.col(key).cast(pl.String).alias(_KEY)).join(found, on=_KEY, how="inner")
    agreed = matched.filter(pl.col(_TRUTHS) == 1)
    delay = None if at is None else _delay(agreed, since)
    return Joined(
        known=agreed.drop(_KEY, _TRUTHS, _TIMES, _WHEN),
        rows=predictions.height,
        repeated=found.filter(pl.col(_TRUTHS) == 1).select((pl.col(_TIMES) - 1).sum()).item(),
        contradictory=int((matched[_TRUTHS] > 1).sum()),
        delay_s=delay,
    )


def _one_each(predictions: pl.DataFrame, labels: pl.LazyFrame, key: str, target: str, at: str | None) -> pl.DataFrame:
    """Of each prediction's labels: the truth, how many different ones there are, how often it was told, and when."""
    import polars as pl

    asked = predictions.lazy().select(pl.col(key).cast(pl.String).alias(_KEY)).drop_nulls().unique()
    when = pl.col(at) if at is not None else pl.lit(None)
    told = labels.select(pl.col(key).cast(pl.String).alias(_KEY), pl.col(target).alias(TRUTH), when.alias(_WHEN))
    known = told.filter(pl.col(TRUTH).is_not_null() & pl.col(_KEY).is_not_null())
    return (
        known.join(asked, on=_KEY, how="semi")
        .group_by(_KEY)
        .agg(
            pl.col(TRUTH).first(),
            pl.col(TRUTH).n_unique().alias(_TRUTHS),
            pl.len().alias(_TIMES),
            pl.col(_WHEN).min(),
        )
        .collect(engine="streaming")
    )


def _delay(agreed: pl.DataFrame, since: datetime) -> float | None:
    import polars as pl

    when = agreed[_WHEN]
    if when.dtype == pl.String:
        when = when.str.to_datetime(time_zone="UTC", strict=False)
    if not when.dtype.is_temporal():
        return None
    known_at = when.cast(pl.Datetime("us")).dt.replace_time_zone(None).dt.epoch("ms").cast(pl.Float64)
    middle = known_at.median()
    return middle / 1000 - since.timestamp() if isinstance(middle, float) else None
