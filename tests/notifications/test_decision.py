import asyncio
from types import SimpleNamespace

import pytest

import samples
from taxiway.core.gates import clear
from taxiway.core.outcomes import Outcome
from taxiway.notifications.decision import DecisionNotifier, message

pytestmark = pytest.mark.usefixtures("airflow")


def context(said=None, **changes):
    ti = SimpleNamespace(
        dag_id="flight-delay.training",
        task_id="decision.gate",
        run_id="manual__1",
        map_index=-1,
        try_number=1,
        state="failed",
        xcom_pull=lambda **_: said,
    )
    task = SimpleNamespace(report=samples.report().dump(), on_refusal="fail")
    return {"ti": ti, "task": task, "dag_run": SimpleNamespace(run_type="manual"), **changes}


def refused(reason="roc_auc is 0.6"):
    model = samples.model_ref()
    said = clear(model.digest, [samples.verdict(model, Outcome.FAIL, reason=reason)]).dump()
    return context(said, exception=ValueError("may not go live"))


def test_the_message_names_the_model_and_every_verdict():
    lines = message(refused()).splitlines()
    assert lines[0] == "🟠 flight-delay may not go live"
    assert "*roc_auc &gt;= 0.7*: FAIL, roc_auc is 0.6" in lines


def test_the_message_of_a_failure_names_the_task_the_run_and_the_error():
    text = message(context(exception=ValueError("no rows")), markup="plain")
    assert "flight-delay.training failed: task decision.gate" in text
    assert "run: manual__1" in text
    assert "ValueError: no rows" in text


def test_the_message_stays_short():
    assert len(message(context(exception=ValueError("x" * 100_000)))) <= 3_000


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ("slack", "&lt;!channel&gt; \u2217all\u2217"),
        ("plain", "<!channel> *all*"),
        ("html", "&lt;!channel&gt; *all*"),
    ],
)
def test_what_others_say_is_escaped_for_the_channel_that_reads_it(markup, said):
    assert said in message(refused("<!channel> *all*"), markup=markup)


class Channel:
    """What DecisionNotifier needs of another notifier."""

    def __init__(self):
        self.text, self.sent = "", []

    def notify(self, _):
        self.sent.append(self.text)

    async def async_notify(self, _):
        self.sent.append(self.text)


def test_the_channels_notifier_sends_it():
    channel = Channel()
    DecisionNotifier(channel)(refused())
    asyncio.run(DecisionNotifier(channel, markup="plain").async_notify(refused()))
    assert [text.splitlines()[0] for text in channel.sent] == ["🟠 flight-delay may not go live"] * 2


def test_what_is_no_news_is_not_sent():
    channel = Channel()
    backfill = {**refused(), "dag_run": SimpleNamespace(run_type="backfill")}
    DecisionNotifier(channel)(backfill)
    asyncio.run(DecisionNotifier(channel).async_notify(backfill))
    assert channel.sent == []
