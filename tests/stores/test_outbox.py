from concurrent.futures import ThreadPoolExecutor

import pytest

import samples
from taxiway.core.delivery import TURN_S, Receipt, end_turn, slug
from taxiway.core.errors import IntegrityError
from taxiway.core.specs.alerts import SlackAlerts
from taxiway.stores.outbox import Outbox

SLACK = SlackAlerts("#ml")
NAME = slug(samples.notice().thread, SLACK)
DAY_S = 24 * 3600.0


@pytest.fixture
def outbox(store):
    return Outbox(store)


def test_letters_of_a_thread_are_numbered_in_the_order_they_came(outbox):
    numbers = [outbox.queue(samples.notice(state=state), SLACK, now=0.0).number for state in ("a", "b", "c")]
    assert numbers == [1, 2, 3]
    assert outbox.waiting() == {NAME: (1, 2, 3)}
    assert [letter.notice.state for letter in outbox.standing(NAME).letters] == ["a", "b", "c"]


def test_a_notice_with_a_key_is_queued_once(outbox):
    first = outbox.queue(samples.notice(key="train/1"), SLACK, now=0.0)
    outbox.queue(samples.notice(key="train/2"), SLACK, now=0.0)
    assert outbox.queue(samples.notice(key="train/1", state="other"), SLACK, now=9.0) == first
    assert outbox.waiting() == {NAME: (1, 2)}


def test_a_notice_with_a_number_is_queued_once_as_it_was_first(outbox):
    first = outbox.queue(samples.notice(7), SLACK, now=0.0)
    assert outbox.queue(samples.notice(7, state="other"), SLACK, now=9.0) == first
    assert outbox.queue(samples.notice(), SLACK, now=9.0).number == 8


def test_of_many_who_queue_the_same_at_once_one_does(outbox):
    def queue(number):
        return outbox.queue(samples.notice(key=f"key {number % 4}"), SLACK, now=0.0)

    with ThreadPoolExecutor(8) as pool:
        letters = list(pool.map(queue, range(32)))
    assert sorted({(letter.number, letter.notice.key) for letter in letters}) == sorted(
        {(letter.number, letter.notice.key) for letter in outbox.standing(NAME).letters}
    )
    assert [letter.number for letter in outbox.standing(NAME).letters] == [1, 2, 3, 4]


def test_the_same_thread_at_two_addresses_is_two_conversations(outbox):
    outbox.queue(samples.notice(), SLACK, now=0.0)
    outbox.queue(samples.notice(), SlackAlerts("#other"), now=0.0)
    assert len(outbox.waiting()) == 2


def test_all_letters_of_all_conversations_are_found_whatever_became_of_them(outbox):
    assert outbox.conversations() == []
    assert outbox.letters(NAME) == ()
    sent = tuple(outbox.queue(samples.notice(state=state), SLACK, now=0.0) for state in ("a", "b"))
    outbox.settle(NAME, [1, 2], upto=2, now=1.0)
    assert outbox.conversations() == [NAME]
    assert outbox.letters(NAME) == sent


def test_only_what_is_not_told_is_read_and_the_newest_letter(outbox):
    for _ in range(5):
        outbox.queue(samples.notice(), SLACK, now=0.0)
    outbox.note(NAME, Receipt(part="message", at=0.0, number=1, channel="C1", ts="1.0"))
    outbox.note(NAME, Receipt(part="told-3", at=0.0, number=3))
    standing = outbox.standing(NAME)
    assert [letter.number for letter in standing.letters] == [4, 5]
    assert standing.message.ts == "1.0"
    outbox.note(NAME, Receipt(part="told-5", at=0.0, number=5))
    assert [letter.number for letter in outbox.standing(NAME).letters] == [5]


def test_the_first_receipt_of_a_part_stays(outbox):
    first = Receipt(part="message", at=0.0, ts="1.0")
    assert outbox.note(NAME, first) == first
    assert outbox.note(NAME, Receipt(part="message", at=9.0, ts="2.0")) == first
    assert outbox.receipt(NAME, "message") == first
    assert outbox.receipt(NAME, "message-2") is None


def test_a_question_is_asked_since_its_receipt(outbox):
    outbox.queue(samples.notice(asks="confirmed"), SLACK, now=0.0)
    assert outbox.standing(NAME).asked_at is None
    outbox.note(NAME, Receipt(part="asked-confirmed", at=77.0))
    assert outbox.standing(NAME).asked_at == 77.0


def test_of_many_who_want_to_speak_one_does(outbox):
    with ThreadPoolExecutor(8) as pool:
        turns = list(pool.map(lambda number: outbox.take_turn(NAME, by=f"worker {number}", now=0.0), range(8)))
    assert len([turn for turn in turns if turn is not None]) == 1
    assert outbox.take_turn(NAME, by="late", now=1.0) is None
    assert outbox.take_turn(NAME, by="late", now=TURN_S).number == 2


def test_a_turn_that_ended_in_trouble_says_so(outbox):
    turn = outbox.take_turn(NAME, by="a", now=0.0)
    assert outbox.trouble(NAME) is None
    outbox.end_turn(NAME, end_turn(turn, now=1.0, error="Slack is down."))
    assert outbox.trouble(NAME).error == "Slack is down."
    assert outbox.take_turn(NAME, by="a", now=2.0) is None
    again = outbox.take_turn(NAME, by="a", now=100.0)
    outbox.end_turn(NAME, end_turn(again, now=101.0))
    assert outbox.trouble(NAME) is None


def test_slips_go_when_their_letters_are_done_with(outbox):
    for _ in range(3):
        outbox.queue(samples.notice(), SLACK, now=0.0)
    outbox.settle(NAME, (1, 2, 3), upto=2, now=1.0)
    assert outbox.waiting() == {NAME: (3,)}


def test_a_slip_whose_letter_never_came_is_swept_up_after_a_day(outbox, store):
    store.create(f"notices-waiting/{NAME}/{1:020}", b'{"at":0.0}')
    assert outbox.standing(NAME) is None
    outbox.settle(NAME, (1,), upto=0, now=DAY_S)
    assert outbox.waiting() == {NAME: (1,)}
    outbox.settle(NAME, (1,), upto=0, now=DAY_S + 1)
    assert outbox.waiting() == {}


def test_a_letter_that_was_queued_and_lost_its_slip_gets_it_back(outbox):
    outbox.queue(samples.notice(key="a"), SLACK, now=0.0)
    outbox.settle(NAME, (1,), upto=1, now=0.0)
    outbox.queue(samples.notice(key="a"), SLACK, now=0.0)
    assert outbox.waiting() == {NAME: (1,)}


def test_what_lies_among_the_slips_and_is_none_is_left_alone(outbox, store):
    store.create("notices-waiting/README.txt", b"")
    store.create(f"notices-waiting/{NAME}/notes.txt", b"")
    store.create(f"notices/{NAME}/notes.txt", b"")
    outbox.queue(samples.notice(), SLACK, now=0.0)
    assert outbox.waiting() == {NAME: (1,)}
    assert outbox.standing(NAME).first == 1


def test_a_broken_letter_is_named(outbox, store):
    store.create(f"notices/{NAME}/letters/{1:020}.json", b"{}")
    with pytest.raises(IntegrityError, match="not a whole Letter"):
        outbox.standing(NAME)
