"""What the store knows of production, as the demo reads it."""

from cli.demo.story import observed
from core.journal import clock
from taxiway.cli.demo.home import Home
from taxiway.cli.demo.production import watched
from taxiway.cli.demo.watch import SCENES
from taxiway.core import NotifierAlerts, Retrain
from taxiway.core.bulletins import bulletins
from taxiway.core.notices import Notice, Severity
from taxiway.core.specs.monitoring import Alarm
from taxiway.core.transitions import Rules
from taxiway.stores.journal import Journal
from taxiway.stores.objects import open_store
from taxiway.stores.outbox import Outbox

TO = NotifierAlerts("somewhere:Console", text="text")


def test_a_store_without_a_journal_knows_of_no_incident(tmp_path):
    found = watched(Home(tmp_path), [], None)
    assert (found.incident, found.incidents, found.threads) == (None, 0, [])


def test_the_incident_and_its_thread_are_found_and_no_other_thread_is(tmp_path):
    home = Home(tmp_path)
    store = open_store(home.store.as_uri())
    journal, outbox = Journal(store, "flight-delay", "all"), Outbox(store)
    for number, days in enumerate(SCENES[1].windows, start=1):
        entry = journal.record(observed(number, days), Rules(Alarm(), Retrain()), at=clock(number))
        for notice in bulletins(entry):
            outbox.queue(notice, TO, now=0.0)
    other = Notice(
        thread="run/flight-delay.training/1", title="live", state="live", severity=Severity.GOOD, at=clock(0)
    )
    outbox.queue(other, TO, now=0.0)
    found = watched(home, [], None)
    assert (found.incident.number, found.incidents) == (1, 1)
    assert [[notice.state for notice in thread] for thread in found.threads] == [["confirmed", "mitigating"]]
