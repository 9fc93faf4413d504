"""Stores that are read-only, full, slow, gone, or drop the connection: a clear sentence, and nothing half-written."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import samples
from s3 import S3
from stores.faulty import careless_s3, proxied
from taxiway.core.errors import BackendError, SpecError
from taxiway.core.registry import Commit
from taxiway.stores.blobs import Blobs
from taxiway.stores.objects import ObjectStore, open_store
from taxiway.stores.registry import Registry

BIG = b"x" * 12_000_000


def register(store: ObjectStore, letter: str = "a") -> int:
    model = samples.model_ref(letter)
    verdicts = (samples.verdict(model),)
    return (
        Registry(store).register(model, run="r", verdicts=verdicts, metrics={}, report=None, by=samples.author()).number
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte, if this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("mounting a small tmpfs needs root: run the tests in a privileged container")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_a_clear_error_and_nothing_is_half_written(small_disk: Path, tmp_path: Path) -> None:
    store = open_store((small_disk / "store").as_uri())
    (tmp_path / "big").write_bytes(BIG)
    writes = (
        lambda: store.create("a", BIG),
        lambda: store.create("a", tmp_path / "big"),
        lambda: store.replace("a", BIG),
        lambda: store.upload("a", iter([BIG])),
        lambda: Blobs(store).put_file(tmp_path / "big"),
    )
    for write in writes:
        with pytest.raises(BackendError, match="the store is full; nothing was written"):
            write()
    assert list(store.list("")) == []
    assert [file for file in small_disk.rglob("*") if file.is_file()] == []
    assert register(store) == 1


def test_a_full_disk_on_the_reading_side_is_a_clear_error(small_disk: Path, tmp_path: Path) -> None:
    store = open_store((tmp_path / "store").as_uri())
    store.create("a", BIG)
    with pytest.raises(BackendError, match="full"):
        store.download("a", small_disk / "file")
    assert list(small_disk.iterdir()) == []


def test_a_read_only_disk_can_be_read_and_says_so(small_disk: Path) -> None:
    store = open_store((small_disk / "store").as_uri())
    register(store)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    champion = Registry(store).version("flight-delay", 1)
    assert champion.number == 1
    with pytest.raises(BackendError, match="the store can only be read"):
        register(store, "b")


def test_a_bucket_that_does_not_exist_is_not_an_absent_object(s3: S3) -> None:
    store = open_store("s3://no-such-bucket/x", credentials=s3.options)
    for ask in (store.read, lambda path: store.create(path, b""), lambda path: list(store.list(path))):
        with pytest.raises(SpecError, match="there is no such bucket"):
            ask("a")


def test_wrong_credentials_are_a_clear_error_without_secrets(s3: S3) -> None:
    store = open_store(s3.uri(), credentials={**s3.options, "secret_access_key": "wrong-secret"})
    with pytest.raises(BackendError, match="refuses these credentials") as caught:
        store.get("a")
    assert "wrong-secret" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_store_that_is_away_is_a_clear_error_by_the_clock(s3: S3) -> None:
    store = open_store(s3.uri(), credentials=s3.through(9), patience_s=1.0)
    began = time.monotonic()
    for ask in (store.get, store.head, lambda path: store.create(path, b""), lambda path: list(store.list(path))):
        with pytest.raises(BackendError, match="the connection to the store failed"):
            ask("a")
    assert time.monotonic() - began < 20


def test_a_store_that_does_not_answer_is_a_clear_error_by_the_clock(s3: S3) -> None:
    with proxied(s3.port) as proxy:
        proxy.down = lambda _: time.sleep(30)
        store = open_store(s3.uri(), credentials=s3.through(proxy.port), patience_s=1.0)
        began = time.monotonic()
        with pytest.raises(BackendError, match=r"did not answer in time|connection"):
            store.create("a", b"data")
        assert time.monotonic() - began < 10


def test_a_slow_store_is_only_slow(s3: S3) -> None:
    def wait(data: bytes) -> bytes:
        time.sleep(0.05)
        return data

    with proxied(s3.port) as proxy:
        proxy.down = wait
        assert register(open_store(s3.uri(), credentials=s3.through(proxy.port))) == 1


def test_an_upload_whose_connection_is_dropped_leaves_nothing(s3: S3) -> None:
    uri, passed = s3.uri(), [0]

    def cut(data: bytes) -> bytes | None:
        passed[0] += len(data)
        return data if passed[0] < 3_000_000 else None

    with proxied(s3.port) as proxy:
        proxy.up = cut
        store = open_store(uri, credentials=s3.through(proxy.port), patience_s=1.0)
        for write in (
            lambda: store.create("a", BIG),
            lambda: store.upload("b", iter([BIG])),
            lambda: Blobs(store).put(BIG),
        ):
            with pytest.raises(BackendError):
                write()
    assert list(open_store(uri, credentials=s3.options).list("")) == []


def test_a_download_whose_connection_is_dropped_leaves_nothing(s3: S3, tmp_path: Path) -> None:
    uri = s3.uri()
    open_store(uri, credentials=s3.options).create("a", BIG)
    passed = [0]

    def cut(data: bytes) -> bytes | None:
        passed[0] += len(data)
        return data if passed[0] < 3_000_000 else None

    with proxied(s3.port) as proxy:
        proxy.down = cut
        store = open_store(uri, credentials=s3.through(proxy.port), patience_s=1.0)
        with pytest.raises(BackendError):
            store.download("a", tmp_path / "to" / "file")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("times", [1, 2])
def test_a_commit_whose_answer_is_lost_is_made_once(s3: S3, times: int) -> None:
    uri, lost = s3.uri(), [0]
    seen = [b""]

    def look(data: bytes) -> bytes:
        seen[0] = data
        return data

    def lose(data: bytes) -> bytes | None:
        if b"PUT" in seen[0][:4] and b"/log/" in seen[0][:300] and lost[0] < times:
            lost[0] += 1
            return None
        return data

    with proxied(s3.port) as proxy:
        proxy.up, proxy.down = look, lose
        store = open_store(uri, credentials=s3.through(proxy.port))
        assert register(store) == 1
    assert lost[0] == times
    assert [commit.number for commit in history(uri, s3)] == [1]


def careless(port: int, *, patience_s: float = 10.0) -> ObjectStore:
    keys = {"access_key_id": "k", "secret_access_key": "s", "endpoint": f"http://127.0.0.1:{port}"}
    return open_store("s3://bucket/store", credentials=keys, patience_s=patience_s)


def test_a_write_that_s3_could_not_decide_is_asked_again() -> None:
    conflict = (409, "ConditionalRequestConflict")
    with careless_s3(conflict, (503, "SlowDown"), conflict) as port:
        store = careless(port)
        assert store.create("a", b"data")
        assert store.get("a") == b"data"


def test_a_write_that_s3_could_not_decide_is_lost_when_another_is_there() -> None:
    with careless_s3((409, "ConditionalRequestConflict"), objects={"store/a": b"one"}) as port:
        store = careless(port)
        assert not store.create("a", b"two")
        assert store.get("a") == b"one"


def test_a_write_that_s3_never_decides_ends_by_the_clock() -> None:
    with careless_s3(*[(409, "ConditionalRequestConflict")] * 1000) as port:
        began = time.monotonic()
        with pytest.raises(BackendError, match="could not decide between several writers in time"):
            careless(port, patience_s=0.5).create("a", b"data")
        assert time.monotonic() - began < 10


def test_another_kind_of_conflict_is_an_error_and_not_an_existing_object() -> None:
    with careless_s3((409, "ObjectParentIsFile")) as port, pytest.raises(BackendError, match="have the same name"):
        careless(port).create("a/b", b"data")


def history(uri: str, s3: S3) -> list[Commit]:
    return Registry(open_store(uri, credentials=s3.options)).history("flight-delay")
