import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import samples
from core import strategies
from taxiway.core.blocks import Mark, escalation, line, mark_of, marked, mention, message, note, text, update, when
from taxiway.core.notices import Fact, Link, Notice, Picture, TopColumn

NAME = "<!channel> *x* `y` " + "日本語" * 100
PICTURE = Picture(digest=f"sha256:{samples.hexes('5')}", alt=NAME)


def check(said):
    """Slack's limits, as its reference gives them."""
    assert len(said["text"]) <= 3000
    assert 1 <= len(said["blocks"]) <= 50
    for block in said["blocks"]:
        assert len(block.get("block_id", "")) <= 255
        if block["type"] == "header":
            assert len(block["text"]["text"]) <= 150
            assert block["text"]["type"] == "plain_text"
        elif block["type"] == "image":
            assert 1 <= len(block["alt_text"]) <= 2000
        else:
            assert block["type"] == "section"
            texts = [block["text"]] if "text" in block else block["fields"]
            assert 1 <= len(texts) <= 10
            for text in texts:
                assert 1 <= len(text["text"]) <= (3000 if "text" in block else 2000)
                assert text["verbatim"] is True
    return json.dumps(said, ensure_ascii=False)


def test_a_message_says_everything_in_the_order_of_what_matters():
    said = message(samples.notice(), owner="S0123456789", file="F0123456789")
    check(said)
    text = [block.get("text", {}).get("text") or block.get("fields") for block in said["blocks"]]
    assert said["text"] == "🔴 flight-delay: its data drift"
    assert text[0] == "🔴 flight-delay: its data drift"
    assert text[1].splitlines() == [
        "*confirmed* at 2026-01-03 04:00 UTC · about flight-delay · owner <!subteam^S0123456789>",
        "3 of 4 windows differ from what version 3 was trained on.",
    ]
    assert [field["text"] for field in text[2]] == ["*roc_auc, estimated*\n0.71 (was 0.80)", "*rows*\n1,204"]
    assert text[3] == "*Columns that stand out*\n• *dep_delay*: 0.42 sd (p &lt; 0.001)"
    assert text[4] == "<https://airflow.example/dags/flight-delay.monitoring|The run>"


def test_the_chart_is_in_the_message():
    said = message(samples.notice(picture=PICTURE), file="F0123456789")
    images = [block for block in said["blocks"] if block["type"] == "image"]
    assert images[0]["slack_file"] == {"id": "F0123456789"}
    assert "image" not in [block["type"] for block in message(samples.notice(picture=PICTURE))["blocks"]]


def test_names_of_300_characters_stay_text_and_within_the_limits():
    many = 60
    hostile = samples.notice(
        title=NAME,
        state=NAME,
        subject=NAME,
        text=NAME * 9,
        facts=tuple(Fact(label=NAME, value=NAME) for _ in range(many)),
        columns=tuple(TopColumn(name=NAME, effect=NAME, note=NAME) for _ in range(many)),
        links=tuple(Link(label=NAME, url=f"https://x.example/{'y' * 1900}") for _ in range(many)),
        picture=PICTURE,
        at=NAME,
    )
    for said in (
        message(hostile, owner=NAME, file="F0123456789"),
        update([hostile] * many),
        escalation(hostile, to=NAME, waited=NAME),
    ):
        text = check(said)
        assert "<!" not in text
        assert "`" not in text
        assert "\u2217x\u2217" in text
    assert "and 40 more" in check(message(hostile))
    assert "and 50 more" in check(message(hostile))
    assert "(40 earlier changes)" in check(update([hostile] * many))


@settings(max_examples=50, deadline=None)
@given(strategies.instances(Notice))
def test_any_notice_is_within_the_limits(notice):
    check(message(notice, owner="ann", file="F0123456789"))
    check(update([notice, notice]))
    check(escalation(notice, to="", waited="4:00:00"))


def test_a_change_is_a_line_in_the_thread_and_alone_it_brings_its_numbers():
    one = samples.notice()
    assert line(one).startswith("🔴 *confirmed* at 2026-01-03 04:00 UTC: 3 of 4 windows")
    assert line(samples.notice(text="")).endswith(": flight-delay: its data drift")
    assert "fields" in update([one])["blocks"][1]
    assert len(update([one, one])["blocks"]) == 1


def test_an_escalation_calls_somebody_or_nobody():
    assert (
        "<!subteam^S0123456789> Nobody has reacted for 4:00:00"
        in escalation(samples.notice(), to="S0123456789", waited="4:00:00")["text"]
    )
    assert escalation(samples.notice(), to="", waited="4:00:00")["text"].startswith("Nobody")


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("U0123456789", "<@U0123456789>"),
        ("W0123456789", "<@W0123456789>"),
        ("S0123456789", "<!subteam^S0123456789>"),
        ("@here", "<!here>"),
        ("channel", "<!channel>"),
        ("Ann Other", "Ann Other"),
        ("<!everyone>", "&lt;!everyone&gt;"),
    ],
)
def test_only_an_id_of_slack_is_mentioned(who, said):
    assert mention(who) == said


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://x|y", "https://a b", "//x", "", "https://<x>"])
def test_what_is_no_page_is_no_link(url):
    blocks = message(samples.notice(links=(Link(label="x", url=url),)))["blocks"]
    assert "|x>" not in json.dumps(blocks)


def test_a_time_that_is_none_is_shown_as_it_is():
    assert when("2026-01-03 04:05:06+00:00") == "2026-01-03 04:05 UTC"
    assert when("now\n") == "now"


@given(number=st.integers(0, 10**9))
def test_a_mark_is_known_again_with_and_without_the_metadata(number):
    mark = Mark("incident.flight-delay.7-0123456789abcdef", "told-3", number)
    sent = marked(message(samples.notice()), mark)
    assert check(sent)
    assert mark_of(sent) == mark
    assert mark_of({"blocks": sent["blocks"]}) == mark


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"blocks": [{"type": "section"}, {"block_id": "taxiway a b c"}, {"block_id": "other a b 1"}]},
        {"metadata": {"event_type": "other", "event_payload": {}}},
        {"metadata": {"event_type": "taxiway_notice", "event_payload": {"slug": "x"}}},
    ],
)
def test_a_message_of_somebody_else_has_no_mark(other):
    assert mark_of(other) is None


def test_the_whole_is_a_text_where_there_are_no_blocks():
    assert text(samples.notice(), owner="Ann").splitlines() == [
        "🔴 flight-delay: its data drift",
        "*confirmed* at 2026-01-03 04:00 UTC · about flight-delay · owner Ann",
        "3 of 4 windows differ from what version 3 was trained on.",
        "*roc_auc, estimated*: 0.71 (was 0.80)",
        "*rows*: 1,204",
        "*Columns that stand out*",
        "• *dep_delay*: 0.42 sd (p &lt; 0.001)",
        "<https://airflow.example/dags/flight-delay.monitoring|The run>",
    ]


def test_a_note_is_a_section():
    assert note("a < b") == {"type": "section", "text": {"type": "mrkdwn", "text": "a &lt; b", "verbatim": True}}
