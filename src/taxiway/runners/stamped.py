"""Output whose lines carry the time they were printed at: it can be read on from a moment, to the nanosecond."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

SECOND = 1_000_000_000
"""In nanoseconds."""
_MOST = 256 * 1024
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")


class Line(NamedTuple):
    """Something that was printed, and when, in nanoseconds since 1970."""

    at: int
    text: bytes


def newer(printed: Iterable[bytes], position: int) -> Iterator[Line]:
    """What was printed at `position` or later, of pieces that begin with their time."""
    at = 0
    for piece in printed:
        stamp = _STAMP.match(piece)
        at = nanoseconds(stamp) if stamp else at
        if at >= position:
            yield Line(at, piece[stamp.end() :] if stamp else piece)


def page(outputs: list[Iterator[Line]], position: int) -> tuple[str, int]:
    """The next text, and the position after it; at most 256 KiB of each output.

    Several outputs are put into the order they were printed in, each line with the number of its output before it.
    """
    read = [_bounded(lines) for lines in outputs]
    cut = min((lines[-1].at for lines, more in read if more), default=None)
    kept = [
        Line(line.at, b"[%d] %s" % (number, line.text) if len(outputs) > 1 else line.text)
        for number, (lines, _) in enumerate(read)
        for line in lines
        if cut is None or line.at <= cut
    ]
    kept.sort(key=lambda line: line.at)
    return b"".join(line.text for line in kept).decode(errors="replace"), kept[-1].at + 1 if kept else position


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of what comes in pieces, each with its end; one without is given an end, too."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if rest:
        yield rest + b"\n"


def nanoseconds(stamp: re.Match[bytes]) -> int:
    """A moment as RFC 3339 writes it, in nanoseconds since 1970."""
    whole, fraction, zone = (part.decode() if part else "" for part in stamp.groups())
    moment = datetime.fromisoformat(whole + zone.replace("Z", "+00:00"))
    return round(moment.timestamp()) * SECOND + int(fraction.ljust(9, "0"))


def second(position: int) -> str:
    """The whole second of a moment, as RFC 3339 writes it."""
    return datetime.fromtimestamp(position // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bounded(printed: Iterator[Line]) -> tuple[list[Line], bool]:
    """The first 256 KiB, and whether there is more; what was printed in the same moment stays together."""
    kept: list[Line] = []
    size = 0
    for line in printed:
        if size + len(line.text) > _MOST and kept and line.at > kept[-1].at:
            return kept, True
        kept.append(line)
        size += len(line.text)
    return kept, False
