import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.core.words import clean, markup, slack

HOSTILE = [
    "<!channel> read this",
    "<@U0123456789>",
    "<https://evil.example|click>",
    "a & b &lt;",
    "*bold* _it_ ~gone~ `code` ```block```",
    "> quoted",
    ":rotating_light: :+1:",
    "two\nlines\r\n\tand a tab",
    "\u202egnp.exe\u202c and \u0000 and \u200b",
    "\ud800 half a pair",
    "{{ conn.slack.password }}",
    "日本語 ümläut עברית",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_slack(text):
    said = slack(text, 300)
    assert not set("<>*~`") & set(said)
    assert re.search(r"&(?!amp;|lt;|gt;)", said) is None
    assert re.search(r"(?<!\w)_|_(?!\w)|:[\w+-]*[a-z][\w+-]*:", said) is None
    assert "\n" not in said
    assert said.encode()


@given(st.text(st.characters() | st.sampled_from("<>&*_~`:"), max_size=400), st.integers(1, 300))
def test_no_text_is_longer_than_it_may_be_or_ends_in_the_middle_of_an_entity(text, most):
    said = slack(text, most)
    assert len(said) <= most
    assert re.search(r"&(?!amp;|lt;|gt;)", said) is None
    assert len(clean(text, most)) <= most


def test_what_people_should_recognise_they_do():
    assert slack("dep_delay: 0.42 sd at 12:30:45", 300) == "dep_delay: 0.42 sd at 12:30:45"
    assert slack("a < b & c > d", 300) == "a &lt; b &amp; c &gt; d"
    assert clean("日本語 ümläut", 300) == "日本語 ümläut"


def test_a_text_that_is_too_long_says_so():
    assert clean("abcdef", 4) == "abc…"
    assert slack("a<<<<", 9) == "a&lt;…"


def test_html_is_shown_and_not_obeyed():
    said = markup('<img src=x onerror="alert(1)">', 300)
    assert "<" not in said
    assert '"' not in said
    assert html.unescape(said) == '<img src=x onerror="alert(1)">'
