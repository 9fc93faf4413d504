"""Evidently's report and tests as an engine: a page to look at, which needs nothing else."""

import sys

import numpy as np
import polars as pl
import pytest

from taxiway.core.errors import SpecError
from taxiway.engines.evidently import examine

pytest.importorskip("evidently")


def table(rows=300, *, moved=0.0):
    random = np.random.default_rng(1)
    delay = random.normal(moved, 1, rows)
    return pl.DataFrame({"delay": delay, "carrier": random.choice(["AA", "UA"], rows)})


def test_a_window_is_drawn_and_its_tests_say_which_column_moved():
    found = examine(table(), table(moved=2.0).with_columns(new=1))
    assert found.page.lstrip().lower().startswith("<!doctype html")
    assert any("delay" in name for name in found.failed)
    assert not any("carrier" in name for name in found.failed)
    assert found.passed > 0


@pytest.mark.parametrize("window", [table(0), table().rename({"delay": "a", "carrier": "b"})])
def test_without_anything_in_common_there_is_nothing_to_draw(window):
    with pytest.raises(SpecError, match="there is nothing to compare"):
        examine(table(), window)


def test_where_it_is_not_installed_the_remedy_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "evidently", None)
    with pytest.raises(SpecError, match=r"pip install 'taxiway\[evidently\]'"):
        examine(table(), table())
