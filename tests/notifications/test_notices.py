"""What people are told by the callbacks of tasks and runs, over HTTP."""

import asyncio
import json
import time
from types import SimpleNamespace

import pytest

import samples
from notifications.console import GO_ON, TOLD
from slack_server import Fault
from taxiway.core import NotifierAlerts, SlackAlerts
from taxiway.core.gates import clear
from taxiway.core.outcomes import Outcome
from taxiway.core.records import dump_spec
from taxiway.hooks.store import TaxiwayHook
from taxiway.notifications.notices import NoticeNotifier

pytestmark = pytest.mark.usefixtures("store")
SLACK = SlackAlerts("#ml", owner="U0123456789")


@pytest.fixture
def store(airflow, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", f"{(tmp_path / 'store').as_uri()}/")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/prod")


def context(run_type="manual", state="failed", try_number=1, pushed=None, **changes):
    report = samples.report()
    task = SimpleNamespace(report=report.dump(), clearance=None, reason="it was wrong", on_refusal="fail")
    ti = SimpleNamespace(
        dag_id="flight-delay.training",
        run_id="manual__1",
        task_id="decision.gate",
        map_index=-1,
        try_number=try_number,
        state=state,
        xcom_pull=lambda key, **_: (pushed or {}).get(key),
    )
    return {"ti": ti, "task": task, "dag_run": SimpleNamespace(run_type=run_type, run_id="manual__1"), **changes}


def only(slack):
    roots = slack.roots()
    assert len(roots) == 1
    return roots[0], json.dumps(roots[0]["blocks"], ensure_ascii=False)


def test_a_failure_is_told_with_its_cause_and_the_way_to_its_page(slack_connection):
    NoticeNotifier(SLACK)(context(exception=ValueError("no rows <!channel>")))
    root, said = only(slack_connection)
    assert root["text"] == "🔴 flight-delay.training failed: task decision.gate"
    assert "ValueError: no rows &lt;!channel&gt;" in said
    assert "https://airflow.example/prod/dags/flight-delay.training/runs/manual__1/tasks/decision.gate" in said
    assert "<@U0123456789>" in said


def test_what_airflow_knows_to_be_secret_is_not_told(slack_connection):
    from airflow.sdk.log import mask_secret

    mask_secret("open-sesame-77")
    NoticeNotifier(SLACK)(context(exception=ValueError("the login open-sesame-77 was refused")))
    assert "open-sesame-77" not in only(slack_connection)[1]


def test_a_refusal_is_told_with_its_verdicts_and_not_as_a_failure(slack_connection):
    model = samples.model_ref()
    said = clear(model.digest, [samples.verdict(model, Outcome.FAIL, reason="roc_auc is 0.6")]).dump()
    NoticeNotifier(SLACK)(context(pushed={"clearance": said}, exception=ValueError("may not go live")))
    root, text = only(slack_connection)
    assert root["text"] == "🟠 flight-delay may not go live"
    assert "FAIL, roc_auc is 0.6" in text


def test_a_run_is_one_message_from_the_question_to_the_version_that_is_live(slack_connection):
    model = samples.model_ref()
    yes = clear(model.digest, [samples.verdict(model, decided_by="ann", reason="ann said yes")]).dump()
    NoticeNotifier(SLACK, event="asked")(context(state="running"))
    assert "/tasks/decision.gate/required_actions" in only(slack_connection)[1]
    NoticeNotifier(SLACK, event="answered")(context(pushed={"clearance": yes}))
    version = samples.model_version(3).dump()
    NoticeNotifier(SLACK, event="promoted")(context(pushed={"return_value": version}))
    root, _ = only(slack_connection)
    assert root["text"] == "🟢 Version 3 of flight-delay is live"
    assert len(slack_connection.replies(root)) == 2
    assert TaxiwayHook().notices().outbox.waiting() == {}


def test_a_rollback_is_told_with_its_reason(slack_connection):
    back = context(pushed={"return_value": samples.model_version(2).dump()})
    NoticeNotifier(SLACK, event="rolled_back")(back)
    assert "it was wrong" in only(slack_connection)[1]


