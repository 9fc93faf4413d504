from datetime import timedelta

import pytest

import samples
from taxiway.core.delivery import (
    TURN_S,
    Ask,
    LeftAlone,
    Letter,
    Look,
    Post,
    Receipt,
    Rest,
    Show,
    Standing,
    Tell,
    asked_part,
    end_turn,
    gone_part,
    message_part,
    next_step,
    next_turn,
    slug,
    told_up_to,
)
from taxiway.core.specs.alerts import NotifierAlerts, SlackAlerts

SLACK = SlackAlerts("#ml", owner="Ann")
PATIENT = SlackAlerts("#ml", escalate_after=timedelta(hours=1), escalate_to="here")


def letter(number=1, to=SLACK, **changes):
    return Letter(notice=samples.notice(number, **changes), to=to)


def standing(*letters, parts=(), number=None, asked_at=None, first=1):
    message = Receipt(part="message", at=0.0, number=number, channel="C1", ts="1.0") if number is not None else None
    return Standing("x", first, letters, frozenset(parts), message, asked_at)


def step(*letters, edits=True, now=0.0, **changes):
    return next_step(standing(*letters, **changes), edits=edits, now=now)


def test_the_first_letter_is_a_message_and_tells_itself():
    assert step(letter(1)) == Post("message", letter(1))
    assert step(letter(1), parts={"message"}, number=1) == Rest()


def test_a_change_edits_the_message_and_then_adds_to_the_thread():
    assert step(letter(2), parts={"message"}, number=1) == Show("shown-2", letter(2))
    assert step(letter(2), parts={"message", "shown-2"}, number=1) == Tell("told-2", (letter(2),), 2)
    assert step(letter(2), parts={"message", "shown-2", "told-2"}, number=1) == Rest()


def test_what_waited_for_a_day_is_one_message_and_one_reply():
    waited = [letter(number) for number in range(1, 25)]
    assert step(*waited) == Post("message", waited[-1])
    assert step(*waited, parts={"message"}, number=24) == Tell("told-24", tuple(waited), 24)


def test_a_quiet_change_adds_nothing_to_the_thread_and_is_noted_all_the_same():
    quiet = letter(2, quiet=True)
    assert step(quiet, parts={"message", "shown-2"}, number=1) == Tell("told-2", (), 2)
    three = letter(3)
    assert step(quiet, three, parts={"message", "shown-3"}, number=1) == Tell("told-3", (three,), 3)


def test_after_somebody_deleted_the_message_there_is_another_one():
    parts = frozenset({"message", "gone-1"})
    assert message_part(parts) == "message-2"
    assert gone_part(parts) == "gone-2"
    assert step(letter(3), parts=parts) == Post("message-2", letter(3))


def test_a_thread_may_begin_with_any_number():
    assert told_up_to(frozenset(), Receipt(part="message", at=0.0, number=7), 7) == 7
    assert told_up_to(frozenset({"told-9", "told-8", "shown-12"}), None, 7) == 9
    assert told_up_to(frozenset(), Receipt(part="message", at=0.0, number=9), 7) == 0


def test_where_nothing_can_be_edited_each_change_is_sent():
    assert step(letter(1), edits=False) == Tell("told-1", (letter(1),), 1)
    assert step(letter(1, PATIENT), edits=False, parts={"told-1"}, now=1e9) == Rest()


def test_a_question_is_escalated_once_when_nobody_answers():
    parts = {"message"}
    asked = letter(1, PATIENT)
    assert step(asked, parts=parts, number=1) == Ask("asked-confirmed", 1)
    parts |= {"asked-confirmed"}
    assert step(asked, parts=parts, number=1, asked_at=100.0, now=200.0) == Rest(3700.0)
    look = Look("answered-confirmed", "escalated-confirmed", asked)
    assert step(asked, parts=parts, number=1, asked_at=100.0, now=3700.0) == look
    for answer in ("answered-confirmed", "escalated-confirmed"):
        assert step(asked, parts={*parts, answer}, number=1, asked_at=100.0, now=1e9) == Rest()


