"""What Evidently draws of a window, as a job does it."""

import dataclasses
from types import SimpleNamespace

import polars as pl
import pytest

from runtime.kit import Workplace
from runtime.monitoring_kit import Watch, hour, rows
from taxiway.core.monitoring import IllustrateWork
from taxiway.core.specs.monitoring import Drift
from taxiway.links import EvidentlyLink
from taxiway.runtime.illustrations import ROWS, illustrate
from taxiway.stores.monitoring import Reports

pytest.importorskip("evidently")


@pytest.fixture(scope="module")
def watch(tmp_path_factory):
    return Watch.over(Workplace.at(tmp_path_factory.mktemp("drawn")))


def drawn(watch, data, name, drift=None, **changes):
    parts = watch.parts(watch.monitoring(watch.write(data, f"{name}/a", f"{name}/b"))).parts
    work = IllustrateWork(parts=parts, drift=drift or Drift(), **changes)
    return illustrate(work, watch.place.job())


def test_a_window_is_drawn_from_some_rows_of_all_its_parts_and_kept(watch):
    found = drawn(watch, rows(8_000, 1, moved=3.0).drop("late"), "moved", Drift(ignore=("id",)))
    assert ROWS * 0.9 < found.rows < ROWS * 1.1
    assert any("delay" in name for name in found.failed)
    assert not any("'id'" in name or "late" in name for name in found.failed)
    page = Reports(watch.place.store, "flight-delay", "all").page(hour().slug)
    assert "delay" in page
    assert found.page.endswith(f"evidently/{hour().slug}.html")


def test_the_button_of_the_task_leads_to_the_page(watch):
    parts = watch.parts(watch.monitoring(watch.write(rows(300, 9), "linked/a"))).parts
    link = EvidentlyLink()
    operator = SimpleNamespace(parts=[part.dump() for part in parts])
    assert link.get_link(operator, ti_key=None).endswith(f"taxiway/drift/flight-delay/all/evidently/{hour().slug}")
    assert link.get_link(SimpleNamespace(parts="{{ not rendered }}"), ti_key=None) == ""
    assert link.name == "Evidently"


def test_personal_data_is_left_out(watch):
    live = watch.live
    trained = live.model.trained_on.model_copy(update={"personal": {"carrier": "mask"}})
    hidden = live.model_copy(update={"model": live.model.model_copy(update={"trained_on": trained})})
    found = drawn(dataclasses.replace(watch, live=hidden), rows(400, 2, moved=3.0), "personal")
    assert not any("carrier" in name for name in found.failed)
    assert found.passed + len(found.failed) > 0


def test_what_cannot_be_drawn_is_said_and_fails_nothing(watch):
    assert (
        "nothing to compare" in drawn(watch, rows(400, 3).rename({"delay": "d", "hour": "h", "carrier": "c"}), "x").note
    )
    alone = dataclasses.replace(watch, live=None)
    assert "what to draw it beside" in drawn(alone, rows(400, 4), "alone").note
    empty = IllustrateWork(
        parts=watch.parts(watch.monitoring(f"{watch.place.folder.as_uri()}/none/")).parts, drift=Drift()
    )
    assert "the window has no rows" in illustrate(empty, watch.place.job()).note


def test_a_table_is_drawn_beside_another(watch):
    reference = watch.place.dataset(rows(600, 5))
    alone = dataclasses.replace(watch, live=None)
    found = drawn(alone, rows(600, 6).with_columns(delay=pl.lit(0.0)), "table", reference=reference)
    assert (found.rows, found.reference_rows) == (600, 600)
