import os
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.store import StoreContract
from taxiway.core.errors import BackendError, SpecError
from taxiway.stores.objects import ObjectStore, open_store
from taxiway.stores.paths import check_path


class TestEveryStore(StoreContract):
    """A folder, the memory and S3 keep the same contract."""


def _accepts(path: str) -> bool:
    try:
        check_path(path)
    except SpecError:
        return False
    return True


@given(path=st.text(st.characters(max_codepoint=0x2FFF), min_size=1, max_size=30).filter(_accepts))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_path_that_is_accepted_stays_inside_and_reads_back(tmp_path: Path, path: str) -> None:
    store = open_store((tmp_path / "root" / uuid.uuid4().hex).as_uri())
    assert store.create(path, b"data")
    assert [info.path for info in store.list("")] == [path]
    assert {file.name for file in tmp_path.iterdir()} == {"root"}


@given(segments=st.lists(st.sampled_from(["a", "..", ".", "", "b"]), min_size=1, max_size=6))
def test_no_path_with_steps_out_of_its_folder_is_accepted(segments: list[str]) -> None:
    assert _accepts("/".join(segments)) == (not {"..", ".", ""} & set(segments))


def test_opening_a_folder_makes_nothing(tmp_path: Path) -> None:
    store = open_store((tmp_path / "not yet").as_uri())
    assert store.read("a") is None
    assert list(store.list("")) == store.folders("") == []
    assert list(tmp_path.iterdir()) == []


def test_a_link_out_of_the_store_is_not_followed(tmp_path: Path, folder_store: ObjectStore) -> None:
    secret = tmp_path / "elsewhere" / "secret"
    secret.parent.mkdir()
    secret.write_text("secret")
    folder_store.create("inside", b"one")
    (tmp_path / "store" / "link").symlink_to(secret.parent)
    for ask in (folder_store.get, folder_store.head, lambda path: folder_store.create(path, b""), folder_store.delete):
        with pytest.raises(SpecError, match="a symbolic link leads out of the store"):
            ask("link/secret")
    with pytest.raises(SpecError, match="a symbolic link leads out of the store"):
        list(folder_store.list(""))
    assert secret.read_text() == "secret"


@pytest.mark.parametrize("target", [".", "link"], ids=["to the store", "to itself"])
def test_a_link_in_a_circle_is_a_clear_error(tmp_path: Path, folder_store: ObjectStore, target: str) -> None:
    folder_store.create("inside", b"one")
    (tmp_path / "store" / "link").symlink_to(target)
    with pytest.raises(SpecError, match="leads in a circle"):
        list(folder_store.list(""))


def test_links_that_lead_into_each_other_are_a_clear_error(tmp_path: Path, folder_store: ObjectStore) -> None:
    for here, there in (("a", "b"), ("b", "a")):
        folder_store.create(f"{here}/file", b"one")
        (tmp_path / "store" / here / "link").symlink_to(tmp_path / "store" / there)
    with pytest.raises(SpecError, match="leads in a circle"):
        list(folder_store.list(""))


def test_a_link_to_a_file_elsewhere_is_not_listed(tmp_path: Path, folder_store: ObjectStore) -> None:
    folder_store.create("inside", b"one")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "store" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(SpecError, match="a symbolic link leads out of the store"):
        list(folder_store.list(""))


def test_a_link_to_nowhere_is_no_object(tmp_path: Path, folder_store: ObjectStore) -> None:
    folder_store.create("inside", b"one")
    (tmp_path / "store" / "link").symlink_to(tmp_path / "nowhere")
    assert [info.path for info in folder_store.list("")] == ["inside"]


def test_a_name_that_no_other_store_can_hold_is_a_clear_error(tmp_path: Path, folder_store: ObjectStore) -> None:
    folder_store.create("inside", b"one")
    (tmp_path / "store" / "two\nlines").write_text("")
    with pytest.raises(BackendError, match="a character that cannot be printed"):
        list(folder_store.list(""))


