"""A notice as a Slack message: Block Kit, within Slack's limits, with every word of others escaped."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from taxiway.core.notices import Fact, Notice, Severity
from taxiway.core.words import clean, slack

MARKS = {Severity.GOOD: "🟢", Severity.INFO: "🔵", Severity.WARNING: "🟠", Severity.CRITICAL: "🔴"}
EVENT = "taxiway_notice"
"""The type of the metadata that says which part of which thread a message is."""
_MOST_HEADER, _MOST_TEXT, _MOST_FIELD, _MOST_URL = 140, 3000, 300, 2000
_MOST_FACTS, _IN_A_SECTION, _MOST_COLUMNS, _MOST_LINKS, _MOST_LINES = 20, 10, 10, 10, 20
_USER, _GROUP = re.compile(r"[UW][A-Z0-9]{6,20}"), re.compile(r"S[A-Z0-9]{6,20}")

Message = dict[str, Any]
"""What `chat.postMessage` and `chat.update` take, without the channel."""


class Mark(NamedTuple):
    """What a message of ours is, written into it, so that it is known again by whoever finds it.

    Attributes:
        slug: of the conversation.
        part: `message`, or what of the thread it is.
        number: of the newest notice in it.
    """

    slug: str
    part: str
    number: int


def message(notice: Notice, *, owner: str = "", file: str | None = None) -> Message:
    """The whole notice: title, state, owner, numbers, columns, chart and pages.

    Args:
        notice: what happened.
        owner: who is mentioned.
        file: Slack's id of the chart.
    """
    return _made(headline(notice), [*_blocks(notice, owner, file)])


def text(notice: Notice, *, owner: str = "") -> str:
    """The whole notice as Slack's markup, for what takes no blocks."""
    lines: list[str] = []
    for block in message(notice, owner=owner)["blocks"]:
        lines += [block["text"]["text"]] if "text" in block else []
        lines += [field["text"].replace("\n", ": ") for field in block.get("fields", ())]
    return "\n".join(lines)


def update(notices: Sequence[Notice]) -> Message:
    """What to add to the thread: a line for each change, the newest ones where there are too many."""
    newest = notices[-_MOST_LINES:]
    left_out = len(notices) - len(newest)
    lines = [f"({left_out} earlier changes)"] if left_out else []
    lines += [line(notice) for notice in newest]
    facts = list(_facts(newest[-1].facts)) if len(notices) == 1 else []
    return _made(headline(notices[-1]), [*_sections(lines), *facts])


def escalation(notice: Notice, *, to: str, waited: str) -> Message:
    """What to add when nobody reacted: who is called, and for what."""
    call = f"{mention(to)} " if to else ""
    text = f"{call}Nobody has reacted for {slack(waited, 40)}: {headline(notice)}"
    return _made(text, [_section(text)])


def marked(message: Message, mark: Mark) -> Message:
    """The message with its mark: in the metadata, and in the id of its first block, which needs no scope to be read."""
    first, *others = message["blocks"]
    first = {**first, "block_id": f"taxiway {mark.slug} {mark.part} {mark.number}"}
    metadata = {"event_type": EVENT, "event_payload": mark._asdict()}
    return {**message, "blocks": [first, *others], "metadata": metadata}


def mark_of(message: Mapping[str, Any]) -> Mark | None:
    """The mark of a message that Slack gives back; None when it is not one of ours."""
    metadata = message.get("metadata") or {}
    found = metadata.get("event_payload") or {}
    if metadata.get("event_type") == EVENT and found.keys() >= set(Mark._fields):
        return Mark(str(found["slug"]), str(found["part"]), int(found["number"]))
    for block in message.get("blocks") or ():
        words = str(block.get("block_id")).split(" ")
        if len(words) == 1 + len(Mark._fields) and words[0] == "taxiway" and words[3].isdecimal():
            return Mark(words[1], words[2], int(words[3]))
    return None


def note(text: str) -> Message:
    """A block with a sentence of ours."""
    return _section(slack(text, _MOST_FIELD))


