"""Evidently: its report of a window beside its reference, and its tests, as a page to look at."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, NamedTuple

from taxiway.core.errors import SpecError

if TYPE_CHECKING:
    import polars as pl


class Examined(NamedTuple):
    """What Evidently says.

    Attributes:
        page: its report as one HTML page, which needs nothing else.
        passed: how many of its tests passed.
        failed: the names of those that did not.
    """

    page: str
    passed: int
    failed: tuple[str, ...]


def examine(reference: pl.DataFrame, window: pl.DataFrame) -> Examined:
    """Evidently's report on the drift of the columns that both have, with the tests that it chooses by itself.

    Raises:
        SpecError: it is not installed, or there is nothing to compare.
    """
    shared = [name for name in reference.columns if name in window.columns]
    if not shared or not reference.height or not window.height:
        raise SpecError(
            "there is nothing to compare",
            where="Evidently",
            expected="rows on both sides, and a column that both have",
            got=f"{reference.height} and {window.height} rows, {len(shared)} columns",
            do="Look at the window's DriftReport, which says what is missing.",
        )
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from evidently import Report
            from evidently.presets import DataDriftPreset
        except ImportError:
            raise SpecError(
                "Evidently is not installed where the job runs",
                where="Evidently",
                do="pip install 'taxiway[evidently]'",
            ) from None
        sides = (frame.select(shared).to_pandas() for frame in (window, reference))
        made = Report([DataDriftPreset()], include_tests=True).run(*sides)
        tests = made.dict()["tests"]
        failed = tuple(str(one["name"]) for one in tests if str(one["status"]).endswith("FAIL"))
        return Examined(made.get_html_str(as_iframe=False), len(tests) - len(failed), failed)
