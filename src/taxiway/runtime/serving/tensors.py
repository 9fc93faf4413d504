"""Tensors: the bodies of the Open Inference Protocol v2, as JSON and with the binary tensor extension.

A request gives either one tensor of shape [rows, inputs], or one per column, named after it, of shape [rows] or
[rows, 1].
"""

import math
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import from_json, to_json

from taxiway.core.names import nearest
from taxiway.engines.flavours import Prediction
from taxiway.runtime.serving.answers import SCORES, VALUES, Asked, Speaker
from taxiway.runtime.serving.inputs import Inputs, flat, kind_of, numbers, refused

if TYPE_CHECKING:
    import numpy as np

DATATYPES = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""The protocol's types of numbers, and how their bytes lie; text is `BYTES`."""
_LENGTH = struct.Struct("<I")
_MATRIX = 2
_INEXACT = ("FP16", "FP32")


class Tensor(NamedTuple):
    """One tensor of a request: numbers as 64-bit floats, or text as a list; row by row."""

    name: str
    shape: tuple[int, ...]
    values: Any


def read(inputs: Inputs, body: bytes, header: int) -> Asked:
    """The request in a body; its first `header` bytes are JSON and the tensors follow, or all is JSON when it is 0.

    Raises:
        SpecError: it is none, or does not fit the model.
    """
    said = _object(from_text(body[:header] if header else body))
    tensors = list(_tensors(said.get("inputs"), body, header))
    rows, count = _rows(inputs, tensors)
    asked = Asked(rows, count, _text(said.get("id", ""), "id"))
    parameters = _object(said.get("parameters") or {}, "parameters")
    if "outputs" in said or parameters:
        asked.wanted = _wanted(said.get("outputs"), binary=bool(parameters.get("binary_data_output")))
    return asked


def columns(names: Sequence[str], body: bytes, header: int) -> tuple[dict[str, Sequence[Any]], int, str]:
    """The tensors in a body as columns of plain values, how many rows there are, and the request's own name.

    Raises:
        SpecError: it is no request.
    """
    said = _object(from_text(body[:header] if header else body))
    tensors = list(_tensors(said.get("inputs"), body, header))
    name = _text(said.get("id", ""), "id")
    first = tensors[0]
    if not _is_matrix(tensors, names):
        return {tensor.name: _plain(tensor.values) for tensor in tensors}, first.shape[0], name
    values, width = _plain(first.values), first.shape[1]
    return {column: values[place::width] for place, column in enumerate(names)}, first.shape[0], name


def from_text(text: bytes) -> Any:
    """The JSON value in a text.

    Raises:
        SpecError: it is not JSON; NaN and Infinity are not.
    """
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise refused(
            "the body is not JSON",
            got=str(error),
            do="NaN and Infinity are not JSON; send null for a missing value.",
        ) from None


def write(speaker: Speaker, asked: Asked, said: Prediction) -> tuple[int, bytes]:
    """The response: how many of its bytes are JSON when tensors follow it (0 when all is JSON), and the bytes."""
    outputs = _outputs(said)
    wanted = asked.wanted if asked.wanted is not None else dict.fromkeys(outputs, False)
    for name in wanted:
        if name not in outputs:
            raise refused(
                f"this model has no output {name!r}", expected=", ".join(outputs), do=nearest(name, list(outputs))
            )
    if not any(wanted.values()):
        return 0, _as_json(speaker, asked, [_described(name, *outputs[name]) for name in wanted])
    described, tail = [], []
    for name, binary in wanted.items():
        if not binary:
            described.append(_described(name, *outputs[name]))
            continue
        datatype, values = outputs[name]
        data = _bytes(datatype, values)
        described.append(
            b'{"name":"%s","datatype":"%s","shape":%s,"parameters":{"binary_data_size":%d}}'
            % (name.encode(), datatype.encode(), to_json(list(values.shape)), len(data))
        )
        tail.append(data)
    text = _as_json(speaker, asked, described)
    return len(text), b"".join((text, *tail))


def _as_json(speaker: Speaker, asked: Asked, outputs: list[bytes]) -> bytes:
    name = b'"id":%s,' % to_json(asked.id) if asked.id else b""
    return b'{%s"model_name":%s,"model_version":"%d","outputs":[%s]}' % (
        name,
        to_json(speaker.model),
        speaker.version,
        b",".join(outputs),
    )


