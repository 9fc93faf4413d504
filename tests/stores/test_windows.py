import pytest

from taxiway.core.counts import Counts, Reading
from taxiway.core.errors import IntegrityError
from taxiway.stores.objects import ObjectStore
from taxiway.stores.windows import Windows


def reading(number: int) -> Reading:
    return Reading(replica="a", started=1.0, counts={"1": Counts(answers={"ok": number})})


def test_a_window_begins_once_whoever_looks(store: ObjectStore) -> None:
    first = Windows(store, "delays").open(3, [reading(10)])
    assert Windows(store, "delays").open(3, [reading(99)]) == first
    assert first.readings == (reading(10),)


def test_each_generation_has_a_window_of_its_own(store: ObjectStore) -> None:
    windows = Windows(store, "delays")
    windows.open(3, [reading(10)])
    assert windows.open(4, [reading(20)]).readings == (reading(20),)
    assert Windows(store, "nights").open(3, [reading(30)]).readings == (reading(30),)


def test_what_came_of_a_replay_is_kept_once(store: ObjectStore) -> None:
    windows = Windows(store, "delays")
    assert windows.replay(3) is None
    assert windows.keep_replay(3, Counts(compared=5)) == Counts(compared=5)
    assert windows.keep_replay(3, Counts(compared=9)) == windows.replay(3) == Counts(compared=5)


def test_a_broken_window_is_named(store: ObjectStore) -> None:
    store.replace("windows/delays/0000000003.json", b"{")
    with pytest.raises(IntegrityError, match=r"windows/delays/0000000003\.json"):
        Windows(store, "delays").open(3, [])


def test_a_window_is_only_there_when_somebody_began_to_judge(store):
    windows = Windows(store, "delays")
    assert windows.origin(3) is None
    assert windows.open(3, []) == windows.origin(3)