def headline(notice: Notice) -> str:
    """The notice in one line; what a phone shows."""
    return f"{MARKS[notice.severity]} {slack(notice.title, _MOST_FIELD)}"


def line(notice: Notice) -> str:
    """The notice as a line of a thread."""
    said = slack(notice.text, 600) if notice.text else slack(notice.title, _MOST_FIELD)
    return f"{MARKS[notice.severity]} *{slack(notice.state, 40)}* at {slack(when(notice.at), 40)}: {said}"


def mention(who: str) -> str:
    """A person or group, mentioned if it is an id that Slack knows by its form; else its name, as plain text."""
    who = who.strip()
    if _USER.fullmatch(who):
        return f"<@{who}>"
    if _GROUP.fullmatch(who):
        return f"<!subteam^{who}>"
    if who.lstrip("@") in ("here", "channel"):
        return f"<!{who.lstrip('@')}>"
    return slack(who, _MOST_FIELD)


def when(at: str) -> str:
    """A time for people: `2026-01-03 04:00 UTC`."""
    found = re.match(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})", at)
    return f"{found[1]} {found[2]} UTC" if found else clean(at, 40)


def is_page(url: str) -> bool:
    """Whether this can be a link."""
    return re.fullmatch(r"https?://[^\s<>|\"]+", url) is not None and len(url) <= _MOST_URL


def _made(text: str, blocks: list[Message]) -> Message:
    return {"text": text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _blocks(notice: Notice, owner: str, file: str | None) -> Iterator[Message]:
    mark = MARKS[notice.severity]
    yield {"type": "header", "text": _title(f"{mark} {slack(notice.title, _MOST_HEADER)}")}
    yield _section("\n".join([_state(notice, owner), *([slack(notice.text, 2000)] if notice.text else [])]))
    yield from _facts(notice.facts)
    if notice.columns:
        yield from _sections(["*Columns that stand out*", *_columns(notice)])
    if file and notice.picture:
        alt = slack(notice.picture.alt, 1900) or "chart"
        yield {"type": "image", "slack_file": {"id": file}, "alt_text": alt}
    links = [f"<{one.url.replace('&', '&amp;')}|{slack(one.label, 100)}>" for one in notice.links if is_page(one.url)]
    yield from _sections(links[:_MOST_LINKS], between=" · ")


def _state(notice: Notice, owner: str) -> str:
    parts = [f"*{slack(notice.state, 40)}* at {slack(when(notice.at), 40)}"]
    parts += [f"about {slack(notice.subject, _MOST_FIELD)}"] if notice.subject else []
    parts += [f"owner {mention(owner)}"] if owner.strip() else []
    return " · ".join(parts)


def _facts(facts: Sequence[Fact]) -> Iterator[Message]:
    fields = [f"*{slack(one.label, _MOST_FIELD)}*\n{slack(one.value, _MOST_FIELD)}" for one in facts[:_MOST_FACTS]]
    for first in range(0, len(fields), _IN_A_SECTION):
        yield {"type": "section", "fields": [_text(field) for field in fields[first : first + _IN_A_SECTION]]}
    if len(facts) > _MOST_FACTS:
        yield _section(f"and {len(facts) - _MOST_FACTS} more")


def _columns(notice: Notice) -> Iterator[str]:
    for one in notice.columns[:_MOST_COLUMNS]:
        note = f" ({slack(one.note, _MOST_FIELD)})" if one.note else ""
        yield f"• *{slack(one.name, _MOST_FIELD)}*: {slack(one.effect, _MOST_FIELD)}{note}"
    if len(notice.columns) > _MOST_COLUMNS:
        yield f"and {len(notice.columns) - _MOST_COLUMNS} more"


def _sections(lines: Iterable[str], between: str = "\n") -> Iterator[Message]:
    """Sections with whole lines, none above Slack's limit."""
    text = ""
    for one in lines:
        if text and len(text) + len(between) + len(one) > _MOST_TEXT:
            yield _section(text)
            text = ""
        text += f"{between}{one}" if text else one
    if text:
        yield _section(text)


def _section(text: str) -> Message:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> Message:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _title(text: str) -> Message:
    return {"type": "plain_text", "text": text, "emoji": False}
