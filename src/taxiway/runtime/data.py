"""Data inside a job: the rows of a snapshot, proved to be the ones it names, and split for evaluation."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from taxiway.core.data import DataObject, DatasetRef
from taxiway.core.names import unknown
from taxiway.core.specs.data import Format
from taxiway.core.specs.evaluation import Holdout
from taxiway.engines.columns import read_columns, unused
from taxiway.engines.hashing import hashed, mixed, pseudonyms
from taxiway.stores.checksums import local_folder, verify
from taxiway.stores.cloud import cloud_options, iceberg_options
from taxiway.stores.datasets import objects
from taxiway.stores.objects import ObjectStore, open_store
from taxiway.stores.tables import newest_metadata

if TYPE_CHECKING:
    import polars as pl

PERSONAL_KEY = "keys/personal"
NULLS = ("", "NA", "N/A", "NULL", "null")
"""What a CSV file says for a missing value."""
_WHOLE_INFERENCE = 64 * 1024 * 1024
_INFERRED_ROWS = 100_000


def frame(ref: DatasetRef, store: ObjectStore) -> pl.LazyFrame:
    """The rows of a snapshot, lazily, in the order of its objects, after its column policy.

    Every object is compared with the snapshot before this returns; see `stores.checksums` for what that proves.
    A column to be hashed becomes text: 32 hexadecimal digits per value, keyed with a secret of the store, so that they
    are the same in every job and mean nothing outside. CSV: the types are read from the first rows, dates are
    recognised, and `NULLS` are missing values.

    Raises:
        IntegrityError: an object is gone or has other bytes than it had.
        SpecError: the data cannot be read, or the policy names a column that is not there.
    """
    source = open_store(ref.uri, beside=store)
    listed = objects(ref, store)
    verify(listed, source)
    data = _policy(_scan(ref, listed, source), ref, store)
    return data.head(ref.sample_rows) if ref.sample_rows is not None else data


def split(data: pl.LazyFrame, holdout: Holdout) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The rows to train on and those held out: every row is in exactly one of them, always in the same one.

    By a column: the value alone decides, so a row stays on its side when the data grows or is reordered, and nulls stay
    together. By position: the row's number from the start of the snapshot decides. About `fraction` of the values, or
    rows, are held out. The choice does not depend on the release of any library.

    Raises:
        SpecError: the column does not exist, or holds lists or structs.
    """
    import polars as pl

    columns = read_columns(data)
    if holdout.by is not None:
        if holdout.by not in columns:
            raise unknown("column", holdout.by, columns, where="Holdout(by=…)")
        held = _below(hashed(holdout.by, columns[holdout.by], holdout.seed), holdout.fraction)
        return data.filter(held.not_()), data.filter(held)
    position = unused("position", columns)
    held = _below(mixed(pl.col(position), holdout.seed), holdout.fraction)
    numbered = data.with_row_index(position)
    return numbered.filter(held.not_()).drop(position), numbered.filter(held).drop(position)


def _below(numbers: pl.Expr, fraction: float) -> pl.Expr:
    import polars as pl

    return numbers < pl.lit(min(int(fraction * 2**64), 2**64 - 1), dtype=pl.UInt64)


def _scan(ref: DatasetRef, listed: Sequence[DataObject], source: ObjectStore) -> pl.LazyFrame:
    import polars as pl

    options = cloud_options(ref.uri) or None
    if ref.format is Format.DELTA:
        return pl.scan_delta(_root(source), version=ref.at, storage_options=options)
    if ref.format is Format.ICEBERG:
        return _iceberg(ref, source)
    places = _places(listed, source)
    if ref.format is Format.PARQUET:
        hive = any("=" in part for one in listed for part in one.path.split("/")[:-1])
        return pl.scan_parquet(places, glob=False, hive_partitioning=hive, storage_options=options)
    return pl.scan_csv(
        places,
        glob=False,
        null_values=list(NULLS),
        try_parse_dates=True,
        infer_schema_length=None if ref.size_bytes <= _WHOLE_INFERENCE else _INFERRED_ROWS,
        storage_options=options,
    )


def _iceberg(ref: DatasetRef, source: ObjectStore) -> pl.LazyFrame:
    import polars as pl

    if importlib.util.find_spec("polars_iceberg") is None:
        os.environ.setdefault("POLARS_ICEBERG_PLANNER", "pyiceberg")
    metadata = f"{ref.uri}{newest_metadata(ref.uri, source.list('metadata/'))}"
    return pl.scan_iceberg(metadata, snapshot_id=ref.at, storage_options=iceberg_options(ref.uri) or None)


def _root(source: ObjectStore) -> str:
    """The root as polars names it: a local folder is a path, not a URI."""
    folder = local_folder(source.uri)
    return str(folder) if folder is not None else source.uri


def _places(listed: Sequence[DataObject], source: ObjectStore) -> list[Any]:
    """What polars reads the objects from."""
    folder = local_folder(source.uri)
    if folder is not None:
        return [str(folder / one.place) for one in listed]
    if source.uri.startswith("memory:"):
        return [BytesIO(source.get(one.place)) for one in listed]
    return [f"{source.uri}{one.place}" for one in listed]


def _policy(data: pl.LazyFrame, ref: DatasetRef, store: ObjectStore) -> pl.LazyFrame:
    columns = read_columns(data)
    for name in ref.personal:
        if name not in columns:
            raise unknown("personal column", name, columns, where=f"dataset {ref.name!r}")
    private = [name for name, action in ref.personal.items() if action == "hash"]
    if private:
        key = personal_key(store)
        data = data.with_columns(pseudonyms(name, columns[name], key) for name in private)
    return data.drop(name for name, action in ref.personal.items() if action == "drop")


def personal_key(store: ObjectStore) -> bytes:
    """The store's secret for pseudonyms: 32 random bytes, made by whoever needs it first and never changed."""
    known = store.read(PERSONAL_KEY)
    if known is None:
        store.create(PERSONAL_KEY, os.urandom(32))
        known = store.get(PERSONAL_KEY)
    return known
