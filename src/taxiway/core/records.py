"""What specs and records have in common: frozen, strict, and JSON with a kind and a version.

A *spec* is what an author writes in a recipe: a frozen dataclass that takes positional arguments.
A *record* is what Taxiway writes down: a frozen model that travels as `{"kind": "Verdict", "v": 1, …}`.
Both refuse a field they do not know and name the nearest one they do; both refuse NaN and infinity.
"""

import dataclasses
import functools
import re
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar, Self, TypeVar, cast, dataclass_transform

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as _pydantic_dataclass

from taxiway.core.errors import SpecError
from taxiway.core.names import digest_of, nearest, unknown

C = TypeVar("C")
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)
_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}
_FIELD = re.compile(r"\w+(\.\w+)+")


def explain(error: ValidationError, where: str, known: tuple[str, ...]) -> SpecError:
    """The first fault pydantic found, as one of our sentences: field, expectation, value, nearest known name."""
    faults = error.errors(include_url=False)
    fault = next((fault for fault in faults if fault["type"] in _UNKNOWN), faults[0])
    path = _path(fault["loc"], known)
    if fault["type"] in _UNKNOWN:
        known = known if path == fault["loc"][0] else ()
        return SpecError(
            f"there is no field {path!r}",
            where=where,
            expected=f"some of {', '.join(known)}" if known else "",
            do=nearest(path, known) or "Take it out.",
        )
    cause = fault.get("ctx", {}).get("error")
    if isinstance(cause, SpecError):
        inner = cause.where.partition(".")[2] if _FIELD.fullmatch(cause.where) else ""
        place = f"{where}.{path}{f'.{inner}' if inner else ''}" if path else cause.where or where
        return SpecError(cause.what, where=place, expected=cause.expected, got=cause.got, do=cause.do)
    return SpecError(
        f"{fault['msg'][0].lower()}{fault['msg'][1:]}",
        where=f"{where}.{path}" if path else where,
        got=repr(fault["input"]) if fault["type"] != "missing" else "",
        do="Correct this field.",
    )


def _path(loc: tuple[int | str, ...], known: tuple[str, ...]) -> str:
    """Where pydantic found the fault; it starts with a number where the author wrote a positional argument."""
    first = known[loc[0]] if loc and isinstance(loc[0], int) and loc[0] < len(known) else None
    return ".".join(str(part) for part in ((first, *loc[1:]) if first else loc))


def _mapping(data: object, where: str) -> Mapping[str, Any]:
    if isinstance(data, Mapping):
        return data
    raise SpecError("this is not a JSON object", where=where, expected="{…}", got=repr(data), do="Pass a whole one.")


class _Spec(type):
    """Turns the faults of every construction into our sentences."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        gathered = vars(cls).get("_gathers", "")
        if gathered and args and gathered not in kwargs:
            args, kwargs = (), {gathered: args, **kwargs}
        try:
            return super().__call__(*args, **kwargs)
        except ValidationError as error:
            raise explain(error, cls.__name__, tuple(f.name for f in dataclasses.fields(cls))) from None  # type: ignore[arg-type]


class _Value:
    """What makes a spec a value. A dataclass would compile them for each class anew, in each parse of a DAG."""

    def __setattr__(self, name: str, value: object) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def _fields(self) -> tuple[tuple[str, Any], ...]:
        return tuple((name, getattr(self, name)) for name in type(self).__dataclass_fields__)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._fields())})"

    def __eq__(self, other: object) -> bool:
        return self._fields() == other._fields() if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._fields())


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def spec(cls: type[C]) -> type[C]:
    """Makes a class a spec: a frozen, strict dataclass whose faults are `SpecError`s.

    A class whose `_gathers` names a field takes any number of positional arguments and gathers them in it.
    """
    body: dict[str, Any] = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    strict: Any = _pydantic_dataclass(repr=False, eq=False, config=_STRICT)
    made = strict(_Spec(cls.__name__, (_Value,), body))
    return cast("type[C]", made)


def dump_spec(value: object) -> dict[str, Any]:
    """A spec as plain JSON data."""
    return dict(_adapter(cast("Hashable", type(value))).dump_python(value, mode="json"))


def load_spec(cls: type[C], data: Mapping[str, Any]) -> C:
    """A spec from plain JSON data: `load_spec(type(s), dump_spec(s)) == s`.

    Raises:
        SpecError: a field is missing, unknown or of the wrong type.
    """
    try:
        return cast("C", _adapter(cast("Hashable", cls)).validate_python(dict(_mapping(data, cls.__name__))))
    except ValidationError as error:
        raise explain(error, cls.__name__, tuple(f.name for f in dataclasses.fields(cls))) from None  # type: ignore[arg-type]


@functools.cache
def _adapter(cls: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast("type[Any]", cls))


class Record(BaseModel):
    """A frozen fact that travels as JSON: `X.load(x.dump()) == x`, and `load_record(x.dump()) == x`."""

    model_config = ConfigDict(frozen=True, **_STRICT)
    version: ClassVar[int] = 1
    """The version of this kind's JSON; it grows when a field is added, and a reader refuses a newer one."""
    kinds: ClassVar[dict[str, "type[Record]"]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        Record.kinds[cls.__name__] = cls

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise explain(error, type(self).__name__, tuple(type(self).model_fields)) from None

    def dump(self) -> dict[str, Any]:
        """This record as plain JSON data with its kind and version."""
        return {"kind": type(self).__name__, "v": self.version, **self.model_dump(mode="json")}

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Self:
        """The record that `dump` wrote.

        Raises:
            SpecError: it is of another kind, of a newer version, or has a missing, unknown or wrong field.
        """
        data = _mapping(data, cls.__name__)
        kind, version = data.get("kind"), data.get("v")
        if kind != cls.__name__:
            raise SpecError(
                "this is another kind of record",
                where=cls.__name__,
                expected=repr(cls.__name__),
                got=repr(kind),
                do="Pass the record of the stage before this one.",
            )
        if type(version) is not int or not 1 <= version <= cls.version:
            raise SpecError(
                "this record was written by another version of Taxiway",
                where=cls.__name__,
                expected=f"version 1 to {cls.version}",
                got=repr(version),
                do="Install the same or a newer taxiway on the reading side.",
            )
        return cls(**{key: value for key, value in data.items() if key not in ("kind", "v")})

    def fingerprint(self) -> str:
        """`sha256:…` of this record's canonical JSON."""
        return digest_of(self.dump())


def load_record(data: Mapping[str, Any]) -> Record:
    """The record of whatever kind `data` says it is.

    Raises:
        SpecError: the kind is unknown, or the record is not a valid one of its kind.
    """
    kind = str(_mapping(data, "load_record").get("kind"))
    if kind not in Record.kinds:
        raise unknown("record kind", kind, Record.kinds, where="load_record")
    return Record.kinds[kind].load(data)
