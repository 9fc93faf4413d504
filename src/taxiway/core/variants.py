"""A field that takes one of several specs, told apart by their `kind`."""

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args

from pydantic_core import CoreSchema, core_schema

from taxiway.core.errors import SpecError
from taxiway.core.names import unknown
from taxiway.core.records import dump_spec, load_spec


@dataclasses.dataclass(frozen=True)
class OneOf:
    """Annotates a union of specs: `Annotated[LocalJob | DockerJob, OneOf()]`.

    pydantic has a union of its own for this. It compiles every member anew for every field of that type, and a DAG file
    is parsed all day long; here a member is compiled once, when the first of its kind comes by.

    Attributes:
        default: the kind of JSON that does not say one; it has to by default.
    """

    default: str | None = None

    def __get_pydantic_core_schema__(self, union: Any, _: object) -> CoreSchema:
        """What pydantic asks an annotation for."""
        known = {_kind(member): member for member in get_args(union)}
        return core_schema.no_info_plain_validator_function(
            lambda value: self._read(value, known),
            serialization=core_schema.plain_serializer_function_ser_schema(dump_spec),
        )

    def _read(self, value: object, known: Mapping[str, type]) -> object:
        if isinstance(value, tuple(known.values())):
            return value
        if not isinstance(value, Mapping):
            names = " or ".join(member.__name__ for member in known.values())
            raise SpecError("this is another type", expected=names, got=repr(value), do="Correct this field.")
        kind = value.get("kind", self.default)
        if not isinstance(kind, str) or kind not in known:
            raise unknown("kind", str(kind), known)
        return load_spec(known[kind], value)


def _kind(member: type) -> str:
    return str(member.__dataclass_fields__["kind"].default)  # type: ignore[attr-defined]
