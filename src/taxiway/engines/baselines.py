"""Baselines: how well a model did on rows it had never seen, kept in a form that needs none of these rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from taxiway.core.evaluation import Measure
from taxiway.core.performance import Baseline, Hits, Misses
from taxiway.engines.profiles import reference

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from taxiway.engines.metrics import Answers, Truth

    Floats = NDArray[np.float64]

_TWO = 2


def baseline(
    truth: Truth,
    answers: Answers,
    measures: Sequence[Measure],
    *,
    classes: tuple[Any, ...] = (),
    importance: dict[str, float] | None = None,
) -> Baseline:
    """What a model's answers to some rows looked like, and how often and how far they were off.

    Args:
        truth: what the rows are.
        answers: what the model said, over the classes of `truth`.
        measures: the metrics, as they were measured.
        classes: those that the model itself knows, in its order.
        importance: how much its answers depend on each input.
    """
    said = answered(truth.classes, classes, answers)
    classified = "score" in said.columns
    profile = reference(said.lazy(), outputs={"prediction": "prediction", **({"score": "score"} if classified else {})})
    two = classified and len(classes) == _TWO
    return Baseline(
        rows=truth.rows,
        measures=tuple(measures),
        answers=profile,
        hits=_hits(truth, said, profile.edges, classes[1] if two else None) if classified else (),
        misses=_misses(truth, answers, profile.columns[0].bins) if not truth.classes else None,
        positive=text(truth.classes[truth.positive]) if two else None,
        scored=text(classes[1]) if two else None,
        importance=importance or {},
    )


def answered(universe: tuple[Any, ...], classes: tuple[Any, ...], answers: Answers) -> pl.DataFrame:
    """A model's answers as columns: `prediction`, and of a classifier with probabilities `score`.

    The score is the probability of the second class of a model of two, or of the label given out of more.
    """
    import numpy as np
    import polars as pl

    if not universe or answers.codes is None:
        return pl.DataFrame({"prediction": answers.values})
    labels = pl.Series("prediction", universe).gather(answers.codes.tolist())
    if answers.scores is None:
        return pl.DataFrame({"prediction": labels})
    places = np.full(len(labels), universe.index(classes[1])) if len(classes) == _TWO else answers.codes
    return pl.DataFrame({"prediction": labels, "score": answers.scores[np.arange(len(labels)), places]})


def text(label: Any) -> str:
    """A label as polars writes it when it makes text of it."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def _hits(truth: Truth, said: pl.DataFrame, edges: tuple[float, ...], scored: Any) -> tuple[Hits, ...]:
    import numpy as np
    import polars as pl

    if truth.codes is None:
        return ()
    names = pl.Series([text(label) for label in truth.classes]).gather(truth.codes.tolist())
    given = said["prediction"].cast(pl.String)
    right = names == (given if scored is None else text(scored))
    places = np.searchsorted(edges, said["score"].to_numpy(), side="right")
    rows = pl.DataFrame({"prediction": given, "score": said["score"], "hit": right, "place": places})
    groups = rows.filter(pl.col("score").is_finite()).group_by("prediction")
    return tuple(_hit(str(label), group, len(edges) + 1) for (label,), group in sorted(groups, key=lambda one: one[0]))


def _hit(label: str, rows: pl.DataFrame, bins: int) -> Hits:
    import numpy as np

    places = rows["place"].to_numpy()

    def counted(weights: Floats | None) -> NDArray[Any]:
        return np.bincount(places, weights=weights, minlength=bins)

    return Hits(
        label=label,
        rows=tuple(int(n) for n in counted(None)),
        hits=tuple(int(n) for n in counted(rows["hit"].cast(int).to_numpy())),
        scores=tuple(float(n) for n in counted(rows["score"].to_numpy())),
    )


def _misses(truth: Truth, answers: Answers, bins: Any) -> Misses | None:
    import numpy as np

    if truth.values is None or answers.values is None or bins is None:
        return None
    known = np.isfinite(truth.values) & np.isfinite(answers.values)
    errors = np.abs(truth.values[known] - answers.values[known])
    places = np.searchsorted(bins.edges, answers.values[known], side="right")

    def counted(weights: Floats | None) -> NDArray[Any]:
        return np.bincount(places, weights=weights, minlength=len(bins.counts))

    return Misses(
        rows=tuple(int(n) for n in counted(None)),
        absolute=tuple(float(n) for n in counted(errors)),
        squares=tuple(float(n) for n in counted(errors**2)),
    )
