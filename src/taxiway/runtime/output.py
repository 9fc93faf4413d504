"""What a job prints, kept within a bound: its first and its last megabytes, each byte at its own offset.

The stream is cut into segments, files named by the offset of their first byte. The first ones stay, and of the others
the newest: a job that prints without end costs 8 MiB of disk, and an offset once given stays good.
"""

import codecs
import os
from pathlib import Path
from typing import NamedTuple

SEGMENT = 1 << 20
HEAD = 4
TAIL = 4
MOST = 256 * 1024
"""The most bytes one reading gives."""


class Segment(NamedTuple):
    """One file of the stream; it holds the bytes from `start` to `end`."""

    path: Path
    start: int
    end: int


def segments(folder: Path) -> list[Segment]:
    """The kept pieces of a stream, in order."""
    found = []
    for path in sorted(folder.glob("*.log")) if folder.is_dir() else []:
        try:
            start = int(path.stem)
            found.append(Segment(path, start, start + path.stat().st_size))
        except (OSError, ValueError):
            continue  # removed by the writer in between
    return found


class Writer:
    """The one writer of a stream; `size` is how many bytes it was given."""

    def __init__(self, folder: Path) -> None:
        self.size = 0
        self._folder = folder
        self._file = -1

    def write(self, data: bytes) -> None:
        """Appends; a full disk costs output, never the job."""
        view = memoryview(data)
        while view:
            room = SEGMENT - self.size % SEGMENT
            try:
                self._put(view[:room])
            except OSError:
                self._file = -1
            self.size += len(view[:room])
            view = view[room:]

    def _put(self, data: memoryview) -> None:
        start = self.size - self.size % SEGMENT
        if start == self.size or self._file < 0:
            self._turn(start)
        os.pwrite(self._file, data, self.size - start)

    def _turn(self, start: int) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._folder.mkdir(mode=0o700, exist_ok=True)
        oldest = start - TAIL * SEGMENT
        if oldest >= HEAD * SEGMENT:
            (self._folder / f"{oldest:020}.log").unlink(missing_ok=True)
        self._file = os.open(self._folder / f"{start:020}.log", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)


def read(folder: Path, offset: int) -> tuple[str, int]:
    """The text since `offset` and the offset to ask from next, at most 256 KiB; what was left out is said.

    A character cut by the end of what is there waits for the next reading; bytes that are no UTF-8 read as `�`.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    said, at, more = "", max(offset, 0), MOST
    for segment in segments(folder):
        if segment.end <= at or more <= 0:
            continue
        if segment.start > at:
            if more < MOST:
                break
            said = f"… {segment.start - at:,} bytes of output were left out here …\n"
            at = segment.start
        data = _read(segment, at, more)
        said += decoder.decode(data)
        at, more = at + len(data), more - len(data)
    return said, at - len(decoder.getstate()[0])


def _read(segment: Segment, at: int, most: int) -> bytes:
    try:
        with segment.path.open("rb") as file:
            file.seek(at - segment.start)
            return file.read(min(most, segment.end - at))
    except OSError:
        return b""