def test_a_question_keeps_its_clock_while_the_numbers_change():
    later = letter(9, PATIENT, quiet=True)
    parts = {"message", "shown-9", "told-9", "asked-confirmed"}
    assert step(later, parts=parts, number=1, asked_at=100.0, now=200.0) == Rest(3700.0)


@pytest.mark.parametrize(
    "silent", [letter(1), letter(1, PATIENT, asks=""), letter(1, PATIENT, closes=True), letter(1, PATIENT, asks="!!")]
)
def test_nobody_is_called_where_nothing_is_asked_or_all_is_over(silent):
    assert step(silent, parts={"message"}, number=1, now=1e9) == Rest()


def test_a_notifier_has_no_patience():
    other = Letter(notice=samples.notice(1), to=NotifierAlerts("a:B", text="text"))
    assert step(other, parts={"message"}, number=1) == Rest()


def test_one_speaks_at_a_time():
    first = next_turn(None, None, by="a", now=100.0)
    assert (first.number, first.until, first.unsure_since) == (1, 100.0 + TURN_S, None)
    assert next_turn(first, None, by="b", now=first.until - 1) is None


def test_whoever_follows_a_turn_that_was_cut_off_is_unsure_since_it_began():
    first = next_turn(None, None, by="a", now=100.0)
    second = next_turn(first, None, by="b", now=first.until)
    assert (second.number, second.unsure_since, second.failures) == (2, 100.0, 1)
    third = next_turn(second, None, by="c", now=second.until)
    assert (third.number, third.unsure_since, third.failures) == (3, 100.0, 2)


def test_a_turn_that_said_all_leaves_nobody_unsure():
    unsure = next_turn(next_turn(None, None, by="a", now=0.0), None, by="b", now=1000.0)
    end = end_turn(unsure, now=1001.0)
    assert (end.error, end.unsure_since, end.failures, end.retry_at) == ("", None, 0, 0.0)
    after = next_turn(unsure, end, by="c", now=1001.0)
    assert (after.number, after.unsure_since, after.failures) == (3, None, 0)


def test_a_failure_is_tried_again_after_a_pause_that_grows_to_ten_minutes():
    turn, now, pauses = next_turn(None, None, by="a", now=0.0), 0.0, []
    for _ in range(8):
        end = end_turn(turn, now=now, error="Slack is down.")
        pauses.append(end.retry_at - now)
        assert next_turn(turn, end, by="a", now=end.retry_at - 1) is None
        now = end.retry_at
        turn = next_turn(turn, end, by="a", now=now)
    assert pauses == [30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0, 600.0]
    assert turn.unsure_since is None


def test_a_lost_answer_makes_the_next_one_unsure_until_all_is_known():
    turn = next_turn(None, None, by="a", now=5.0)
    lost = end_turn(turn, now=6.0, error="no answer", lost=True)
    assert lost.unsure_since == 5.0
    second = next_turn(turn, lost, by="a", now=lost.retry_at)
    refused = end_turn(second, now=second.at, error="refused")
    assert refused.unsure_since == 5.0


def test_a_channel_that_asks_to_be_left_alone_is():
    error = LeftAlone("too many", wait_s=3600.0)
    assert "3600 s" in str(error)
    end = end_turn(next_turn(None, None, by="a", now=0.0), now=0.0, error=str(error), wait_s=error.wait_s)
    assert end.retry_at == 3600.0


@pytest.mark.parametrize("thread", ["incident/flight-delay/7", "", "../..", "日本語", "a" * 400, "<!channel>\n", "a#1"])
def test_any_thread_has_a_name_that_a_store_can_hold(thread):
    from taxiway.stores.paths import check_path

    name = slug(thread, SLACK)
    assert check_path(name) == name
    assert " " not in name
    assert len(name) <= 80


def test_a_thread_at_another_address_is_another_conversation():
    assert slug("a", SLACK) == slug("a", PATIENT)
    assert len({slug("a", SLACK), slug("b", SLACK), slug("a", SlackAlerts("#other")), slug("a/", SLACK)}) == 4


def test_a_question_is_named_by_its_word():
    assert asked_part("may it go live?") == "asked-may-it-go-live"