def test_what_a_killed_writer_left_behind_is_not_listed(tmp_path: Path, folder_store: ObjectStore) -> None:
    for name in ("a", "a#b", "a#"):
        folder_store.create(name, b"one")
        (tmp_path / "store" / f"{name}#123").write_text("half")
    assert [info.path for info in folder_store.list("")] == ["a", "a#", "a#b"]


def test_a_listing_goes_through_links_within_the_store(tmp_path: Path, folder_store: ObjectStore) -> None:
    folder_store.create("real/a", b"one")
    (tmp_path / "store" / "link").symlink_to(tmp_path / "store" / "real")
    (tmp_path / "store" / "file").symlink_to(tmp_path / "store" / "real" / "a")
    assert [info.path for info in folder_store.list("")] == ["file", "link/a", "real/a"]


@given(
    paths=st.lists(st.lists(st.sampled_from(["a", "a-b", "b", "z"]), min_size=2, max_size=4), max_size=6),
    after=st.lists(st.sampled_from(["a", "a-", "b", "c"]), min_size=1, max_size=4),
)
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_listing_behind_a_path_leaves_out_what_comes_before(
    tmp_path: Path, paths: list[list[str]], after: list[str]
) -> None:
    store = open_store((tmp_path / uuid.uuid4().hex).as_uri())
    names = sorted({f"{'/'.join(path)}.json" for path in paths})
    for name in names:
        store.create(name, b"")
    found = [info.path for info in store.list("", after="/".join(after))]
    assert found == [name for name in names if name > "/".join(after)]


def test_a_link_within_the_store_is_followed(tmp_path: Path, folder_store: ObjectStore) -> None:
    folder_store.create("real/a", b"one")
    (tmp_path / "store" / "link").symlink_to(tmp_path / "store" / "real")
    assert folder_store.get("link/a") == b"one"


def test_a_folder_and_an_object_of_one_name_are_a_clear_error(folder_store: ObjectStore) -> None:
    folder_store.create("a/b", b"")
    for path in ("a", "a/b/c"):
        with pytest.raises(BackendError, match="an object and a folder have the same name"):
            folder_store.create(path, b"")


WRITER = """
import sys
from taxiway.stores.objects import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
for number in range(10_000):
    store.create(f"made/{number}", bytes([number % 256]) * 300_000)
    store.replace("hint", bytes([number % 256]) * 300_000)
"""