def _outputs(said: Prediction) -> "dict[str, tuple[str, np.ndarray[Any, Any]]]":
    import numpy as np

    values = np.asarray(said.values)
    found = {VALUES: (_datatype(values), values)}
    if said.scores is not None:
        found[SCORES] = ("FP64", said.scores)
    return found


def described(said: Prediction) -> list[dict[str, Any]]:
    """What a model gives, as the protocol describes it: any number of rows."""
    return [
        {"name": name, "datatype": datatype, "shape": [-1, *values.shape[1:]]}
        for name, (datatype, values) in _outputs(said).items()
    ]


def _datatype(values: "np.ndarray[Any, Any]") -> str:
    return {"b": "BOOL", "i": "INT64", "u": "UINT64", "f": "FP64"}.get(values.dtype.kind, "BYTES")


def _described(name: str, datatype: str, values: "np.ndarray[Any, Any]") -> bytes:
    flat_values = values.ravel().tolist()
    data = to_json([str(one) for one in flat_values] if datatype == "BYTES" else flat_values, inf_nan_mode="null")
    shape = b"[%d]" % len(values) if values.ndim == 1 else to_json(list(values.shape))
    return b'{"name":"%s","datatype":"%s","shape":%s,"data":%s}' % (name.encode(), datatype.encode(), shape, data)


def _bytes(datatype: str, values: "np.ndarray[Any, Any]") -> bytes:
    if datatype != "BYTES":
        return values.astype(DATATYPES[datatype]).tobytes()
    texts = [str(one).encode() for one in values.ravel().tolist()]
    return b"".join(_LENGTH.pack(len(text)) + text for text in texts)


def _wanted(outputs: Any, *, binary: bool) -> dict[str, bool] | None:
    """The outputs asked for; None for all of them as JSON."""
    if not outputs:
        return {VALUES: True} if binary else None
    if not isinstance(outputs, list):
        raise refused("'outputs' is not a list")
    wanted: dict[str, bool] = {}
    for output in outputs:
        name = _text(_object(output, "an output").get("name"), "an output's name")
        wanted[name] = bool(_object(output.get("parameters") or {}, "parameters").get("binary_data", binary))
    return wanted


def _rows(inputs: Inputs, tensors: list[Tensor]) -> tuple[Any, int]:
    first = tensors[0]
    if _is_matrix(tensors, inputs.names):
        return _matrix(inputs, first), first.shape[0]
    given = {tensor.name: _column(tensor) for tensor in tensors}
    if len(given) < len(tensors):
        raise refused("two inputs have the same name")
    height = first.shape[0]
    return inputs.from_columns({name: _plain(values) for name, values in given.items()}), height


def _is_matrix(tensors: Sequence[Tensor], names: Sequence[str]) -> bool:
    """Whether one tensor holds all columns; one that is named after a column, and as narrow, is that column."""
    first = tensors[0]
    return len(tensors) == 1 and len(first.shape) == _MATRIX and not (first.shape[1] == 1 and first.name in names)


def _matrix(inputs: Inputs, tensor: Tensor) -> Any:
    height, width = tensor.shape
    if isinstance(tensor.values, list):
        if width != len(inputs.names):
            raise refused(
                "the tensor has another width than the model has inputs", expected=len(inputs.names), got=width
            )
        return inputs.from_columns({name: tensor.values[place::width] for place, name in enumerate(inputs.names)})
    return inputs.from_matrix(tensor.values.reshape(height, width))


def _column(tensor: Tensor) -> Any:
    if len(tensor.shape) > _MATRIX or tensor.shape[1:] not in ((), (1,)):
        raise refused(
            "this is not a column",
            where=f"input {tensor.name!r}",
            expected="shape [rows] or [rows, 1], or one input of shape [rows, inputs]",
            got=list(tensor.shape),
        )
    return tensor.values


def _plain(values: Any) -> list[Any]:
    """Values as they would be in JSON, NaN (which stood for null) as None."""
    if isinstance(values, list):
        return values
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN is not itself


