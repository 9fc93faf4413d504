"""A snapshot names bytes: the same ones on every machine, and other ones as soon as a byte is another."""

import os
from pathlib import Path

import polars as pl
import pytest

from taxiway.core import Dataset
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.specs.data import Format
from taxiway.stores.blobs import Blobs
from taxiway.stores.datasets import objects, snapshot
from taxiway.stores.objects import open_store

ROWS = pl.DataFrame({"id": [1, 2, 3], "carrier": ["UA", "AA", None]})


@pytest.fixture
def store(tmp_path):
    return open_store(f"file://{tmp_path}/store")


@pytest.fixture
def lake(tmp_path) -> Path:
    folder = tmp_path / "lake"
    (folder / "year=2013").mkdir(parents=True)
    ROWS.write_parquet(folder / "year=2013" / "a.parquet")
    ROWS.head(2).write_parquet(folder / "year=2013" / "b.parquet")
    return folder


def take(uri: str, store, **options):
    return snapshot(Dataset("flights", uri, **options), store)


def test_a_folder_is_the_list_of_its_files_with_their_hashes_and_rows(lake, store):
    ref = take(f"file://{lake}/", store)
    assert (ref.format, ref.objects, ref.rows) == (Format.PARQUET, 2, 5)
    assert ref.digest.startswith("manifest-sha256:")
    assert ref.size_bytes == sum(file.stat().st_size for file in lake.rglob("*.parquet"))
    assert [one.path for one in objects(ref, store)] == ["year=2013/a.parquet", "year=2013/b.parquet"]
    assert [one.rows for one in objects(ref, store)] == [3, 2]


def test_the_digest_does_not_depend_on_where_the_data_lies_or_when_it_was_written(lake, store, tmp_path):
    elsewhere = tmp_path / "other place"
    lake.rename(elsewhere)
    first = take(f"file://{elsewhere}/", store)
    elsewhere.rename(lake)
    for file in lake.rglob("*.parquet"):
        os.utime(file, (1, 1))
    assert take(f"file://{lake}/", store).digest == first.digest


@pytest.mark.parametrize("change", ["a byte", "a name", "a file more", "a file less"])
def test_the_digest_changes_with_the_data(lake, store, change):
    before = take(f"file://{lake}/", store)
    file = lake / "year=2013" / "b.parquet"
    if change == "a byte":
        ROWS.head(2).with_columns(id=pl.col("id") + 1).write_parquet(file)
    elif change == "a name":
        file.rename(file.with_name("c.parquet"))
    elif change == "a file more":
        ROWS.write_parquet(lake / "d.parquet")
    else:
        file.unlink()
    assert take(f"file://{lake}/", store).digest != before.digest


def test_bookkeeping_and_half_written_files_do_not_count(lake, store):
    before = take(f"file://{lake}/", store)
    for name in (
        "_SUCCESS",
        ".hidden.parquet",
        "_temporary/0/part.parquet",
        "x.parquet.tmp",
        "y.parquet.crc",
        "z.parquet~",
    ):
        (lake / name).parent.mkdir(parents=True, exist_ok=True)
        (lake / name).write_bytes(b"not data")
    assert take(f"file://{lake}/", store).digest == before.digest


@pytest.mark.parametrize(
    ("pattern", "files"),
    [("**/*.parquet", 2), ("year=2013/?.parquet", 2), ("year=*/a.parquet", 1), ("year=2013/[!a].parquet", 1)],
)
def test_a_glob_names_the_files_it_matches(lake, store, pattern, files):
    assert take(f"file://{lake}/{pattern}", store).objects == files


def test_a_star_stays_in_its_folder(lake, store):
    with pytest.raises(SpecError, match="empty"):
        take(f"file://{lake}/*.parquet", store)


def test_a_single_file_may_have_any_name(tmp_path, store):
    file = tmp_path / "fl ights é %41 <b>.csv"
    ROWS.write_csv(file)
    assert take(file.as_uri(), store).objects == 1


def test_a_large_folder_costs_one_listing(lake, store, monkeypatch):
    from taxiway.stores import datasets

    asked = []

    class Counting(type(store)):
        def list(self, *args, **options):
            asked.append("list")
            return super().list(*args, **options)

        def head(self, path):
            asked.append("head")
            return super().head(path)

        def get(self, path):
            asked.append("get")
            return super().get(path)

    monkeypatch.setattr(datasets, "open_store", lambda uri: Counting(open_store(uri).backend))
    take(f"file://{lake}/", store)
    assert asked == ["list"]


def test_a_missing_file_offers_the_nearest_name(lake, store):
    with pytest.raises(SpecError, match=r"does not exist.*Did you mean 'a.parquet'"):
        take(f"file://{lake}/year=2013/aa.parquet", store)


def test_a_missing_or_empty_folder_is_said_to_be_empty(tmp_path, store):
    (tmp_path / "void").mkdir()
    for folder in ("void", "nowhere"):
        with pytest.raises(SpecError, match="is empty"):
            take(f"file://{tmp_path}/{folder}/", store)


def test_a_folder_without_its_slash_is_recognised(lake, store):
    with pytest.raises(SpecError, match="this is a folder"):
        take(f"file://{lake}", store)


def test_formats_side_by_side_are_refused(lake, store):
    ROWS.write_csv(lake / "c.csv")
    with pytest.raises(SpecError, match="different formats"):
        take(f"file://{lake}/", store)
    assert take(f"file://{lake}/*.csv", store).format is Format.CSV


def test_a_file_of_unknown_format_is_refused_and_not_left_out(lake, store):
    (lake / "part-3.avro").write_bytes(b"data")
    with pytest.raises(SpecError, match=r"part-3.avro"):
        take(f"file://{lake}/", store)


def test_a_format_that_is_given_needs_no_ending(tmp_path, store):
    ROWS.write_parquet(tmp_path / "part-0")
    assert take(f"file://{tmp_path}/part-0", store, format="parquet").rows == 3


def test_a_file_without_bytes_is_refused(lake, store):
    (lake / "z.parquet").write_bytes(b"")
    with pytest.raises(SpecError, match=r"z.parquet"):
        take(f"file://{lake}/", store)


def test_a_torn_parquet_file_is_refused_by_name(lake, store):
    file = lake / "year=2013" / "a.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(SpecError, match="not a whole Parquet file"):
        take(f"file://{lake}/", store)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything; run it as another user")
def test_a_file_that_may_not_be_read_is_named(lake, store):
    (lake / "year=2013" / "a.parquet").chmod(0)
    with pytest.raises(SpecError, match=r"a.parquet"):
        take(f"file://{lake}/", store)


@pytest.mark.parametrize("uri", ["/data/x.parquet", "data", "s3://", "file:///", "", "://x"])
def test_a_uri_that_says_nothing_is_refused(uri, store):
    with pytest.raises(SpecError):
        take(uri, store)


def test_only_tables_have_versions(lake, store):
    with pytest.raises(SpecError, match="only a Delta or Iceberg table"):
        take(f"file://{lake}/", store, at=3)


def test_a_sample_has_at_least_one_row(lake, store):
    with pytest.raises(SpecError, match="a sample has rows"):
        snapshot(Dataset("flights", f"file://{lake}/"), store, sample_rows=0)


def test_a_list_of_objects_that_belongs_to_another_snapshot_is_refused(lake, store):
    ref = take(f"file://{lake}/", store)
    other = ref.model_copy(update={"manifest": Blobs(store).put(b"[]")})
    with pytest.raises(IntegrityError, match="another snapshot"):
        objects(other, store)