def test_a_writer_that_is_killed_leaves_whole_objects_or_none(tmp_path: Path) -> None:
    for attempt in range(4):
        store = open_store((tmp_path / str(attempt)).as_uri())
        with subprocess.Popen([sys.executable, "-c", WRITER, store.uri], stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            writer.stdout.readline()
            threading.Event().wait(0.02 + 0.03 * attempt)
            writer.kill()
        for info in store.list(""):
            assert len(store.get(info.path)) == info.size_bytes == 300_000
            assert len(set(store.get(info.path))) == 1


SEEDED = """
import random, sys, time
from taxiway.stores.objects import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
began = float(sys.stdin.readline())
for number in range(100):
    random.seed(number)
    time.sleep(max(0, began + number / 100 - time.time()))
    store.create(str(number), bytes(1_000_000))
"""


def test_writers_that_begin_from_one_seed_do_not_meet(folder_store: ObjectStore) -> None:
    command = [sys.executable, "-c", SEEDED, folder_store.uri]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    writers = [subprocess.Popen(command, text=True, **pipes) for _ in range(2)]
    for writer in writers:
        assert writer.stdout
        writer.stdout.readline()
    for writer in writers:
        assert writer.stdin
        writer.stdin.write(f"{time.time() + 0.2}\n")
        writer.stdin.flush()
    said = [writer.communicate() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], said


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("/lake", "Expected file:///folder, s3://bucket/prefix"),
        ("s4://lake", "Did you mean 's3'"),
        ("file://lake/x", "a folder is named by its absolute path"),
        ("s3://", "this does not name a store"),
        ("s3://bucket/../other", "it steps out of its folder"),
        ("s3://key:secret@bucket/x", "Give credentials apart from the URI"),
        ("", "this does not name a store"),
    ],
)
def test_a_uri_that_names_no_store_is_explained(uri: str, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        open_store(uri)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_unknown_option_is_explained() -> None:
    with pytest.raises(SpecError, match="acces_key_id"):
        open_store("s3://bucket", credentials={"acces_key_id": "x"})


def test_the_same_folder_has_the_same_uri(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a b")
    uris = {open_store(f"file://{tmp_path}/{name}").uri for name in ("a b", "a%20b/", "x/../a b", "link")}
    assert uris == {f"{(tmp_path / 'a b').as_uri()}/"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere: run this test as another user")
def test_a_folder_that_may_not_be_written_is_a_clear_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BackendError, match="access is denied"):
        open_store((tmp_path / "store").as_uri()).create("a", b"")


def test_the_memory_of_one_name_is_one_store() -> None:
    open_store("memory://shared").replace("a", b"one")
    assert open_store("memory://shared").get("a") == b"one"


def beside(there: ObjectStore, uri: str) -> tuple[ObjectStore, bool]:
    """The store at another URI, and whether it goes through the same client."""
    opened = open_store(uri, beside=there)
    return opened, opened.backend.client is there.backend.client


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/", "s3://bucket/data/rows/", "s3://bucket/data/a b"])
def test_another_place_in_the_same_bucket_is_opened_through_the_same_client(uri: str) -> None:
    opened, shared = beside(open_store("s3://bucket/taxiway"), uri)
    assert shared
    assert opened.uri == open_store(uri).uri


@pytest.mark.parametrize("uri", ["s3://bucket2/taxiway", "s3://buck", "gs://bucket/x", "memory://bucket", "file:///b"])
def test_another_bucket_is_opened_anew(uri: str) -> None:
    opened, shared = beside(open_store("s3://bucket/taxiway"), uri)
    assert not shared
    assert opened.uri == open_store(uri).uri


def test_what_credentials_opened_is_not_lent_to_a_place_that_was_given_none() -> None:
    keys = {"access_key_id": "a", "secret_access_key": "b"}
    _, shared = beside(open_store("s3://bucket/taxiway", credentials=keys), "s3://bucket/data")
    assert not shared


@pytest.mark.parametrize(
    "uri", ["s3://", "bucket/data", "s3://me@bucket/data", "ftp://bucket/data", "s3://bucket/../x"]
)
def test_a_place_that_is_none_is_refused_beside_a_store_as_well(uri: str) -> None:
    with pytest.raises(SpecError):
        open_store(uri, beside=open_store("s3://bucket/taxiway"))


def test_what_lies_beside_is_read_and_written_at_its_own_place(memory_store: ObjectStore) -> None:
    inner = open_store(f"{memory_store.uri}inner/", beside=memory_store)
    assert inner.create("a", b"one")
    assert memory_store.get("inner/a") == b"one"


def test_a_turn_is_a_courtesy_that_ends_by_the_clock(folder_store: ObjectStore) -> None:
    folder_store.create("models/a/log", b"")
    began = time.monotonic()
    with folder_store.turn("models/a", 10), folder_store.turn("models/b", 10), folder_store.turn("models/a", 0.1):
        assert 0.1 <= time.monotonic() - began < 5
    assert [info.path for info in folder_store.list("")] == ["models/a/log"]


def test_turns_are_taken_one_after_the_other(folder_store: ObjectStore) -> None:
    folder_store.create("models/a/log", b"")
    inside: list[int] = []

    def enter(number: int) -> list[int]:
        with folder_store.turn("models/a", 30):
            inside.append(number)
            time.sleep(0.01)
            seen = list(inside)
            inside.clear()
        return seen

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(enter, range(8))) == [[number] for number in range(8)]
