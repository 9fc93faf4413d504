"""What every board must do: subclass `BoardContract` where tests run, with a fixture `board`."""

import time

import pytest

import samples
from taxiway.core.blocks import Mark, marked, message
from taxiway.core.delivery import Board, MessageGone

MARK = Mark("incident.flight-delay.7-0123456789abcdef", "message", 1)


def saying(title="it drifts", mark=MARK):
    return marked(message(samples.notice(title=title)), mark)


class BoardContract:
    def test_it_says_whether_it_can_send(self, board: Board) -> None:
        assert board.edits is True
        board.check()

    def test_what_was_posted_is_found_by_its_mark(self, board: Board) -> None:
        at = board.post(saying())
        board.post(saying(mark=MARK._replace(slug="other")))
        found = board.find(lambda mark: mark == MARK, since=time.time())
        assert found is not None
        assert (found.ts, found.part, found.number) == (at.ts, "message", 1)

    def test_what_was_not_posted_is_not_found(self, board: Board) -> None:
        at = board.post(saying())
        assert board.find(lambda mark: mark.number == 2, since=time.time()) is None
        assert board.find(lambda mark: mark.part == "told-2", since=time.time(), under=at) is None

    def test_a_message_that_was_edited_has_its_new_mark(self, board: Board) -> None:
        at = board.post(saying())
        assert board.show(at, saying("it is well", MARK._replace(number=2)))
        found = board.find(lambda mark: mark.part == "message", since=time.time())
        assert found is not None
        assert (found.ts, found.number) == (at.ts, 2)

    def test_a_reply_is_found_in_its_thread_and_not_in_the_channel(self, board: Board) -> None:
        at = board.post(saying())
        told = MARK._replace(part="told-2", number=2)
        reply = board.post(saying(mark=told), under=at)
        found = board.find(lambda mark: mark.part == "told-2", since=time.time(), under=at)
        assert found is not None
        assert found.ts == reply.ts
        assert board.find(lambda mark: mark.part == "told-2", since=time.time()) is None

    def test_nobody_is_heard_before_anybody_reacts(self, board: Board) -> None:
        board.check()
        at = board.post(saying())
        board.post(saying(mark=MARK._replace(part="told-2")), under=at)
        assert not board.heard(at)

    def test_an_upload_has_an_id_of_its_own(self, board: Board) -> None:
        first, second = (board.upload(b"\x89PNG", name="chart.png", alt="a chart") for _ in range(2))
        assert first != second

    def test_what_was_taken_back_is_gone(self, board: Board) -> None:
        at = board.post(saying())
        board.remove(at)
        assert board.find(lambda _: True, since=time.time()) is None
        with pytest.raises(MessageGone):
            board.show(at, saying())
        with pytest.raises(MessageGone):
            board.post(saying(), under=at)
