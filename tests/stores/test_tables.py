"""A table at a version is its files at that version, read back exactly."""

import importlib.util

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from taxiway.core import Dataset
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.specs.data import Format
from taxiway.runtime.data import frame
from taxiway.stores.datasets import objects, snapshot
from taxiway.stores.objects import open_store

ROWS = pl.DataFrame({"id": [1, 2, 3], "day": ["mon day", "tue%", "mon day"]})


@pytest.fixture
def store(tmp_path):
    return open_store(f"file://{tmp_path}/store")


def needs(module: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed; run `uv pip install taxiway[{extra}]` to test it")


@pytest.fixture
def delta(tmp_path):
    needs("deltalake", "delta")
    path = tmp_path / "delta"
    ROWS.write_delta(path, delta_write_options={"partition_by": ["day"]})
    ROWS.write_delta(path, mode="append")
    ROWS.head(1).write_delta(path, mode="overwrite")
    return path


def take(path, store, **options):
    return snapshot(Dataset("t", f"file://{path}/", **options), store)


def test_the_newest_version_of_a_delta_table_is_taken(delta, store):
    ref = take(delta, store)
    assert (ref.format, ref.at, ref.rows, ref.objects) == (Format.DELTA, 2, 1, 1)
    assert_frame_equal(frame(ref, store).collect(), ROWS.head(1))


def test_an_older_version_of_a_delta_table_is_read_exactly(delta, store):
    ref = take(delta, store, at=1)
    assert ref.rows == 6
    assert_frame_equal(frame(ref, store).sort("id", "day").collect(), pl.concat([ROWS, ROWS]).sort("id", "day"))


def test_versions_of_a_delta_table_have_different_digests(delta, store):
    assert len({take(delta, store, at=version).digest for version in (0, 1, 2)}) == 3


def test_a_delta_version_that_does_not_exist_is_refused(delta, store):
    with pytest.raises(SpecError, match="no version 7"):
        take(delta, store, at=7)


def test_a_delta_table_that_polars_could_not_read_is_refused_before_it_is_validated(delta, store):
    spaced = delta.rename(delta.with_name("delta table"))
    with pytest.raises(SpecError, match="spaces"):
        take(spaced, store)


def test_a_changed_file_of_a_delta_table_is_found(delta, store):
    ref = take(delta, store)
    path = delta / objects(ref, store)[0].path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError):
        frame(ref, store)


@pytest.fixture
def iceberg(tmp_path):
    needs("pyiceberg", "iceberg")
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("test", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}/warehouse")
    catalog.create_namespace("lake")
    table = catalog.create_table("lake.t", ROWS.to_arrow().schema)
    table.append(ROWS.to_arrow())
    table.append(ROWS.to_arrow())
    catalog.close()
    return table


def test_an_iceberg_table_is_taken_at_its_current_and_at_an_older_snapshot(iceberg, tmp_path, store):
    path = iceberg.location().removeprefix("file://")
    newest, older = take(path, store), take(path, store, at=iceberg.snapshots()[0].snapshot_id)
    assert (newest.format, newest.rows, older.rows) == (Format.ICEBERG, 6, 3)
    assert newest.digest != older.digest
    assert_frame_equal(frame(older, store).collect(), ROWS, check_dtypes=False)
    assert frame(newest, store).collect().height == 6


def test_an_iceberg_snapshot_that_does_not_exist_is_refused(iceberg, store):
    with pytest.raises(SpecError, match="no version 5"):
        take(iceberg.location().removeprefix("file://"), store, at=5)


@pytest.mark.parametrize("format_", ["delta", "iceberg"])
def test_a_folder_that_is_no_table_is_refused(tmp_path, store, format_):
    needs({"delta": "deltalake", "iceberg": "pyiceberg"}[format_], format_)
    ROWS.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(SpecError):
        take(tmp_path, store, format=format_)
