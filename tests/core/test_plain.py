from html.parser import HTMLParser

from hypothesis import given, settings

import samples
from core import strategies
from taxiway.core import plain
from taxiway.core.notices import Fact, Link, Notice, TopColumn

NAME = "<script>alert(1)</script> & " + "日本語" * 100


def test_the_text_says_everything():
    assert plain.text(samples.notice(), owner="Ann").splitlines() == [
        "🔴 flight-delay: its data drift",
        "confirmed at 2026-01-03 04:00 UTC, about flight-delay",
        "owner: Ann",
        "3 of 4 windows differ from what version 3 was trained on.",
        "roc_auc, estimated: 0.71 (was 0.80)",
        "rows: 1,204",
        "dep_delay: 0.42 sd (p < 0.001)",
        "The run: https://airflow.example/dags/flight-delay.monitoring",
    ]
    assert plain.title(samples.notice()) == "🔴 flight-delay: its data drift"


def test_what_is_not_there_is_not_said():
    bare = samples.notice(subject="", text="", facts=(), columns=(TopColumn(name="x", effect="1"),), links=())
    assert plain.text(bare).splitlines()[1:] == ["confirmed at 2026-01-03 04:00 UTC", "x: 1"]
    assert "<table>" not in plain.html(bare.model_copy(update={"columns": ()}))


def test_the_html_says_the_same():
    said = plain.html(samples.notice(), owner="Ann")
    assert '<th align="left">dep_delay</th><td>0.42 sd (p &lt; 0.001)</td>' in said
    assert '<a href="https://airflow.example/dags/flight-delay.monitoring">The run</a>' in said


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        assert dict(attrs).keys() <= {"align", "href"}


@settings(max_examples=50, deadline=None)
@given(strategies.instances(Notice))
def test_the_html_has_only_our_own_tags_whatever_the_words_are(notice):
    tags = Tags()
    tags.feed(plain.html(notice, owner=NAME))
    assert tags.seen <= {"h3", "p", "table", "tr", "th", "td", "a"}


def test_hostile_and_endless_words_are_bounded():
    many = tuple(Fact(label=NAME, value=NAME * 5) for _ in range(500))
    hostile = samples.notice(title=NAME, text=NAME * 50, facts=many, links=(Link(label=NAME, url="javascript:1"),))
    assert "<script" not in plain.html(hostile)
    assert "javascript" not in plain.html(hostile)
    assert len(plain.text(hostile)) < 20_000
    assert "and: 480 more" in plain.text(hostile)
