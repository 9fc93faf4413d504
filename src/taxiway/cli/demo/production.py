"""What production has come to: the journal of incidents, and what people were told, as they lie in the store."""

import dataclasses
from typing import TYPE_CHECKING

from taxiway.cli.demo.home import Home
from taxiway.cli.demo.lake import Days
from taxiway.cli.demo.story import MODEL, Told
from taxiway.core.drift import DriftReport
from taxiway.core.incidents import Incident, JournalEntry
from taxiway.core.monitoring import Illustration
from taxiway.core.notices import Notice

if TYPE_CHECKING:
    from taxiway.stores.objects import ObjectStore

POPULATION = "all"


@dataclasses.dataclass(frozen=True)
class Look:
    """What came of looking at a window.

    Attributes:
        days: which one.
        link: its run in Airflow.
        report: what moved.
        entry: what the journal made of it.
        drawn: what Evidently drew; none where nothing moved.
    """

    days: Days
    link: str
    report: DriftReport
    entry: JournalEntry
    drawn: Illustration | None = None


@dataclasses.dataclass(frozen=True)
class Watched:
    """What came of watching.

    Attributes:
        looks: window by window.
        incident: the newest one; none where there was none.
        incidents: how many there were.
        threads: what people were told of incidents: a list of notices for each thread.
        retraining: what the gates said about what it was answered with.
    """

    looks: list[Look]
    incident: Incident | None
    incidents: int
    threads: list[list[Notice]]
    retraining: Told | None


def watched(home: Home, looks: list[Look], retraining: Told | None) -> Watched:
    """What the store knows now."""
    from taxiway.stores.journal import Journal
    from taxiway.stores.objects import open_store

    store = open_store(home.store.as_uri())
    known = Journal(store, MODEL, POPULATION).watched()
    return Watched(looks, known.incident or known.last, known.incidents, _threads(store), retraining)


def _threads(store: "ObjectStore") -> list[list[Notice]]:
    """The notices of each thread about an incident, in order."""
    from taxiway.stores.outbox import Outbox

    outbox = Outbox(store)
    threads = ([letter.notice for letter in outbox.letters(name)] for name in outbox.conversations())
    return [notices for notices in threads if notices and notices[0].thread.startswith("incident/")]
