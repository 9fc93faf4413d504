"""Writing: the process that turns recorded traffic into files of the traffic log, and ends.

It gets bodies as they came, so the server does no work for them, and the libraries it needs are gone with it.
Personal columns are treated here, before anything is stored: hashed ones become pseudonyms, masked ones are null, and
what the model does not read is not kept at all.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO, NamedTuple

from taxiway.core.errors import TaxiwayError
from taxiway.core.training import ModelRef
from taxiway.engines.hashing import pseudonym
from taxiway.runtime.serving import named, tensors
from taxiway.runtime.serving.comparing import outputs
from taxiway.runtime.serving.frames import Ask, Form, Frames, Told, unpack_message
from taxiway.runtime.serving.inputs import kind_of
from taxiway.runtime.serving.logs import say
from taxiway.stores.objects import open_store
from taxiway.stores.traffic import (
    AT,
    DIGEST,
    INPUT,
    PREDICTION,
    REQUEST,
    ROW,
    SCORE,
    SECONDS,
    SLOT,
    VERSION,
    TrafficLog,
)

_PATIENCE_S = 20.0
_HOUR_S = 3600


class Version(NamedTuple):
    """What is known of a version whose answers are written."""

    number: int
    model: ModelRef
    secret: str


def write(stream: BinaryIO) -> int:
    """Writes what a server recorded, one file per hour and version; 0 when all of it is in the store."""
    frames = list(Frames().feed(stream.read()))
    order, rest = unpack_message(frames[0]), frames[1:]
    known = {
        int(number): Version(int(number), ModelRef.load(model), order["secrets"][number])
        for number, model in order["models"].items()
    }
    groups: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for about, asked, told in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        said = unpack_message(about)
        version = known[said["version"]]
        ask, answer = Ask(*said["ask"])._replace(body=asked), Told(*said["told"])._replace(body=told)
        try:
            rows = list(_rows(said, ask, answer, version))
        except (TaxiwayError, LookupError, TypeError, ValueError) as error:
            say("a request cannot be written down", level="error", error=f"{type(error).__name__}: {error}")
            continue
        groups[int(said["at"] // _HOUR_S), version.number] += rows
    try:
        log = TrafficLog(open_store(order["store"], patience_s=_PATIENCE_S), order["service"])
        for (hour, number), rows in groups.items():
            data = _parquet(rows, known[number])
            log.write(datetime.fromtimestamp(hour * _HOUR_S, UTC), number, order["writer"], order["number"], data)
    except (TaxiwayError, OSError) as error:
        say("the traffic log cannot be written; it is tried again", level="error", error=str(error))
        return 1
    return 0


def _rows(said: Mapping[str, Any], ask: Ask, told: Told, version: Version) -> Iterator[dict[str, Any]]:
    """One row of the log per row of a request."""
    names, personal = [column.name for column in version.model.inputs], version.model.trained_on.personal
    read = tensors.columns(names, ask.body, ask.header) if ask.form == Form.TENSORS else named.columns(names, ask.body)
    columns, count, name = read
    answers = outputs(ask.form, told.body, told.header)
    labels = _classes(told) if ask.form == Form.NAMED else None
    kept = [column for column in names or columns if column in columns and personal.get(column) != "drop"]
    treated = {column: _treated(column, columns[column], version) for column in kept}
    for row in range(count):
        yield {
            AT: round(said["at"] * 1e6),
            REQUEST: name or said["name"],
            ROW: row,
            VERSION: version.number,
            DIGEST: version.model.digest,
            SLOT: said["slot"],
            SECONDS: said["seconds"],
            **{f"{INPUT}{column}": values[row] for column, values in treated.items()},
            **_answer(answers, row, labels),
        }


def _classes(told: Told) -> list[Any] | None:
    from pydantic_core import from_json

    found = from_json(told.body).get("classes")
    return found if isinstance(found, list) else None


def _answer(answers: Mapping[str, Sequence[Any]], row: int, labels: Sequence[Any] | None) -> dict[str, Any]:
    found: dict[str, Any] = {PREDICTION: answers[PREDICTION][row]} if PREDICTION in answers else {}
    score = answers[SCORE][row] if SCORE in answers else None
    if isinstance(score, list):
        names = labels or range(len(score))
        return found | {f"{SCORE}_{label}": value for label, value in zip(names, score, strict=True)}
    return found if score is None else found | {SCORE: score}


def _treated(column: str, values: Sequence[Any], version: Version) -> Sequence[Any]:
    """Values as the column policy of the training data wants them kept."""
    action = version.model.trained_on.personal.get(column)
    if action == "hash":
        key = bytes.fromhex(version.secret)
        return [pseudonym(value, key) for value in values]
    return [None] * len(values) if action is not None else values


def _parquet(rows: Sequence[Mapping[str, Any]], version: Version) -> bytes:
    from io import BytesIO

    from arro3.core import Table
    from arro3.io import write_parquet

    names = list(dict.fromkeys(name for row in rows for name in row))
    dtypes = {f"{INPUT}{column.name}": column.dtype for column in version.model.inputs}
    table = Table.from_pydict({name: _array(name, [row.get(name) for row in rows], dtypes.get(name)) for name in names})
    buffer = BytesIO()
    write_parquet(table, buffer, compression="zstd(3)")
    return buffer.getvalue()


def _array(name: str, values: list[Any], dtype: str | None) -> Any:
    from arro3.core import Array, DataType

    if name == AT:
        return Array(values, DataType.int64()).cast(DataType.timestamp("us", tz="UTC"))
    kinds = {type(value) for value in values} - {type(None)}
    number = dtype is not None and kind_of(dtype) == "number" and not dtype.startswith(("Int", "UInt"))
    if kinds <= {bool}:  # or all are null: then the column takes the type that other files give it
        return Array(values, DataType.bool())
    if kinds == {int} and not number and all(-(1 << 63) <= value < 1 << 63 for value in values if value is not None):
        return Array(values, DataType.int64())
    if kinds and kinds <= {int, float}:
        return Array([None if value is None else _float(value) for value in values], DataType.float64())
    return Array([None if value is None else str(value) for value in values], DataType.string())


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
