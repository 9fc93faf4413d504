"""Several deliverers, killed anywhere, tell everything once."""

import uuid
from datetime import timedelta

import pytest

import samples
from hooks.wall import Fate, FatefulStore, Killed, Wall
from taxiway.core.blocks import mark_of
from taxiway.core.delivery import TURN_S, AnswerLost, LeftAlone, slug
from taxiway.core.errors import BackendError, SpecError
from taxiway.core.notices import Picture
from taxiway.core.specs.alerts import SlackAlerts
from taxiway.hooks.notices import NoticeDesk
from taxiway.stores.blobs import Blobs
from taxiway.stores.objects import open_store

SLACK = SlackAlerts("#ml", owner="Ann")
PATIENT = SlackAlerts("#ml", owner="Ann", escalate_after=timedelta(hours=1))
NAME = slug(samples.notice().thread, SLACK)


class Office:
    """A store, a wall and a clock; each desk is a process of its own."""

    def __init__(self, uri):
        self.store = open_store(uri)
        self.wall = Wall()
        self.now = 1000.0

    def desk(self, fate=None):
        store = FatefulStore(self.store, fate) if fate else self.store
        self.wall.fate = fate or Fate()
        return NoticeDesk(store, lambda _: self.wall, clock=lambda: self.now)

    def deliver(self, after_s=0.0):
        self.now += after_s
        return self.desk().deliver(within_s=600.0)

    @property
    def shown(self):
        """The number of the notice that each message shows."""
        return [mark_of(message).number for message in self.wall.messages.values()]

    @property
    def told(self):
        """The states in the thread, line by line."""
        replies = [reply for thread in self.wall.replies.values() for reply in thread]
        lines = [line for reply in replies for line in reply["blocks"][0]["text"]["text"].splitlines()]
        return [line.split("*")[1] for line in lines if "*" in line]


@pytest.fixture
def office(tmp_path):
    return Office((tmp_path / "store").as_uri())


def notice(state, **changes):
    return samples.notice(**{"state": state, "key": state, "facts": (), "text": "so it is", **changes})


def test_an_incident_is_one_message_that_is_edited_and_a_thread(office):
    for state in ("suspected", "confirmed", "mitigating"):
        office.desk().tell(notice(state), SLACK)
    office.desk().tell(notice("recovered", closes=True), SLACK)
    assert office.shown == [4]
    assert office.told == ["confirmed", "mitigating", "recovered"]
    assert office.desk().outbox.waiting() == {}
    calls = [call for call in office.wall.calls if call != "check"]
    assert calls == ["post", "show", "reply", "show", "reply", "show", "reply"]


def test_what_was_told_is_not_told_again(office):
    office.desk().tell(notice("confirmed"), SLACK)
    before = len(office.wall.calls)
    office.desk().tell(notice("confirmed"), SLACK)
    assert office.deliver().left == 0
    assert [call for call in office.wall.calls[before:] if call != "check"] == []


def test_a_channel_that_is_away_for_a_day_gets_one_message_and_one_reply(office):
    office.wall.error = BackendError("Slack is down")
    for hour in range(24):
        office.now += 3600.0
        office.desk().tell(notice(f"hour-{hour}"), SLACK)
    assert office.wall.messages == {}
    assert len(list(office.store.list(f"notices/{NAME}/turns/"))) == 0
    office.wall.error = None
    delivery = office.deliver()
    assert (delivery.done, delivery.left, delivery.troubles) == (1, 0, ())
    assert office.shown == [24]
    assert len(office.wall.replies["1.0"]) == 1
    assert office.told == [f"hour-{hour}" for hour in range(4, 24)]


def test_nothing_is_raised_and_nothing_lost_when_the_channel_refuses(office):
    office.wall.error = SpecError("the token was revoked", do="Renew it.")
    desk = office.desk()
    assert desk.tell(notice("confirmed"), SLACK).number == 1
    delivery = desk.deliver(within_s=9.0)
    assert delivery == (0, 1, ("the token was revoked. Renew it.",))
    office.wall.error = None
    office.deliver()
    assert office.shown == [1]