def _tensors(inputs: Any, body: bytes, header: int) -> "list[Tensor]":
    if not isinstance(inputs, list) or not inputs:
        raise refused("there are no inputs", expected="a list 'inputs' of tensors")
    found, at = [], header
    for each in inputs:
        one = _object(each, "an input")
        name = _text(one.get("name"), "an input's name")
        where = f"input {name!r}"
        shape, datatype = _shape(one.get("shape"), where), _text(one.get("datatype"), f"the datatype of {where}")
        size = _object(one.get("parameters") or {}, where).get("binary_data_size")
        if size is None:
            found.append(Tensor(name, shape, _from_json(datatype, one.get("data"), math.prod(shape), where)))
            continue
        if not header or type(size) is not int or not 0 <= size <= len(body) - at:
            raise refused(
                "the bytes of a tensor are not there", where=where, expected=size, got=f"{len(body) - at} bytes"
            )
        found.append(Tensor(name, shape, _from_bytes(datatype, body[at : at + size], math.prod(shape), where)))
        at += size
    if header and at != len(body):
        raise refused("there are more bytes than the tensors say", expected=at - header, got=len(body) - header)
    return found


def _shape(shape: Any, where: str) -> tuple[int, ...]:
    if not isinstance(shape, list) or not shape or not all(type(one) is int and 0 <= one < 1 << 31 for one in shape):
        raise refused("this is not a shape", where=where, expected="a list of whole numbers", got=repr(shape)[:80])
    if 0 in shape:
        raise refused("the tensor is empty", where=where, got=shape)
    return tuple(shape)


def _from_json(datatype: str, data: Any, size: int, where: str) -> Any:
    import numpy as np

    values = flat(data, size, where)
    if datatype == "BYTES":
        return values
    if datatype not in DATATYPES:
        raise _unknown(datatype, where)
    if datatype.startswith("FP"):
        found = numbers(values, where)
        return found.astype(DATATYPES[datatype]).astype(np.float64) if datatype in _INEXACT else found
    wanted = {bool} if datatype == "BOOL" else {int}
    odd = next((value for value in values if type(value) not in wanted), None)
    if odd is not None or None in values:
        raise refused(f"this is not of type {datatype}", where=where, got=repr(odd)[:80])
    return _in_range(values, datatype, where)


def _in_range(values: list[int], datatype: str, where: str) -> "np.ndarray[Any, Any]":
    import numpy as np

    try:
        return np.asarray(values, dtype=DATATYPES[datatype]).astype(np.float64)
    except OverflowError:
        raise refused(f"a number is too large for {datatype}", where=where) from None


def _from_bytes(datatype: str, data: bytes, size: int, where: str) -> Any:
    import numpy as np

    if datatype == "BYTES":
        return texts_of(data, size, where)
    if datatype not in DATATYPES:
        raise _unknown(datatype, where)
    kind = np.dtype(DATATYPES[datatype])
    if len(data) != size * kind.itemsize:
        raise refused("the bytes do not fit the shape", where=where, expected=size * kind.itemsize, got=len(data))
    found = np.frombuffer(data, kind).astype(np.float64)
    if not np.isfinite(found).all():
        raise refused("NaN and infinity are not numbers", where=where, do="Send JSON, with null for a missing value.")
    return found


def texts_of(data: bytes, size: int, where: str) -> list[str]:
    """The texts in the bytes of a tensor: each is its length, four bytes, and then that many bytes of UTF-8.

    Raises:
        SpecError: there are more or fewer, or they are not UTF-8.
    """
    found: list[str] = []
    at = 0
    while at + _LENGTH.size <= len(data) and len(found) < size:
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        try:
            found.append(data[at : at + length].decode())
        except UnicodeDecodeError:
            raise refused("this is not UTF-8", where=where) from None
        at += length
    if len(found) != size or at != len(data):
        raise refused("the bytes do not fit the shape", where=where, expected=f"{size} texts", got=f"{len(data)} bytes")
    return found


def _unknown(datatype: str, where: str) -> Exception:
    known = (*DATATYPES, "BYTES")
    return refused(
        "this is no type of a tensor", where=where, expected=f"one of {', '.join(known)}", got=repr(datatype)
    )


def _object(value: Any, what: str = "the body") -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refused(f"{what} is not a JSON object", expected="{…}", got=repr(value)[:80])
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise refused(f"{what} is not text", got=repr(value)[:80])
    return value


def datatype_of(dtype: str) -> str:
    """The protocol's type for an input of a polars type."""
    kind, name = kind_of(dtype), dtype.partition("(")[0]
    if kind == "truth":
        return "BOOL"
    if kind != "number":
        return "BYTES"
    short = name.replace("Float", "FP").replace("UInt", "UINT").replace("Int", "INT").upper()
    return short if short in DATATYPES else "FP64"
