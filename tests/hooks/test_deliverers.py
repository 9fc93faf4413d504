"""Whole processes against a Slack that answers over HTTP: killed with -9, several at once, and through a bad day."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import samples
from hooks.deliverer import SLACK, desk, live, notice
from slack_server import Fault, serving
from taxiway.core.delivery import TURN_S

PROGRAM = Path(__file__).with_name("deliverer.py")
ONE_LIFE = (
    "auth.test",
    "files.getUploadURLExternal",
    "upload",
    "files.completeUploadExternal",
    "chat.postMessage",
    "auth.test",
    "chat.update",
    "chat.postMessage",
)


class Clock:
    def __init__(self):
        self.now = time.time()

    def __call__(self):
        return self.now


@pytest.fixture
def store(tmp_path):
    return (tmp_path / "store").as_uri()


def told(slack):
    """The headline of each message, and the lines of its thread."""
    lines = [
        [line for reply in slack.replies(root) for line in reply["blocks"][0]["text"]["text"].splitlines()]
        for root in slack.roots()
    ]
    return [root["blocks"][1]["text"]["text"].split("*")[1] for root in slack.roots()], lines


def test_an_incident_is_exactly_these_calls(slack, store):
    live(store, slack.url)
    assert tuple(slack.methods()) == ONE_LIFE
    assert told(slack) == (["recovered"], [["🔴 *recovered* at 2026-01-03 04:00 UTC: it is recovered"]])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", range(len(ONE_LIFE)))
def test_a_deliverer_killed_at_any_call_leaves_one_message(slack, store, call, when):
    method, earlier = ONE_LIFE[call], ONE_LIFE[:call].count(ONE_LIFE[call])
    slack.fail(method, *[Fault()] * earlier, Fault(hold=when))
    env = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[1])}
    with subprocess.Popen([sys.executable, str(PROGRAM), store, slack.url], env=env) as process:
        assert slack.held.wait(120)
        process.kill()
    slack.settle()
    later = Clock()
    later.now += TURN_S + 1
    for told_again in (notice("confirmed"), notice("recovered", closes=True)):
        desk(store, slack.url, clock=later).tell(told_again, SLACK)
    assert desk(store, slack.url, clock=later).deliver(within_s=60).left == 0
    states, lines = told(slack)
    assert states == ["recovered"]
    assert [line for line in lines[0] if "confirmed" not in line] == [
        "🔴 *recovered* at 2026-01-03 04:00 UTC: it is recovered"
    ]


def test_several_deliverers_at_once_leave_one_message(slack, store):
    desk(store, slack.url).queue(notice("confirmed"), SLACK)
    with ThreadPoolExecutor(6) as pool:
        deliveries = list(pool.map(lambda _: desk(store, slack.url).deliver(within_s=60), range(6)))
    assert len(slack.roots()) == 1
    assert slack.methods().count("chat.postMessage") == 1
    assert all(delivery.troubles == () for delivery in deliveries)


def test_two_who_tell_different_things_at_once_are_both_told(slack, store):
    states = [f"state-{number}" for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda state: desk(store, slack.url).tell(notice(state), SLACK), states))
    assert desk(store, slack.url).deliver(within_s=60).left == 0
    assert len(slack.roots()) == 1
    text = json.dumps([*slack.roots(), *slack.replies(slack.roots()[0])])
    assert [state for state in states if state not in text] == []


def day(slack, store, *, down=False):
    """Hourly windows of a day with a fault from 9 to 12, as a monitor counts its incident's changes."""
    clock, number = Clock(), 0
    states = {9: "suspected", 10: "confirmed", 11: "confirmed", 12: "mitigating", 13: "recovered"}
    token = slack.token
    slack.token = "another" if down else token
    for hour in range(24):
        clock.now += 3600.0
        if hour in states:
            number += 1
            at = f"2026-01-03T{hour:02}:00:00Z"
            told_now = samples.notice(
                number, state=states[hour], at=at, text=f"hour {hour}", quiet=hour == 11, closes=hour == 13
            )
            desk(store, slack.url, clock=clock).tell(told_now, SLACK)
        desk(store, slack.url, clock=clock).deliver(within_s=60)
    slack.token = token
    return clock


def test_a_day_of_hourly_windows_with_a_three_hour_fault_is_one_thread(slack, store):
    day(slack, store)
    assert told(slack) == (
        ["recovered"],
        [
            [
                "🔴 *confirmed* at 2026-01-03 10:00 UTC: hour 10",
                "🔴 *mitigating* at 2026-01-03 12:00 UTC: hour 12",
                "🔴 *recovered* at 2026-01-03 13:00 UTC: hour 13",
            ]
        ],
    )
    methods = [method for method in slack.methods() if method != "auth.test"]
    assert methods.count("chat.postMessage") == 4
    assert methods.count("chat.update") == 4


def test_a_slack_that_is_down_for_the_day_gets_one_message_afterwards(slack, store):
    clock = day(slack, store, down=True)
    assert slack.roots() == []
    assert set(slack.methods()) == {"auth.test"}
    delivery = desk(store, slack.url, clock=clock).deliver(within_s=60)
    assert (delivery.done, delivery.left) == (1, 0)
    states, lines = told(slack)
    assert (states, len(lines[0])) == (["recovered"], 4)
    assert slack.methods().count("chat.postMessage") == 2


def test_nobody_who_reacts_is_called_and_everybody_who_does_not_is(slack, store):
    from datetime import timedelta

    from taxiway.core.specs.alerts import SlackAlerts

    patient = SlackAlerts("#ml", owner="U0123456789", escalate_after=timedelta(hours=4), escalate_to="S0123456789")
    clock = Clock()
    for thread in ("seen", "unseen"):
        desk(store, slack.url, clock=clock).tell(notice("confirmed", thread=thread), patient)
    seen, unseen = slack.roots()
    slack.react(seen["ts"], "U0PERSON00")
    for _ in range(4):
        clock.now += 2 * 3600.0
        assert desk(store, slack.url, clock=clock).deliver(within_s=60).troubles == ()
    assert slack.replies(seen) == []
    (call,) = slack.replies(unseen)
    assert call["text"].startswith("<!subteam^S0123456789> Nobody has reacted for 4:00:00")
    assert call["subtype"] == "thread_broadcast"


def test_a_busy_channel_that_takes_one_message_a_second_gets_them_all(store):
    with serving(per_second=1.0) as slack:
        for number in range(4):
            desk(store, slack.url).queue(notice("confirmed", thread=f"incident {number}"), SLACK)
        assert desk(store, slack.url).deliver(within_s=60) == (4, 0, ())
        assert len(slack.roots()) == 4


def test_a_lost_answer_is_looked_up_before_anything_is_sent_again(slack, store):
    clock = Clock()
    slack.fail("chat.postMessage", Fault(drop="after"))
    desk(store, slack.url, clock=clock).tell(notice("confirmed"), SLACK)
    clock.now += 31.0
    assert desk(store, slack.url, clock=clock).deliver(within_s=60).left == 0
    assert len(slack.roots()) == 1
    assert slack.methods().count("chat.postMessage") == 1
    assert "conversations.history" in slack.methods()