def test_a_broken_program_keeps_no_other_conversation_from_being_told(office):
    office.desk().queue(notice("confirmed", thread="a"), SLACK)
    office.store.replace(f"notices/{slug('a', SLACK)}/letters/{1:020}.json", b"{}")
    office.desk().queue(notice("confirmed", thread="b"), SLACK)
    delivery = office.deliver()
    assert (delivery.done, delivery.left) == (1, 1)
    assert "not a whole Letter" in delivery.troubles[0]

    def broken(*args, **kwargs):
        raise KeyError("ts")

    office.wall.post = broken
    office.desk().queue(notice("confirmed", thread="c"), SLACK)
    assert "KeyError: 'ts'" in office.deliver().troubles


def test_a_channel_that_asks_to_be_left_alone_is(office):
    office.desk().queue(notice("confirmed"), SLACK)
    office.wall.lost = None
    office.wall.post, post = _raising(LeftAlone("too many", wait_s=900.0)), office.wall.post
    assert "900 s" in office.deliver().troubles[0]
    office.wall.post = post
    assert office.deliver(after_s=899.0).left == 1
    assert office.wall.messages == {}
    assert office.deliver(after_s=1.0).left == 0
    assert office.shown == [1]


def test_a_lost_answer_is_found_and_not_sent_again(office):
    office.desk().queue(notice("confirmed"), SLACK)
    desk = office.desk()
    office.wall.post, post = _after(office.wall.post, AnswerLost("no answer")), office.wall.post
    assert desk.deliver(within_s=9.0).troubles == ("no answer.",)
    office.wall.post = post
    assert office.deliver(after_s=30.0).left == 0
    assert office.shown == [1]
    assert office.wall.calls.count("post") == 1


def test_somebody_else_who_is_speaking_is_not_interrupted(office):
    office.desk().queue(notice("confirmed"), SLACK)
    office.desk().outbox.take_turn(NAME, by="other", now=office.now)
    assert office.deliver() == (0, 1, ())
    assert office.deliver(after_s=TURN_S).left == 0


def test_a_message_that_somebody_deleted_is_followed_by_another(office):
    office.desk().tell(notice("suspected"), SLACK)
    office.wall.messages.clear()
    office.desk().tell(notice("confirmed"), SLACK)
    assert office.shown == [2]
    assert office.told == ["suspected", "confirmed"]


def test_a_message_that_cannot_be_edited_any_more_goes_on_in_its_thread(office):
    office.desk().tell(notice("suspected"), SLACK)
    office.wall.show = lambda *_: False
    office.desk().tell(notice("confirmed"), SLACK)
    assert (office.shown, office.told) == ([1], ["confirmed"])


def test_two_messages_after_all_become_one(office):
    office.desk().queue(notice("confirmed"), SLACK)
    post = office.wall.post

    def twice(message, **kwargs):
        first = post(message, **kwargs)
        office.desk().outbox.note(NAME, first.model_copy(update={"part": "message", "number": 1}))
        return post(message, **kwargs)

    office.wall.post = twice
    office.deliver()
    assert list(office.wall.messages) == ["1.0"]


def test_a_chart_is_uploaded_once_and_shown(office):
    digest = Blobs(office.store).put(b"a picture")
    chart = Picture(digest=digest, alt="dep_delay")
    office.desk().tell(notice("suspected", picture=chart), SLACK)
    office.desk().tell(notice("confirmed", picture=chart), SLACK)
    assert office.wall.files == [b"a picture"]
    assert [block["slack_file"] for block in office.wall.messages["1.0"]["blocks"] if block["type"] == "image"] == [
        {"id": "F1"}
    ]


