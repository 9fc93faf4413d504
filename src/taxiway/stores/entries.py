"""Records as objects: canonical JSON in, the record or a sentence about the broken object out."""

import json
from typing import Any, TypeVar

from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.names import canonical
from taxiway.core.records import Record

R = TypeVar("R", bound=Record)


def encode(record: Record) -> bytes:
    """The one text of a record."""
    return canonical(record.dump())


def decode(cls: type[R], data: bytes, where: str) -> R:
    """The record that `encode` wrote to the object `where`.

    Raises:
        IntegrityError: it is not JSON, or a field is missing or wrong.
        SpecError: a newer taxiway wrote it.
    """
    text = parse(data, where)
    try:
        return cls.load(text)
    except SpecError as error:
        if isinstance(text, dict) and text.get("kind") == cls.__name__ and text.get("v") not in _read(cls):
            raise SpecError(error.what, where=where, expected=error.expected, got=error.got, do=error.do) from None
        raise IntegrityError(
            f"this object is not a whole {cls.__name__}",
            where=where,
            got=str(error),
            do="Restore it from a backup of the store.",
        ) from None


def _read(cls: type[Record]) -> range:
    return range(1, cls.version + 1)


def parse(data: bytes, where: str) -> Any:
    """The JSON value in the object `where`.

    Raises:
        IntegrityError: it is not JSON.
    """
    try:
        return json.loads(data)
    except ValueError as error:
        raise IntegrityError(
            "this object is not JSON",
            where=where,
            got=f"{len(data)} bytes; {error}",
            do="Restore it from a backup of the store.",
        ) from None