def test_that_a_task_succeeds_is_told_where_it_had_failed(slack_connection):
    success = NoticeNotifier(SLACK, event="mended")
    success(context(state="success"))
    success(context(state="success", try_number=2))
    assert slack_connection.calls == []
    NoticeNotifier(SLACK)(context(exception=ValueError("x"), try_number=2))
    success(context(state="success", try_number=3))
    assert "has succeeded after all" in only(slack_connection)[0]["text"]
    success(context(state="success", try_number=3))
    assert slack_connection.methods().count("chat.update") == 1


def test_that_a_run_failed_is_told_only_where_no_task_of_it_said_so(slack_connection):
    from airflow.sdk import DAG

    NoticeNotifier(SLACK)({"dag": DAG("d", schedule=None), "run_id": "manual__2", "reason": "timed_out"})
    root, text = only(slack_connection)
    assert root["text"] == "🔴 d failed: the run"
    assert "timed_out" in text
    NoticeNotifier(SLACK)(context(exception=ValueError("x")))
    before = len(slack_connection.calls)
    NoticeNotifier(SLACK)(context(reason="task_failure"))
    assert len(slack_connection.calls) == before


@pytest.mark.parametrize(
    "quiet",
    [
        (context(run_type="backfill", exception=ValueError("x")), "failed"),
        (context(state="skipped"), "failed"),
        (context(state="success"), "answered"),
    ],
)
def test_nothing_is_told_of_what_is_no_news(slack_connection, quiet):
    NoticeNotifier(SLACK, event=quiet[1])(quiet[0])
    assert slack_connection.calls == []


def test_whatever_goes_wrong_the_task_goes_on(slack_connection, monkeypatch, caplog):
    slack_connection.token = "another"
    NoticeNotifier(SLACK)(context(exception=ValueError("x")))
    assert "does not know this token" in caplog.text
    assert len(TaxiwayHook().notices().outbox.waiting()) == 1
    NoticeNotifier(SLACK, event="promoted")(context())
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", "nonsense")
    NoticeNotifier(SLACK)(context(exception=ValueError("x")))
    assert caplog.text.count("People could not be told what happened") == 2


def test_a_connection_that_is_not_there_is_named_and_the_notice_waits(caplog):
    NoticeNotifier(SlackAlerts("#ml", conn_id="nowhere"))(context(exception=ValueError("x")))
    assert "there is no connection 'nowhere'" in caplog.text
    assert len(TaxiwayHook().notices().outbox.waiting()) == 1


def test_a_missed_deadline_is_told_from_the_triggerer(slack_connection):
    late = {
        "dag_run": {"dag_id": "d", "dag_run_id": "r", "run_type": "scheduled"},
        "deadline": {"deadline_time": "2026-01-03T04:00:00Z"},
    }

    async def deadline():
        await NoticeNotifier(dump_spec(SLACK), context=late)

    asyncio.run(deadline())
    assert only(slack_connection)[0]["text"] == "🟠 d is late"


def test_a_missed_deadline_waits_where_there_is_no_connection_yet():
    async def deadline():
        late = {"dag_run": {"dag_id": "d", "dag_run_id": "r"}, "deadline": {"deadline_time": "now"}}
        await NoticeNotifier(SlackAlerts("#ml", conn_id="nowhere"), context=late)

    asyncio.run(deadline())
    assert len(TaxiwayHook().notices().outbox.waiting()) == 1


def test_another_notifier_is_told_from_the_triggerer(told):
    async def deadline():
        await NoticeNotifier(dump_spec(console()), context=context(exception=ValueError("x")))

    asyncio.run(deadline())
    assert len(told) == 1


def test_a_slack_that_hangs_holds_a_callback_for_seconds_only(slack_connection, monkeypatch):
    monkeypatch.setattr("taxiway.notifications.notices._TIMEOUT_S", 1)
    slack_connection.fail("auth.test", *[Fault(late_s=30.0)] * 3)
    began = time.monotonic()
    NoticeNotifier(SLACK)(context(exception=ValueError("x")))
    assert time.monotonic() - began < 15
    assert slack_connection.roots() == []


def test_the_triggerer_goes_on_when_something_goes_wrong(caplog):
    async def deadline():
        await NoticeNotifier(SLACK, context={"dag_run": {}, "deadline": {}})

    asyncio.run(deadline())
    assert "People could not be told what happened" in caplog.text