@pytest.mark.parametrize("digest", [f"sha256:{'0' * 64}", None])
def test_a_message_goes_without_a_chart_that_is_lost_or_refused(office, digest):
    chart = Picture(digest=digest or Blobs(office.store).put(b"a picture"), alt="dep_delay")
    office.wall.upload = _raising(SpecError("the app lacks a scope"))
    office.desk().tell(notice("suspected", picture=chart), SLACK)
    assert office.shown == [1]


def test_a_store_that_lets_nothing_be_deleted_is_told_of_and_all_is_told(office, caplog):
    def refuse(path):
        raise BackendError("access is denied", where=path)

    office.store.delete = refuse
    office.desk().tell(notice("confirmed"), SLACK)
    assert office.deliver() == (1, 0, ())
    assert office.shown == [1]
    assert "could not be taken away: notices-waiting/" in caplog.text


def test_nobody_reacts_and_somebody_is_called_once(office):
    office.desk().tell(notice("confirmed"), PATIENT)
    assert office.deliver(after_s=3599.0) == (1, 0, ())
    assert office.wall.replies == {}
    for _ in range(3):
        office.deliver(after_s=3600.0)
    replies = office.wall.replies["1.0"]
    assert [reply["aloud"] for reply in replies] == [True]
    assert "Nobody has reacted for 1:00:00" in replies[0]["text"]
    assert office.desk().outbox.waiting() == {}


def test_somebody_reacts_and_nobody_is_called(office):
    office.desk().tell(notice("confirmed"), PATIENT)
    office.wall.people = True
    office.deliver(after_s=3600.0)
    assert office.wall.replies == {}
    assert office.desk().outbox.waiting() == {}


def test_what_recovered_in_time_calls_nobody(office):
    office.desk().tell(notice("confirmed"), PATIENT)
    office.desk().tell(notice("recovered", asks="", closes=True), PATIENT)
    office.deliver(after_s=7200.0)
    assert office.told == ["recovered"]
    assert office.desk().outbox.waiting() == {}


def live(office, fate=None):
    """An incident as it is told, by a new process each time; gives whether one was killed, and its task tried again."""
    killed = False
    chart = Picture(digest=Blobs(office.store).put(b"a picture"), alt="dep_delay")
    tasks = [
        lambda desk: desk.tell(notice("confirmed", picture=chart), PATIENT),
        lambda desk: desk.tell(notice("worse", quiet=True), PATIENT),
        lambda desk: desk.tell(notice("better"), PATIENT),
        lambda desk: desk.deliver(within_s=600.0),
        lambda desk: desk.tell(notice("recovered", closes=True), PATIENT),
    ]
    for task in tasks:
        try:
            task(office.desk(None if killed else fate))
        except Killed:
            killed = True
            task(office.desk())
        office.deliver(after_s=TURN_S)
        office.now += 3600.0 if task is tasks[2] else 0.0
    return killed


def everything(office):
    calls = [reply["text"] for thread in office.wall.replies.values() for reply in thread if reply["aloud"]]
    return office.shown, office.told, len(calls), office.desk().outbox.waiting()


def test_whoever_is_killed_wherever_each_thing_is_told_once():
    life = uuid.uuid4().hex
    whole = Office(f"memory://{life}")
    fate = Fate()
    assert not live(whole, fate)
    assert everything(whole) == ([4], ["better", "recovered"], 1, {})
    assert fate.seen > 40
    for at in range(1, fate.seen + 1):
        for done in (False, True):
            office = Office(f"memory://{life}-{at}-{done}")
            assert live(office, Fate(at, done=done))
            shown, told, calls, waiting = everything(office)
            assert (shown, calls, waiting) == ([4], 1, {}), (at, done)
            assert [state for state in told if state != "confirmed"] == ["better", "recovered"], (at, done)


def _raising(error):
    def call(*args, **kwargs):
        raise error

    return call


def _after(call, error):
    def then(*args, **kwargs):
        call(*args, **kwargs)
        raise error

    return then
