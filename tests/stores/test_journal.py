"""One history of incidents, however many write it and whoever is killed."""

import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from core.journal import clock, observation
from taxiway.core.errors import IntegrityError
from taxiway.core.incidents import Declared, Mark, Phase, Retrained
from taxiway.core.specs.monitoring import Alarm, Retrain
from taxiway.core.transitions import Rules
from taxiway.stores.journal import Journal
from taxiway.stores.objects import open_store

RULES = Rules(Alarm(), Retrain())


@pytest.fixture
def store(tmp_path):
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def journal(store):
    return Journal(store, "flight-delay", "all")


def hours(journal, marks, first=0):
    kinds = {mark.value[0]: mark for mark in Mark}
    for n, mark in enumerate(marks, start=first):
        entry = journal.record(observation(n, kinds[mark]), RULES, at=clock(n))
    return entry


def test_a_journal_without_entries_knows_nothing(journal):
    assert journal.tip() is None
    assert journal.watched().phase is Phase.WATCH
    assert journal.entries() == journal.replayed() == []


def test_what_was_recorded_is_read_again_and_replays(journal):
    entry = hours(journal, "gbb")
    assert entry.number == 3
    assert [step.incident.phase for step in entry.steps] == [Phase.CONFIRMED, Phase.MITIGATING]
    assert journal.tip() == entry
    assert [each.number for each in journal.replayed()] == [1, 2, 3]
    assert [each.number for each in journal.entries(last=2)] == [2, 3]
    assert journal.watched().ask.number == 1


def test_an_event_that_is_told_again_gives_its_entry_and_writes_nothing(journal):
    hours(journal, "gbb")
    again = journal.record(observation(1, Mark.GOOD), RULES, at=clock(9))
    assert again.number == 2
    assert again.event.mark is Mark.BAD, "what was written first stays"
    assert journal.tip().number == 3


def test_events_of_other_kinds_are_kept_like_windows(journal):
    hours(journal, "bb")
    journal.record(Declared(key="d", what="schema", at=clock(2), who="ann", why="a new sensor"), RULES, at=clock(2))
    ended = Retrained(key="r", ask=1, number=None, why="the gate refused it")
    assert journal.record(ended, RULES, at=clock(3)).watched.incident.escalated
    assert len(journal.replayed()) == 4


def test_a_clock_that_goes_back_does_not_turn_time_around(journal):
    hours(journal, "g", first=9)
    assert journal.record(observation(10), RULES, at=clock(0)).at == clock(9)


def test_a_lost_or_broken_hint_costs_nothing_but_a_listing(journal, store):
    hours(journal, "gbb")
    head = "heads/monitoring/flight-delay/all.json"
    for broken in (b"", b"{}", b'{"kind": "JournalEntry"'):
        store.replace(head, broken)
        assert journal.tip().number == 3
    store.delete(head)
    assert journal.tip().number == 3


def test_an_old_hint_is_followed(journal, store):
    head = "heads/monitoring/flight-delay/all.json"
    hours(journal, "g")
    old = store.get(head)
    hours(journal, "gg", first=1)
    store.replace(head, old)
    assert journal.tip().number == 3


def test_what_follows_an_entry_is_given_oldest_first(journal):
    assert journal.after(0) == []
    hours(journal, "gbb")
    assert [[each.number for each in journal.after(seen)] for seen in range(4)] == [[1, 2, 3], [2, 3], [3], []]


def test_a_missing_entry_is_named(journal, store):
    hours(journal, "ggg")
    store.delete(f"monitoring/flight-delay/all/journal/{2:020}.json")
    with pytest.raises(IntegrityError, match="entry 2 is missing"):
        journal.entries()


def test_a_rewritten_entry_is_named(journal, store):
    hours(journal, "gbb")
    path = f"monitoring/flight-delay/all/journal/{2:020}.json"
    store.replace(path, store.get(path).replace(b'"mark":"bad"', b'"mark":"good"'))
    with pytest.raises(IntegrityError, match="entry 2 does not follow"):
        journal.replayed()


def test_populations_do_not_meddle(store):
    hours(Journal(store, "flight-delay", "all"), "bb")
    assert Journal(store, "flight-delay", "ewr").watched().incident is None


def test_many_writers_at_once_lose_nothing(store):
    keys = [f"drift.1.{n}" for n in range(24)]

    def write(part):
        mine = Journal(store, "flight-delay", "all")
        for n in part:
            mine.record(observation(n, key=keys[n]), RULES, at=clock(n))

    threads = [threading.Thread(target=write, args=(range(start, 24, 4),)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = Journal(store, "flight-delay", "all").replayed()
    assert sorted(entry.event.key for entry in entries) == sorted(keys)
    assert sum(step.incident.phase is Phase.CONFIRMED for entry in entries for step in entry.steps) == 1
    assert [entry.ask.number for entry in entries if entry.ask] == [1]


WRITER = """
import sys
from core.journal import observation, clock
from taxiway.core.specs.monitoring import Alarm, Retrain
from taxiway.core.transitions import Rules
from taxiway.stores.journal import Journal
from taxiway.stores.objects import open_store
journal = Journal(open_store(sys.argv[1]), "flight-delay", "all")
print("ready", flush=True)
for n in range(40):
    journal.record(observation(n), Rules(Alarm(), Retrain()), at=clock(n))
"""


def test_writers_that_are_killed_leave_one_incident_and_one_retraining(store):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    chance = random.Random(4)
    for _ in range(6):
        command = [sys.executable, "-c", WRITER, store.uri]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            time.sleep(chance.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
    done = subprocess.run([sys.executable, "-c", WRITER, store.uri], env=env, check=True, capture_output=True)
    assert done.stdout == b"ready\n"
    entries = Journal(store, "flight-delay", "all").replayed()
    assert [entry.event.key for entry in entries] == [f"drift.1.{n}" for n in range(40)]
    assert entries[-1].watched.incidents == 1
    assert len([entry.ask for entry in entries if entry.ask]) == 1


def test_an_entry_whose_answer_was_lost_is_known_as_ones_own(journal, store, monkeypatch):
    create = type(store).create
    monkeypatch.setattr(type(store), "create", lambda self, path, data: create(self, path, data) and False)
    assert journal.record(observation(0), RULES, at=clock(0)).number == 1
    monkeypatch.undo()
    assert len(journal.replayed()) == 1
