import itertools

from hypothesis import given
from hypothesis import strategies as st

from taxiway.runners.stamped import _STAMP, SECOND, Line, lines, nanoseconds, newer, page, second

FIRST = 1_767_225_600 * SECOND


def stamped(*texts, step=1):
    return [b"2026-01-01T00:00:%02d.000000001Z %s\n" % (number * step, text) for number, text in enumerate(texts)]


def test_a_line_is_read_with_its_time_to_the_nanosecond():
    (line,) = newer(stamped(b"hello"), 0)
    assert line == Line(FIRST + 1, b"hello\n")
    assert nanoseconds(_STAMP.match(b"2026-01-01T01:00:00.5+01:00 x")) == FIRST + SECOND // 2
    assert second(FIRST + 7) == "2026-01-01T00:00:00Z"


def test_output_is_read_on_from_where_it_was_left():
    text, end = page([newer(stamped(b"a", b"b"), 0)], 0)
    assert (text, end) == ("a\nb\n", FIRST + SECOND + 2)
    assert page([newer(stamped(b"a", b"b"), end)], end) == ("", end)
    assert page([newer(stamped(b"a", b"b", b"c"), end)], end)[0] == "c\n"


def test_what_has_no_time_belongs_to_the_line_before_it():
    assert [line.at for line in newer([*stamped(b"a"), b"more\n"], 0)] == [FIRST + 1, FIRST + 1]
    assert list(newer([*stamped(b"a"), b"more\n"], FIRST + 2)) == []


def test_several_outputs_are_put_into_the_order_of_time_and_numbered():
    text, _ = page([newer(stamped(b"a", b"c", step=2), 0), newer(stamped(b"b"), 0)], 0)
    assert text == "[0] a\n[1] b\n[0] c\n"


def test_long_output_comes_in_pages_none_of_which_is_lost():
    told, said, position = stamped(*[b"%03d" % n + b"." * 60_000 for n in range(20)]), "", 0
    pages = 0
    while True:
        text, after = page([newer(told, position)], position)
        if after == position:
            break
        assert len(text) < 400_000
        said, position, pages = said + text, after, pages + 1
    assert [line[:3] for line in said.splitlines()] == [f"{n:03}" for n in range(20)]
    assert pages > 3


def test_of_two_outputs_none_runs_ahead_of_the_other():
    long = [newer(stamped(*[b"." * 100_000] * 6), position := 0), newer(stamped(b"early", step=1), 0)]
    text, after = page(long, position)
    assert "early" in text
    assert after < FIRST + 6 * SECOND


@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda piece: b"\n" not in piece)), st.data())
def test_lines_are_the_same_however_they_were_cut(texts, data):
    whole = b"".join(text + b"\n" for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    ends = [0, *cuts, len(whole)]
    pieces = [whole[begin:end] for begin, end in itertools.pairwise(ends)]
    assert list(lines(pieces)) == [text + b"\n" for text in texts]
    assert list(lines([b"no end"])) == [b"no end\n"]
