"""Data on object storage: named by ETag, read by polars from where it lies, refused when it changed."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from s3 import S3, s3
from taxiway.core import Dataset
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.runtime.data import frame
from taxiway.stores.datasets import objects, snapshot
from taxiway.stores.objects import ObjectStore, open_store

__all__ = ["s3"]
ROWS = pl.DataFrame({"id": range(50), "text": ["é"] * 50})


@pytest.fixture
def lake(s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path) -> ObjectStore:
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    lake = open_store(s3.uri())
    for name in ("month=1/a.parquet", "month=2/b.parquet"):
        ROWS.write_parquet(tmp_path / "x.parquet")
        assert lake.create(name, tmp_path / "x.parquet")
    return lake


def test_a_folder_is_named_by_its_etags_and_read_where_it_lies(lake, folder_store):
    ref = snapshot(Dataset("d", lake.uri), folder_store)
    assert ref.digest.startswith("manifest-etag:")
    assert all(one.checksum.startswith("etag:") for one in objects(ref, folder_store))
    rows = frame(ref, folder_store).collect()
    assert rows.height == 100
    assert_frame_equal(rows.filter(pl.col("month") == 1).drop("month"), ROWS)


def test_an_object_that_was_written_again_with_other_bytes_is_refused(lake, folder_store):
    ref = snapshot(Dataset("d", lake.uri), folder_store)
    bytes_ = lake.get("month=2/b.parquet")
    lake.replace("month=2/b.parquet", bytes_[:-1] + b"x")
    with pytest.raises(IntegrityError, match=r"month=2/b.parquet"):
        frame(ref, folder_store)


def test_an_object_that_is_gone_is_refused(lake, folder_store):
    ref = snapshot(Dataset("d", f"{lake.uri}month=1/a.parquet"), folder_store)
    lake.delete("month=1/a.parquet")
    with pytest.raises(IntegrityError, match="it is gone"):
        frame(ref, folder_store)


def test_a_prefix_without_data_is_empty(lake, folder_store):
    with pytest.raises(SpecError, match="empty"):
        snapshot(Dataset("d", f"{lake.uri}nothing/"), folder_store)


@pytest.fixture
def folder_store(tmp_path) -> ObjectStore:
    return open_store(f"file://{tmp_path}/store")
