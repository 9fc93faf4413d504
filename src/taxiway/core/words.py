"""Words of others, made fit for a message: one line, bounded, printable, and nothing that a reader's program obeys."""

import html
import re
import unicodedata

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ALIKE = {"*": "\u2217", "~": "\u223c", "`": "\u02cb"}
"""Slack has no way to escape what it formats by, so these are replaced by characters that look like them."""
_EMOJI = re.compile(r":(?=[\w+-]*[A-Za-z][\w+-]*:)")
_EDGE = re.compile(r"(?<!\w)_|_(?!\w)")
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(text: str, most: int) -> str:
    """One line of at most `most` characters, without control characters, or marks that turn the text around."""
    seen = (" " if one.isspace() else one for one in text if one.isspace() or unicodedata.category(one) not in _UNSEEN)
    line = " ".join("".join(seen).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def slack(text: str, most: int) -> str:
    """The text as it is safe anywhere in a Slack message: it is shown, and neither mentions, links nor formats.

    `most` is Slack's limit and holds for the escaped text, which ends in the middle of no entity.
    """
    line = _EMOJI.sub("\ua789", _EDGE.sub("\u02cd", clean(text, most)))
    parts = [_ENTITIES.get(one) or _ALIKE.get(one) or one for one in line]
    if line.startswith(">"):
        parts[0] = "\u203a"
    if sum(map(len, parts)) <= most:
        return "".join(parts)
    room, kept = most - 1, 0
    while room >= len(parts[kept]):
        room -= len(parts[kept])
        kept += 1
    return f"{''.join(parts[:kept])}…"


def markup(text: str, most: int) -> str:
    """The text as it is safe in HTML, inside an attribute, too."""
    return html.escape(clean(text, most))
