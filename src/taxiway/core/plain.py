"""A notice for everything that is not Slack: plain text for a console, HTML for an e-mail."""

from collections.abc import Iterator

from taxiway.core.blocks import MARKS, is_page, when
from taxiway.core.notices import Notice
from taxiway.core.words import clean, markup

_MOST_WORDS, _MOST_TEXT, _MOST_ROWS = 300, 2000, 20


def title(notice: Notice) -> str:
    """The notice in one line."""
    return f"{MARKS[notice.severity]} {clean(notice.title, _MOST_WORDS)}"


def text(notice: Notice, *, owner: str = "") -> str:
    """The whole notice, a line for each thing it says; bounded."""
    return "\n".join(_lines(notice, owner))


def html(notice: Notice, *, owner: str = "") -> str:
    """The whole notice as a piece of HTML; nothing in it is loaded from anywhere."""
    return "\n".join(_markup(notice, owner))


def paragraph(line: str) -> str:
    """A sentence as a piece of HTML."""
    return f"<p>{markup(line, _MOST_TEXT)}</p>"


def _lines(notice: Notice, owner: str) -> Iterator[str]:
    yield title(notice)
    yield from _about(notice, owner)
    yield from [clean(notice.text, _MOST_TEXT)] if notice.text else []
    for label, value in _rows(notice):
        yield f"{clean(label, _MOST_WORDS)}: {clean(value, _MOST_WORDS)}"
    for link in _pages(notice):
        yield f"{clean(link[0], _MOST_WORDS)}: {link[1]}"


def _markup(notice: Notice, owner: str) -> Iterator[str]:
    yield f"<h3>{MARKS[notice.severity]} {markup(notice.title, _MOST_WORDS)}</h3>"
    yield from (paragraph(line) for line in _about(notice, owner))
    yield from [paragraph(notice.text)] if notice.text else []
    rows = [
        f'<tr><th align="left">{markup(label, _MOST_WORDS)}</th><td>{markup(value, _MOST_WORDS)}</td></tr>'
        for label, value in _rows(notice)
    ]
    yield from ["<table>", *rows, "</table>"] if rows else []
    for label, url in _pages(notice):
        yield f'<p><a href="{markup(url, len(url))}">{markup(label, _MOST_WORDS)}</a></p>'


def _about(notice: Notice, owner: str) -> Iterator[str]:
    subject = f", about {clean(notice.subject, _MOST_WORDS)}" if notice.subject else ""
    yield f"{clean(notice.state, _MOST_WORDS)} at {when(notice.at)}{subject}"
    yield from [f"owner: {clean(owner, _MOST_WORDS)}"] if owner.strip() else []


def _rows(notice: Notice) -> list[tuple[str, str]]:
    columns = [(one.name, f"{one.effect} ({one.note})" if one.note else one.effect) for one in notice.columns]
    rows = [(one.label, one.value) for one in notice.facts[:_MOST_ROWS]] + columns[:_MOST_ROWS]
    left_out = max(0, len(notice.facts) - _MOST_ROWS) + max(0, len(columns) - _MOST_ROWS)
    return [*rows, ("and", f"{left_out} more")] if left_out else rows


def _pages(notice: Notice) -> list[tuple[str, str]]:
    return [(one.label, one.url) for one in notice.links if is_page(one.url)][:_MOST_ROWS]