def test_airflow_can_make_it_of_json_for_a_deadline(airflow):
    with airflow.airflows_own_warnings():
        from airflow.sdk import AsyncCallback

        made = AsyncCallback(NoticeNotifier, kwargs={"alerts": dump_spec(SLACK)})
    assert json.loads(json.dumps(made.serialize()))["path"].endswith("NoticeNotifier")


def console(**changes):
    values = {"arguments": {"prefix": "> "}, "title": "subject", "text": "line", "html": "page", "owner": "Ann"}
    return NotifierAlerts("notifications.console:Console", **{**values, **changes})


@pytest.fixture
def told():
    """What the console was told."""
    TOLD.clear()
    return TOLD


def test_any_other_notifier_is_told_the_same(told):
    NoticeNotifier(console())(context(exception=ValueError("no rows <b> {{ ds }}")))
    prefix, title, text, page = told[0]
    assert prefix == "> "
    assert title == "🔴 flight-delay.training failed: task decision.gate"
    assert "ValueError: no rows <b> {{ ds }}" in text
    assert "owner: Ann" in text
    assert "no rows &lt;b&gt; {{ ds }}" in page
    NoticeNotifier(console())(context(exception=ValueError("no rows")))
    assert len(told) == 1


def test_an_incident_comes_by_mail_through_airflows_own_notifier(airflow, monkeypatch):
    from smtp_server import receiving

    mail = NotifierAlerts(
        "airflow.providers.smtp.notifications.smtp:SmtpNotifier",
        {"to": "ml@example.com", "from_email": "airflow@example.com"},
        title="subject",
        html="html_content",
    )
    with receiving() as (port, mails), airflow.airflows_own_warnings():
        settings = {"conn_type": "smtp", "host": "127.0.0.1", "port": port}
        settings["extra"] = {"disable_ssl": True, "disable_tls": True}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(settings))
        desk = TaxiwayHook().notices()
        desk.tell(samples.notice(1, title="flight-delay: its data drift <b> {{ 7 * 7 }}"), mail)
        desk.tell(samples.notice(2, state="recovered", title="flight-delay is well again", closes=True), mail)
        desk.tell(samples.notice(2, state="recovered", title="flight-delay is well again", closes=True), mail)
        assert desk.outbox.waiting() == {}
    assert [one["subject"] for one in mails] == [
        "🔴 flight-delay: its data drift <b> {{ 7 * 7 }}",
        "🔴 flight-delay is well again",
    ]
    page = mails[0].get_body(("html",)).get_content()
    assert "<h3>🔴 flight-delay: its data drift &lt;b&gt; {{ 7 * 7 }}</h3>" in page
    assert "dep_delay" in page


def test_another_notifier_that_fails_is_tried_again_and_told_all(told, caplog):
    broken = console(arguments={"prefix": "broken"})
    NoticeNotifier(broken)(context(exception=ValueError("one")))
    assert "OSError: no paper" in caplog.text
    NoticeNotifier(broken)(context(exception=ValueError("two"), try_number=2))
    assert told == []
    assert list(TaxiwayHook().notices().outbox.waiting().values()) == [(1, 2)]


def test_another_notifier_that_hangs_is_left_alone_and_told_again_with_a_word_of_warning(told, monkeypatch, caplog):
    monkeypatch.setattr("taxiway.hooks.notifiers._PATIENCE_S", 0.2)
    hangs = console(arguments={"prefix": "hangs"})
    NoticeNotifier(hangs)(context(exception=ValueError("x")))
    assert "did not come in time" in caplog.text
    GO_ON.set()
    desk = TaxiwayHook().notices()
    desk._clock = lambda: time.time() + 60.0
    assert desk.deliver(within_s=9.0).left == 0
    assert "may have been sent before" in told[-1][2]


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        (console(arguments={"prefiks": 1}), "cannot be made with these arguments"),
        (NotifierAlerts("notifications.console:Konsole", text="line"), "Did you mean 'Console'"),
    ],
)
def test_another_notifier_that_is_misspelt_is_named(alerts, said, caplog):
    NoticeNotifier(alerts)(context(exception=ValueError("x")))
    assert said in caplog.text
