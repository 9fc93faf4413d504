"""What an author calls a dataset."""

import dataclasses
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from taxiway.core.names import EntryPoint, Name
from taxiway.core.records import spec

PersonalAction = Literal["drop", "hash", "mask"]


class Format(StrEnum):
    """How the rows of a dataset are stored."""

    PARQUET = "parquet"
    CSV = "csv"
    DELTA = "delta"
    ICEBERG = "iceberg"
    DVC = "dvc"


@spec
class Dataset:
    """A table that changes over time, before anybody asked which state of it is meant.

    Attributes:
        name: what people call it.
        uri: a Parquet or CSV file, a folder of them (with a trailing `/`), a glob, a Delta or Iceberg table, or a
            `.dvc` pointer; `file://`, `s3://`, `gs://` or `az://`. May hold Jinja, rendered when the task runs.
        checks: the data contract, a pandera schema as `module:Name`; none means the data is only counted.
        personal: columns with personal data and what to do with them before anything sees them: `drop` the column,
            `hash` it (keyed, stable within the store), or `mask` it in reports only.
        format: how the rows are stored; found from the URI's ending unless it is given.
        at: the version of a Delta table or the snapshot id of an Iceberg one; the newest unless it is given.
    """

    name: Name
    uri: str
    checks: EntryPoint | None = None
    personal: Mapping[str, PersonalAction] = dataclasses.field(default_factory=dict)
    format: Format | None = None
    at: int | None = None
