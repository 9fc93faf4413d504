"""The recipe of the demo, as Airflow reads it."""

import runpy
from itertools import pairwise
from pathlib import Path

import pytest

import taxiway.cli.demo
from taxiway.cli.demo.watch import SCENES

pytestmark = pytest.mark.usefixtures("airflow")


@pytest.fixture(scope="module")
def monitoring():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAXIWAY_DEMO_PORT", "1")
        (found,) = runpy.run_path(str(Path(taxiway.cli.demo.__file__).with_name("dag.py")))["flights"].monitoring
        return found


def test_whatever_the_clock_says_no_window_is_due(monitoring):
    from airflow.serialization.serialized_objects import DagSerialization

    read = DagSerialization.from_dict(DagSerialization.to_dict(monitoring))
    assert read.next_dagrun_info(last_automated_run_info=None) is None


def test_the_windows_of_the_story_are_those_of_its_year(monitoring):
    windows = [days for scene in SCENES for days in scene.windows]
    assert all(monitoring.start_date <= days.start < days.end <= monitoring.end_date for days in windows)
    assert all(one.end <= other.start for one, other in pairwise(windows))
