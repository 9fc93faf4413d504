"""Illustrations in jobs: what Evidently draws of some rows of a window, beside some that its model learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taxiway.core.errors import SpecError
from taxiway.core.monitoring import IllustrateWork, Illustration
from taxiway.runtime.context import Job

if TYPE_CHECKING:
    import polars as pl

ROWS = 5_000
"""About so many rows of each side are drawn: Evidently takes time and memory by the row."""


def illustrate(work: IllustrateWork, job: Job) -> Illustration:
    """Draws a window, and keeps the page in the store; columns with personal data are left out of it.

    What cannot be drawn is said in the record: nothing depends on it.
    """
    from taxiway.engines.evidently import examine
    from taxiway.stores.monitoring import Reports

    window = work.parts[0].window
    try:
        before, now = _reference(work, job), _window(work, job)
        found = examine(before, now)
    except SpecError as error:
        return Illustration(window=window, note=str(error))
    page = Reports(job.store, window.model, window.population).keep_page(window, found.page)
    return Illustration(
        window=window,
        page=page,
        rows=now.height,
        reference_rows=before.height,
        passed=found.passed,
        failed=found.failed,
    )


def _reference(work: IllustrateWork, job: Job) -> pl.DataFrame:
    from taxiway.runtime.data import frame
    from taxiway.runtime.profiles import masked

    live = work.parts[0].live
    dataset = live.model.trained_on if live else work.reference
    if dataset is None:
        raise SpecError("nobody said what to draw it beside", where="Evidently", do="Pass the reference's report.")
    data = frame(dataset, job.store)
    inputs = [column.name for column in live.model.inputs] if live else []
    return _some(work, data, inputs or data.collect_schema().names(), masked(dataset))


def _window(work: IllustrateWork, job: Job) -> pl.DataFrame:
    import polars as pl

    from taxiway.core.specs.monitoring import Monitoring
    from taxiway.runtime.production import production
    from taxiway.runtime.profiles import masked

    found = [production(part, Monitoring(), job) for part in work.parts if part.holds != "answers"]
    rows = [one.rows for one in found if one is not None]
    if not rows:
        raise SpecError("the window has no rows", where="Evidently", do="Nothing: there is nothing to draw.")
    data = pl.concat(rows, how="diagonal_relaxed")
    part = work.parts[0]
    hidden = masked(part.dataset) | (masked(part.live.model.trained_on) if part.live else frozenset())
    return _some(work, data, data.collect_schema().names(), hidden)


def _some(work: IllustrateWork, data: pl.LazyFrame, names: list[str], hidden: frozenset[str]) -> pl.DataFrame:
    from taxiway.engines.places import some
    from taxiway.engines.validation import count_rows

    asked = work.drift
    kept = [name for name in names if name not in hidden and name not in asked.ignore]
    chosen = data.select(name for name in kept if not asked.columns or name in asked.columns)
    return some(chosen, count_rows(chosen), ROWS)
