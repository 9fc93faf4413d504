"""A `.dvc` pointer leads to the bytes whose MD5 it names, or to an error that says where they are not."""

import hashlib
import json
import shutil

import polars as pl
import pytest

from taxiway.core import Dataset
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.specs.data import Format
from taxiway.runtime.data import frame
from taxiway.stores.datasets import snapshot
from taxiway.stores.objects import open_store

pytest.importorskip("yaml", reason="pyyaml is not installed; run `uv pip install taxiway[dvc]` to test it")


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.fixture
def store(tmp_path):
    return open_store(f"file://{tmp_path}/store")


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repo" / "data"
    folder.mkdir(parents=True)
    (tmp_path / "repo" / ".dvc").mkdir()
    (folder / "rows.csv").write_text("a,b\n1,x\n2,y\n")
    return folder


def point(folder, name: str, digest: str):
    (folder / f"{name}.dvc").write_text(f"outs:\n- md5: {digest}\n  size: 12\n  hash: md5\n  path: {name}\n")
    return snapshot_of(folder, name)


def snapshot_of(folder, name: str):
    return Dataset("d", f"file://{folder}/{name}.dvc")


def move_to_cache(folder, file, digest: str, layout: str = "files/md5/") -> None:
    place = folder.parent / ".dvc" / "cache" / layout / digest[:2] / digest[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(file, place)


def test_the_working_copy_is_taken_where_it_has_the_right_bytes(repository, store):
    dataset = point(repository, "rows.csv", md5((repository / "rows.csv").read_bytes()))
    ref = snapshot(dataset, store)
    assert (ref.format, ref.objects) == (Format.CSV, 1)
    assert frame(ref, store).collect().rows() == [(1, "x"), (2, "y")]


@pytest.mark.parametrize("layout", ["files/md5/", ""])
def test_the_cache_gives_the_same_digest_as_the_working_copy(repository, store, layout):
    file = repository / "rows.csv"
    digest = md5(file.read_bytes())
    dataset = point(repository, "rows.csv", digest)
    beside = snapshot(dataset, store)
    move_to_cache(repository, file, digest, layout)
    cached = snapshot(dataset, store)
    assert cached.digest == beside.digest
    assert frame(cached, store).collect().height == 2


def test_the_cache_is_taken_when_the_working_copy_was_edited(repository, store):
    file = repository / "rows.csv"
    dataset = point(repository, "rows.csv", md5(file.read_bytes()))
    move_to_cache(repository, shutil.copy(file, repository / "copy"), md5(file.read_bytes()))
    file.write_text("a,b\n9,z\n")
    assert frame(snapshot(dataset, store), store).collect()["a"].to_list() == [1, 2]


def test_an_edited_working_copy_alone_is_refused(repository, store):
    dataset = point(repository, "rows.csv", md5(b"other bytes"))
    with pytest.raises(IntegrityError, match="not what the pointer says"):
        snapshot(dataset, store)


def test_data_that_is_nowhere_is_said_to_be_nowhere(repository, store):
    dataset = point(repository, "gone.csv", md5(b"x"))
    with pytest.raises(SpecError, match="neither beside it nor in the cache"):
        snapshot(dataset, store)


def test_a_corrupt_object_in_the_cache_is_named(repository, store):
    file = repository / "rows.csv"
    digest = md5(file.read_bytes())
    dataset = point(repository, "rows.csv", digest)
    file.write_text("a,b\n1,?\n2,y\n")
    move_to_cache(repository, file, digest)
    with pytest.raises(IntegrityError, match="corrupt"):
        snapshot(dataset, store)


def test_a_folder_is_taken_beside_the_pointer_and_from_the_cache(repository, store):
    folder = repository / "parts"
    folder.mkdir()
    for name in ("b", "a"):
        pl.DataFrame({"x": [name]}).write_parquet(folder / f"{name}.parquet")
    entries = [{"md5": md5((folder / f"{n}.parquet").read_bytes()), "relpath": f"{n}.parquet"} for n in "ab"]
    listing = json.dumps(entries, sort_keys=True).encode()
    dataset = point(repository, "parts", f"{md5(listing)}.dir")
    beside = snapshot(dataset, store)
    assert (beside.objects, frame(beside, store).collect()["x"].to_list()) == (2, ["a", "b"])
    for entry in entries:
        move_to_cache(repository, folder / entry["relpath"], entry["md5"])
    (repository / "listing").write_bytes(listing)
    move_to_cache(repository, repository / "listing", f"{md5(listing)}.dir")
    cached = snapshot(dataset, store)
    assert cached.digest == beside.digest
    assert frame(cached, store).collect()["x"].to_list() == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "outs: []",
        "outs: 3",
        "[",
        "outs:\n- path: x",
        "outs:\n- {path: a, md5: zz}",
        "outs:\n- {path: ../x, md5: nope}",
    ],
)
def test_what_is_no_pointer_is_refused(repository, store, text):
    (repository / "x.dvc").write_text(text)
    with pytest.raises(SpecError):
        snapshot(snapshot_of(repository, "x"), store)


def test_a_pointer_out_of_its_folder_is_refused(repository, store, tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    digest = md5((tmp_path / "secret.csv").read_bytes())
    (repository / "x.dvc").write_text(f"outs:\n- path: ../../secret.csv\n  md5: {digest}\n")
    with pytest.raises(SpecError):
        snapshot(snapshot_of(repository, "x"), store)
