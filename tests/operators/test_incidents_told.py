"""A day of hourly windows with a fault of three hours, over real jobs: what people see of it in Slack."""

import uuid
from datetime import timedelta

import polars as pl
import pytest
from airflow.sdk.exceptions import AirflowSkipException

import airflow_home
from core import journal
from hooks.wall import Fate, FatefulStore, Killed, Wall
from notifications.console import TOLD
from operators.production import MODEL, asked, look, write
from runtime.monitoring_kit import hour, rows
from slack_server import Fault
from taxiway.core import Alarm, Monitoring, SlackAlerts
from taxiway.core.drift import DriftTest
from taxiway.core.incidents import JournalEntry
from taxiway.core.specs.alerts import NotifierAlerts
from taxiway.factories import monitoring_dag
from taxiway.hooks.bulletins import Occasion, tell
from taxiway.hooks.notices import NoticeDesk
from taxiway.hooks.store import TaxiwayHook
from taxiway.operators.incidents import IncidentOperator, TellOperator

SLACK = SlackAlerts("#ml")
RULES = Monitoring(alarm=Alarm(quiet=timedelta(0)), owner="U0123456789")
moved = journal.column("delay", DriftTest(asks="values", p=1e-9, effect=1.0, outcome="fail"))
BAD = {"expected": (journal.measured(0.8),), "estimates": (journal.measured(0.6, low=0.59, high=0.61),)}
MOVED = {**BAD, "columns": (moved,)}
"""With data that moved it is worth a retraining, too: the entry that confirms it has two steps."""
GOOD = {"expected": (journal.measured(0.8),), "estimates": (journal.measured(0.8, low=0.79, high=0.81),)}
pytestmark = pytest.mark.usefixtures("slack_connection")


def judged(dag, n, said):
    """The entry about hour `n`."""
    report = journal.drift_report(window=journal.hour(n), **said)
    task = IncidentOperator(task_id=f"judge-{uuid.uuid4().hex}", report=report.dump(), monitoring=RULES, dag=dag)
    return task.execute(airflow_home.context(task))


def told(dag, entry, alerts=SLACK):
    """What people were told of an entry; None where there was nothing to tell."""
    name = f"tell-{uuid.uuid4().hex}"
    task = TellOperator(task_id=name, entry=entry, alerts=alerts, monitoring=RULES, dag=dag)
    try:
        return task.execute(airflow_home.context(task))
    except AirflowSkipException:
        return None


def day(dag, faulty=(9, 10, 11), hours=24):
    """What was told in each hour."""
    return [told(dag, judged(dag, n, BAD if n in faulty else GOOD)) for n in range(hours)]


def test_a_day_with_a_fault_of_three_hours_is_one_message_and_one_thread(dag, store, slack):
    found = day(dag)
    assert [n for n, one in enumerate(found) if one] == [10, 11, 12, 13]
    (root,) = slack.roots()
    assert root["text"] == f"🟢 {MODEL}: incident 1 is over"
    assert "<@U0123456789>" in str(root["blocks"])
    lines = [reply["text"] for reply in slack.replies(root)]
    assert lines == [f"🟢 {MODEL}: incident 1 is over"]
    assert slack.methods().count("chat.postMessage") == 2, "the message, and one line in its thread"
    assert slack.methods().count("chat.update") == 3, "once for each hour after"
    assert TaxiwayHook().notices().outbox.waiting() == {}


def test_a_day_like_any_other_is_told_to_nobody(dag, store, slack):
    assert set(day(dag, faulty=(3, 9, 17))) == {None}, "single bad hours confirm nothing"
    assert slack.calls == []


def test_slack_that_is_away_for_the_whole_fault_is_told_once_afterwards(dag, store, slack):
    token, slack.token = slack.token, "another"
    day(dag, hours=12)
    assert slack.roots() == []
    slack.token = token
    TaxiwayHook().notices().deliver(within_s=60.0)
    (root,) = slack.roots()
    assert root["text"] == f"🔴 {MODEL}: incident 1 is confirmed"


def test_slack_that_is_slow_and_asks_to_be_left_alone_breaks_no_run(dag, store, slack):
    slack.fail("chat.postMessage", Fault(status=429, retry_after=1), Fault(late_s=0.3))
    day(dag, hours=11)
    assert len(slack.roots()) == 1


class Killable(TaxiwayHook):
    """A hook whose caller is killed at the n-th thing that is written, to the store or on the wall."""

    def __init__(self, fate, wall, now):
        super().__init__()
        self.fate, self.wall, self.now = fate, wall, now

    def store(self):
        return FatefulStore(super().store(), self.fate)

    def notices(self, **_):
        self.wall.fate = self.fate
        return NoticeDesk(self.store(), lambda _: self.wall, clock=lambda: self.now)


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("alone", [False, True])
def test_whoever_is_killed_at_whatever_he_writes_one_message_is_told(dag, store, done, alone):
    """Killed at each write in turn, and tried again, as Airflow does, or never again, until the next window."""
    wall, n = Wall(), 0
    while True:
        n += 1
        entry = judged(dag, n, MOVED)
        on = Occasion(JournalEntry.load(entry), RULES)
        try:
            tell(Killable(Fate(n, done=done), wall, 1000.0 * n), on, SLACK)
        except Killed:
            if not alone:
                tell(Killable(Fate(), wall, 1000.0 * n + 500), on, SLACK)
            continue
        if n > 2:
            break
    assert n > 5
    (message,) = wall.messages.values()
    assert message["text"] == f"🟠 {MODEL}: incident 1 is being dealt with"
    lines = [reply["blocks"][0]["text"]["text"] for replies in wall.replies.values() for reply in replies]
    assert sum(line.count("*confirmed*") for line in lines) == 1
    assert sum(line.count("*mitigating*") for line in lines) <= 1, "it may be the message's own first word"


def test_the_message_has_a_chart_of_the_columns_and_a_page_to_look_at(watch, slack, monkeypatch):

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://airflow.example")
    looks = monitoring_dag(
        model=MODEL, monitoring=asked(watch, evidently=True), alerts=SLACK, default_args={"retries": 0}
    )
    for n in (0, 1):
        write(watch, n, rows(1500, n + 1).with_columns(delay=pl.lit(0.0)))
        run = look(watch, n, looks)
    states = airflow_home.states(run)
    assert (states["incident.tell"], states["drift.evidently"]) == ("success", "success")
    link = airflow_home.value(run, "drift.evidently", "_link_EvidentlyLink")
    assert link.endswith(f"taxiway/drift/{MODEL}/all/evidently/{hour(1).slug}")
    (root,) = slack.roots()
    shown = str(root["blocks"])
    assert "delay" in shown
    assert "stuck at one value" in shown
    assert f"http://airflow.example/dags/{MODEL}.monitoring/runs/" in shown
    assert f"http://airflow.example/plugin/models/taxiway/drift/{MODEL}/all" in shown
    assert len(slack.files) == 1
    (file,) = slack.files.values()
    assert file["data"].startswith(b"\x89PNG")
    assert TaxiwayHook().notices().last(f"incident/{MODEL}/all/1", SLACK).picture.alt.startswith("Shares of delay")


def test_the_same_incident_goes_through_any_other_notifier(dag, store):
    console = NotifierAlerts("notifications.console:Console", title="subject", text="line")
    entries = [judged(dag, n, BAD) for n in (0, 1)]
    assert told(dag, entries[1], (console, SLACK)) == [f"{MODEL}: incident 1 is confirmed"] * 2
    assert TOLD[-1][1] == f"🔴 {MODEL}: incident 1 is confirmed"
