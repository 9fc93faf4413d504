"""Frames: how the server and a predictor talk through a pipe.

A frame is a length and that many bytes. The server sends one frame per batch, with the bodies of its requests as they
came; the predictor sends one back with a response for each, and what it counted. Nothing is parsed on the way.
"""

import dataclasses
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

_LENGTH = struct.Struct("!Q")
_COUNT = struct.Struct("!I")
_ASK = struct.Struct("!BIIII")
_TOLD = struct.Struct("!HIII")
_BATCH = struct.Struct("!dIIHH")
_PAIR = struct.Struct("!HI")
_LONGEST_REASON = 600
OTHER = 0xFFFF
"""The index of a label that is not among the classes."""


class Form(IntEnum):
    """How a request is written."""

    TENSORS = 0
    NAMED = 1


class Ask(NamedTuple):
    """One request as the predictor gets it.

    Attributes:
        form: a `Form`.
        header: how many bytes of the body are JSON when tensors follow, else 0.
        body: as it came.
        given: what the live version answered, to be compared with; for a shadow, whose own answer nobody gets.
        given_header: how many bytes of that are JSON when tensors follow, else 0.
    """

    form: int
    header: int
    body: bytes
    given: bytes = b""
    given_header: int = 0


DIFFERS = 1
"""In the place of a shadow's header: its answer is another one than the one that was given."""


class Told(NamedTuple):
    """One response; `header` of its bytes are JSON when tensors follow, else 0; `rows` were predicted."""

    status: int
    header: int
    rows: int
    body: bytes


def refusal(status: int, reason: str) -> Told:
    """The response to a request that is not answered: `{"error": "…"}`."""
    text = reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}…"
    return Told(status, 0, 0, to_json({"error": text}))


@dataclasses.dataclass(slots=True)
class Batch:
    """The responses to one batch, and what was counted.

    Attributes:
        told: one response per request, in their order.
        seconds: how long it took.
        rows: how many rows were predicted.
        invalid: how many of the predictions were NaN or infinite.
        bins: predicted numbers by the index of their bin's upper edge.
        labels: predicted labels by their index among the classes.
    """

    told: list[Told]
    seconds: float = 0.0
    rows: int = 0
    invalid: int = 0
    bins: Mapping[int, int] = dataclasses.field(default_factory=dict)
    labels: Mapping[int, int] = dataclasses.field(default_factory=dict)


def pack_asks(asks: Sequence[Ask]) -> list[bytes]:
    """A batch, as pieces of one frame."""
    heads = b"".join([_ASK.pack(ask.form, ask.header, len(ask.body), len(ask.given), ask.given_header) for ask in asks])
    bodies = [piece for ask in asks for piece in (ask.body, ask.given) if piece]
    size = _COUNT.size + len(heads) + sum(map(len, bodies))
    return [_LENGTH.pack(size) + _COUNT.pack(len(asks)) + heads, *bodies]


def unpack_asks(data: bytes) -> list[Ask]:
    """What `pack_asks` packed."""
    (count,) = _COUNT.unpack_from(data)
    at = _COUNT.size + count * _ASK.size
    found = []
    for form, header, length, given, given_header in _ASK.iter_unpack(data[_COUNT.size : at]):
        middle, end = at + length, at + length + given
        found.append(Ask(form, header, data[at:middle], data[middle:end], given_header))
        at = end
    return found


def pack_batch(batch: Batch) -> bytes:
    """The answer to a batch, as a frame."""
    parts = [_COUNT.pack(len(batch.told))]
    parts += [_TOLD.pack(told.status, told.header, told.rows, len(told.body)) for told in batch.told]
    parts.append(_BATCH.pack(batch.seconds, batch.rows, batch.invalid, len(batch.bins), len(batch.labels)))
    parts += [_PAIR.pack(*pair) for pair in (*batch.bins.items(), *batch.labels.items())]
    parts += [told.body for told in batch.told]
    data = b"".join(parts)
    return _LENGTH.pack(len(data)) + data


def unpack_batch(data: bytes) -> Batch:
    """What `pack_batch` packed."""
    (count,) = _COUNT.unpack_from(data)
    at = _COUNT.size
    heads = [_TOLD.unpack_from(data, at + number * _TOLD.size) for number in range(count)]
    at += count * _TOLD.size
    seconds, rows, invalid, bins, labels = _BATCH.unpack_from(data, at)
    at += _BATCH.size
    pairs = [_PAIR.unpack_from(data, at + number * _PAIR.size) for number in range(bins + labels)]
    at += len(pairs) * _PAIR.size
    told = []
    for status, header, predicted, length in heads:
        told.append(Told(status, header, predicted, data[at : at + length]))
        at += length
    return Batch(told, seconds, rows, invalid, dict(pairs[:bins]), dict(pairs[bins:]))


def pack_bytes(data: bytes) -> bytes:
    """Some bytes as a frame."""
    return _LENGTH.pack(len(data)) + data


def pack_message(message: Mapping[str, Any]) -> bytes:
    """Plain JSON data as a frame: the order to load, and what came of it."""
    return pack_bytes(to_json(message))


def unpack_message(data: bytes) -> dict[str, Any]:
    """What `pack_message` packed."""
    return dict(from_json(data))


class Frames:
    """Cuts a stream of bytes into frames, for the side that does not wait."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that are whole now."""
        self._held += data
        while len(self._held) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._held)
            end = _LENGTH.size + size
            if len(self._held) < end:
                return
            frame = bytes(self._held[_LENGTH.size : end])
            del self._held[:end]
            yield frame


def receive(pipe: socket.socket) -> bytes | None:
    """The next frame, for the side that waits; None when the other side is gone."""
    head = _exactly(pipe, _LENGTH.size)
    return None if head is None else _exactly(pipe, _LENGTH.unpack(head)[0])


def _exactly(pipe: socket.socket, size: int) -> bytes | None:
    data = pipe.recv(size, socket.MSG_WAITALL)
    if len(data) == size:
        return data
    held = bytearray(data)
    while held and len(held) < size:
        more = pipe.recv(size - len(held))
        if not more:
            return None
        held += more
    return bytes(held) if held else None
