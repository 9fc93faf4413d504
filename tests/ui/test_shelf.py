import threading

import pytest

import samples
from taxiway.core.errors import BackendError
from taxiway.core.incidents import Phase
from taxiway.core.outcomes import Outcome
from taxiway.stores.objects import ObjectStore
from taxiway.stores.registry import Registry
from taxiway.ui.shelf import CHECKED, Shelf
from ui import drifts, shelves


@pytest.fixture
def shelf(store):
    """A shelf that looks whenever it is asked."""
    ticks = iter(range(10**6))
    return Shelf(store, clock=lambda: 10.0 * next(ticks))


def row(shelf: Shelf, name: str = "flight-delay"):
    return next(one for one in shelf.rows() if one.name == name)


def test_it_follows_every_kind_of_log(shelf, store):
    assert shelf.rows() == []
    shelves.register(store)
    assert (row(shelf).versions, row(shelf).champion) == (1, None)
    shelves.promote(store, 1)
    assert row(shelf).champion == 1
    shelves.serve(store)
    assert row(shelf).services == (("delays", "version 1 serves (live)"),)
    shelves.refuse(store)
    assert row(shelf).verdict.outcome is Outcome.FAIL
    drifts.confirm(store)
    assert row(shelf).drift.phase is Phase.CONFIRMED


def test_one_made_anew_from_the_logs_says_the_same(shelf, store):
    shelves.register(store)
    shelf.rows()
    shelves.promote(store, 1)
    shelves.refuse(store)
    drifts.confirm(store)
    assert shelf.rows() == Shelf(store).rows()


def test_a_lost_head_hides_no_model(shelf, store):
    shelves.register(store)
    store.delete("heads/models/flight-delay.json")
    assert row(shelf).versions == 1


def test_a_head_that_is_late_is_found_out_in_turn(shelf, store):
    for number in range(CHECKED + 1):
        shelves.register(store, f"model-{number:02}")
    late = store.get("heads/models/model-16.json")
    shelf.rows()
    shelves.promote(store, 1, "model-16")
    store.replace("heads/models/model-16.json", late)
    seen = [row(shelf, "model-16").champion for _ in range(3)]
    assert seen[-1] == 1


def test_an_old_head_over_a_newer_one_does_no_harm(shelf, store):
    shelves.register(store)
    old = store.get("heads/models/flight-delay.json")
    shelves.promote(store, 1)
    assert row(shelf).champion == 1
    store.replace("heads/models/flight-delay.json", old)
    assert row(shelf).champion == 1


@pytest.mark.parametrize("data", [b"", b"[]", b'{"kind": "Commit", "v": 99}'])
def test_a_broken_head_is_made_up_for_by_the_log(shelf, store, data):
    shelves.register(store)
    store.replace("heads/models/flight-delay.json", data)
    assert row(shelf).versions == 1


def test_a_broken_log_is_a_row_that_says_so_and_hides_no_other(shelf, store):
    shelves.register(store, "good")
    shelves.register(store, "bad")
    store.replace(f"models/bad/log/{1:020}.json", b"{}")
    store.replace("heads/models/bad.json", b"{}")
    assert row(shelf, "good").fault == ""
    assert "not a whole Commit" in row(shelf, "bad").fault


def test_what_lies_there_under_a_name_no_model_can_have_is_left_out(shelf, store):
    store.create("models/<script>/log/x.json", b"{}")
    store.create("heads/models/nobody-has-a-log.json", b"{}")
    store.create("heads/other/things.json", b"{}")
    assert shelf.rows() == []


def test_a_broken_head_of_an_incident_or_a_ruling_changes_nothing(shelf, store):
    shelves.register(store)
    store.create("heads/monitoring/flight-delay/all.json", b"{}")
    store.create("heads/rulings/models/flight-delay.json", b"{}")
    assert (row(shelf).drift, row(shelf).verdict.outcome) == (None, Outcome.PASS)


def test_two_looks_within_a_second_are_one(store):
    shelf = Shelf(store, clock=lambda: 1.0)
    assert shelf.rows() == []
    shelves.register(store)
    assert shelf.rows() == []
    assert shelf.row("flight-delay").versions == 1
    assert shelf.row("nobody") is None


def test_a_store_that_fails_is_said(shelf, store: ObjectStore, monkeypatch):
    def fails(self, prefix, **kwargs):
        raise BackendError("the store is down")

    monkeypatch.setattr(ObjectStore, "list", fails)
    with pytest.raises(BackendError, match="down"):
        shelf.rows()


def test_commits_of_this_very_moment_are_seen_when_one_row_is_asked(store):
    shelf = Shelf(store, clock=lambda: 1.0)
    shelves.register(store)
    shelf.rows()
    Registry(store).promote("flight-delay", 1, by=samples.author())
    assert shelf.row("flight-delay").champion == 1


class _Together(ObjectStore):
    """A store whose two kinds of listing each begin only when the other has."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store.backend)
        self._both = threading.Barrier(2, timeout=20)

    def list(self, prefix, **more):
        self._both.wait()
        return super().list(prefix, **more)

    def folders(self, prefix):
        self._both.wait()
        return super().folders(prefix)


def test_the_listings_of_a_look_do_not_wait_for_each_other(store):
    shelves.register(store)
    assert [one.name for one in Shelf(_Together(store)).rows()] == ["flight-delay"]
