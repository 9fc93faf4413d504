import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import samples
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.names import canonical, sha256
from taxiway.stores.blobs import Blobs, blob_path
from taxiway.stores.objects import NotFound, ObjectStore


@pytest.fixture
def blobs(store: ObjectStore) -> Blobs:
    return Blobs(store)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "weights").mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    (folder / "weights" / "1 a").write_bytes(b"x" * 9_000_000)
    (folder / "weights" / "empty").write_bytes(b"")
    return folder


def test_bytes_are_found_by_their_digest(blobs: Blobs) -> None:
    digest = blobs.put(b"data")
    assert digest == sha256(b"data") == blobs.put(b"data")
    assert blobs.get(digest) == b"data"


@given(data=st.binary(max_size=200_000))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_come_back(memory_store: ObjectStore, data: bytes) -> None:
    blobs = Blobs(memory_store)
    assert blobs.get(blobs.put(data)) == data


def test_a_large_file_is_stored_once(blobs: Blobs, store: ObjectStore, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(os.urandom(1000) * 20_000)
    assert blobs.put_file(file) == blobs.put_file(file) == sha256(file.read_bytes())
    assert [info.size_bytes for info in store.list("")] == [20_000_000]


def test_a_file_that_grows_while_it_is_stored_is_refused(
    blobs: Blobs, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"x" * 20_000_000)
    upload = ObjectStore.upload

    def grow(self: ObjectStore, path: str, chunks: object) -> None:
        file.write_bytes(b"y" * 20_000_000)
        upload(self, path, chunks)

    monkeypatch.setattr(ObjectStore, "upload", grow)
    with pytest.raises(IntegrityError, match="the file changed while it was stored"):
        blobs.put_file(file)
    assert list(store.list("")) == []


def test_a_corrupted_blob_is_named(blobs: Blobs, store: ObjectStore) -> None:
    digest = blobs.put(b"data")
    store.replace(blob_path(digest), b"DATA")
    with pytest.raises(IntegrityError) as caught:
        blobs.get(digest)
    assert store.uri + blob_path(digest) in str(caught.value)


def test_a_damaged_blob_of_another_size_is_not_taken_for_ours(blobs: Blobs, store: ObjectStore) -> None:
    store.create(blob_path(sha256(b"data")), b"dat")
    with pytest.raises(IntegrityError, match="Expected 4 bytes"):
        blobs.put(b"data")


def test_a_missing_blob_is_named(blobs: Blobs) -> None:
    with pytest.raises(NotFound, match=samples.hexes("a")):
        blobs.get(f"sha256:{samples.hexes('a')}")


@pytest.mark.parametrize("digest", ["", "sha256:abc", "md5:" + "a" * 64, f"sha256:{'../' * 21}a", "sha256:" + "A" * 64])
def test_what_is_no_digest_is_refused(blobs: Blobs, digest: str) -> None:
    with pytest.raises(SpecError, match="no digest of a blob"):
        blobs.get(digest)


def test_a_folder_comes_back_file_by_file(blobs: Blobs, folder: Path, tmp_path: Path) -> None:
    blob = blobs.put_folder(folder)
    assert blob == blobs.put_folder(folder)
    assert blob.size_bytes == 9_000_002
    fetched = blobs.fetch_folder(blob.digest, tmp_path / "to" / "here")
    files = {file.relative_to(fetched): file.read_bytes() for file in fetched.rglob("*") if file.is_file()}
    assert files == {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert blobs.fetch_folder(blob.digest, fetched) == fetched
    assert [entry.name for entry in (tmp_path / "to").iterdir()] == ["here"]


def test_a_folders_digest_is_the_hash_of_its_list_of_files(memory_store: ObjectStore, tmp_path: Path) -> None:
    for name, text in (("b", "2"), ("a", "1")):
        (tmp_path / name).write_text(text)
    rows = [{"path": n, "size_bytes": 1, "sha256": sha256(t.encode())[7:]} for n, t in (("a", "1"), ("b", "2"))]
    assert Blobs(memory_store).put_folder(tmp_path).digest == f"folder-{sha256(canonical(rows))}"


def test_a_corrupted_file_of_a_folder_is_named_and_nothing_appears(
    blobs: Blobs, store: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    blob = blobs.put_folder(folder)
    damaged = blob_path(sha256(b"{}"))
    store.replace(damaged, b"[]")
    with pytest.raises(IntegrityError, match=damaged):
        blobs.fetch_folder(blob.digest, tmp_path / "to" / "here")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("path", ["../escape", "/etc/escape", "a/../../escape", "a\\b", ""])
def test_a_manifest_that_names_a_path_outside_is_refused(memory_store: ObjectStore, tmp_path: Path, path: str) -> None:
    digest = Blobs(memory_store).put(b"data")
    manifest = canonical([{"path": path, "size_bytes": 4, "sha256": digest[7:]}])
    hostile = f"folder-{sha256(manifest)}"
    memory_store.create(blob_path(hostile), manifest)
    with pytest.raises(IntegrityError, match="not the manifest of a folder"):
        Blobs(memory_store).fetch_folder(hostile, tmp_path / "to" / "here")
    assert list(tmp_path.rglob("escape")) == []


@pytest.mark.parametrize(
    "manifest", [b"", b"{}x", b"3", b'[{"path":"a"}]', b'[{"path":1,"size_bytes":1,"sha256":"x"}]']
)
def test_a_manifest_that_is_none_is_refused(memory_store: ObjectStore, tmp_path: Path, manifest: bytes) -> None:
    digest = f"folder-{sha256(manifest)}"
    memory_store.create(blob_path(digest), manifest)
    with pytest.raises(IntegrityError):
        Blobs(memory_store).fetch_folder(digest, tmp_path / "to")


def test_links_and_pipes_are_not_stored(memory_store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(SpecError, match="a symbolic link"):
        Blobs(memory_store).put_folder(tmp_path)
    (tmp_path / "link").unlink()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpecError, match="a device, socket or pipe"):
        Blobs(memory_store).put_folder(tmp_path)


def test_an_empty_or_missing_folder_is_not_stored(memory_store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="nothing in this folder"):
        Blobs(memory_store).put_folder(tmp_path)
    with pytest.raises(SpecError, match="no such folder"):
        Blobs(memory_store).put_folder(tmp_path / "missing")


def test_a_folder_that_holds_something_else_is_not_touched(memory_store: ObjectStore, folder: Path) -> None:
    blob = Blobs(memory_store).put_folder(folder)
    (folder / "mine").write_text("precious")
    with pytest.raises(SpecError, match="holds something else already"):
        Blobs(memory_store).fetch_folder(blob.digest, folder)
    assert (folder / "mine").read_text() == "precious"


def test_a_record_is_stored_under_its_fingerprint(blobs: Blobs) -> None:
    report = samples.report()
    assert blobs.put_record(report) == report.fingerprint()
    assert blobs.get_record(report.fingerprint()) == report


def test_a_record_that_is_none_is_refused(blobs: Blobs) -> None:
    with pytest.raises(IntegrityError, match="not JSON"):
        blobs.get_record(blobs.put(b"\xff"))
    with pytest.raises(SpecError, match="record kind"):
        blobs.get_record(blobs.put(b'{"kind":"Nothing"}'))
