from datetime import UTC, datetime

import polars as pl
import pytest
from flight_delay.checks import Flights

from taxiway.cli.demo.home import Home
from taxiway.cli.demo.lake import Days, Lake, lay_recipe


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("demo") / ".taxiway")
    with home.held():
        home.clean()
        Lake(home).prepare()
        lay_recipe(home)
        yield home


@pytest.fixture
def lake(home):
    for file in (home.lake / "flights").iterdir():
        file.unlink()
    return Lake(home)


def read(home, month):
    return pl.read_parquet(home.lake / "flights" / f"2013-{month:02}.parquet")


def test_the_flights_are_the_real_ones(home):
    december = pl.read_parquet(home.lake / "december" / "2013-12.parquet")
    assert december.height == 27_020
    assert 0.2 < december["late"].mean() < 0.4
    whole = pl.read_parquet(f"{home.source}/flights/*.parquet")
    assert whole.height == 327_346


def test_months_arrive_as_they_were_recorded_however_often(home, lake):
    for _ in range(2):
        lake.arrive([1, 2])
    assert sorted(file.name for file in (home.lake / "flights").iterdir()) == ["2013-01.parquet", "2013-02.parquet"]
    assert read(home, 1).equals(pl.read_parquet(home.source / "flights" / "2013-01.parquet"))


def test_a_broken_feed_keeps_the_contract_and_loses_what_there_was_to_learn(home, lake):
    lake.arrive([1])
    true = read(home, 1)
    lake.scramble([1])
    broken = read(home, 1)
    Flights.validate(broken)
    assert broken.drop("late").equals(true.drop("late"))
    assert broken["late"].sum() == true["late"].sum()
    assert abs(pl.select(pl.corr(broken["late"].cast(int), broken["dep_delay"])).item()) < 0.05
    lake.arrive([1])
    assert read(home, 1).equals(true)


def test_another_unit_keeps_the_contract_and_what_there_is_to_learn(home, lake):
    november = home.lake / "november" / "2013-11.parquet"
    lake.restore()
    true, evaluated = read(home, 1), pl.read_parquet(november)
    lake.change_unit()
    for changed, before in ((read(home, 1), true), (pl.read_parquet(november), evaluated)):
        Flights.validate(changed)
        assert changed["dep_delay"].to_list() == (before["dep_delay"] / 60).to_list()
        assert changed.drop("dep_delay").equals(before.drop("dep_delay"))
    lake.restore()
    assert read(home, 1).equals(true)
    assert pl.read_parquet(november).equals(evaluated)


@pytest.mark.parametrize("broken", [False, True])
def test_production_has_seen_some_days_and_does_not_know_yet_who_was_late(home, lake, broken):
    lake.fly(Days("two days", datetime(2013, 12, 30, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC), broken))
    seen = pl.read_parquet(home.lake / "production" / "2013-12-30.parquet")
    assert sorted(seen["day"].unique()) == [30, 31]
    assert "late" not in seen.columns
    assert (seen["dep_delay"].n_unique() == 1) is broken


def test_the_recipe_is_copied_as_it_is(home):
    assert (home.dags / "flight_delay" / "train.py").exists()
    assert "lifecycle(" in (home.dags / "flight_delay_dag.py").read_text()
