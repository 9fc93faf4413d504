"""What every store must do: subclass `StoreContract` where tests run, with a fixture `store`."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from taxiway.core.errors import SpecError
from taxiway.stores.objects import NotFound, ObjectStore

HOSTILE = (
    "",
    "/etc/passwd",
    "../other",
    "a/../../b",
    "a/./b",
    "a//b",
    "a/",
    "a\\b",
    "a\nb",
    "a\x00b",
    "a\x7fb",
    "\ud800",
    "part#12",
    "n" * 300,
    "/".join(["segment"] * 200),
)
STRANGE = ("a b", "ümläut/日本", "100%/%2e%2e/%00", "a+b&c=d?e#f", "<b>&amp;</b>", "…", "'quoted\"", "#1/a", "C:/x")


class StoreContract:
    def test_what_was_created_is_read_back(self, store: ObjectStore) -> None:
        assert store.create("a/b", b"one")
        assert store.get("a/b") == store.read("a/b") == b"one"

    def test_what_exists_is_not_created_again(self, store: ObjectStore) -> None:
        store.create("a", b"one")
        assert not store.create("a", b"two")
        assert store.get("a") == b"one"

    def test_of_many_writers_exactly_one_creates(self, store: ObjectStore) -> None:
        def write(number: int) -> bool:
            return store.create("a/b/c", str(number).encode())

        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(write, range(8)))
        assert [str(number).encode() for number, own in enumerate(made) if own] == [store.get("a/b/c")]

    def test_a_write_leaves_the_random_numbers_of_the_user_as_they_were(self, store: ObjectStore) -> None:
        before = random.getstate()
        store.create("a", b"one")
        store.replace("a", b"two")
        assert random.getstate() == before

    def test_a_file_is_created_like_bytes(self, store: ObjectStore, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_bytes(b"x" * 20_000_000)
        assert store.create("big", file)
        assert not store.create("big", file)
        assert store.get("big") == file.read_bytes()
        assert [info.path for info in store.list("")] == ["big"]

    def test_what_is_absent_is_said_to_be(self, store: ObjectStore) -> None:
        store.create("a/b", b"one")
        for path in ("missing", "a"):
            assert store.read(path) is None
            assert store.head(path) is None
            with pytest.raises(NotFound, match="there is no such object"):
                store.get(path)
        store.delete("missing")

    def test_a_head_says_the_length(self, store: ObjectStore) -> None:
        store.create("a", b"12345")
        info = store.head("a")
        assert info is not None
        assert (info.path, info.size_bytes) == ("a", 5)

    def test_replacing_is_seen_at_once(self, store: ObjectStore) -> None:
        for data in (b"one", b"two", b""):
            store.replace("a", data)
            assert store.get("a") == data

    def test_a_deleted_object_is_gone(self, store: ObjectStore) -> None:
        store.create("a", b"one")
        store.delete("a")
        assert store.read("a") is None
        assert store.create("a", b"two")

    def test_a_listing_is_recursive_and_ordered_by_path(self, store: ObjectStore) -> None:
        paths = ["m/2", "m/10", "m/a/b/c", "m/a-b", "mm/1", "m/Z", "m/é"]
        for path in paths:
            store.create(path, b"")
        expected = sorted(path for path in paths if path.startswith("m/"))
        assert [info.path for info in store.list("m/")] == [info.path for info in store.list("m")] == expected
        assert [info.path for info in store.list("m", after="m/2")] == [path for path in expected if path > "m/2"]
        assert list(store.list("nothing/")) == []

    def test_a_listing_says_what_a_head_says(self, store: ObjectStore) -> None:
        store.create("m/a", b"12345")
        store.replace("m/b", b"1")
        heads = [info and info._replace(modified_at=None) for info in map(store.head, ("m/a", "m/b"))]
        assert list(store.list("m")) == heads

    def test_more_objects_are_listed_than_fit_a_page(self, store: ObjectStore) -> None:
        paths = [f"p/{number:04}" for number in range(1100)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda path: store.create(path, b""), paths))
        assert [info.path for info in store.list("p")] == paths

    def test_folders_are_named(self, store: ObjectStore) -> None:
        for path in ("m/b/1", "m/a/1", "m/a/2/3", "m/file"):
            store.create(path, b"")
        assert store.folders("m/") == ["a", "b"]
        assert store.folders("") == ["m"]
        assert store.folders("none/") == []

    def test_a_download_is_the_object(self, store: ObjectStore, tmp_path: Path) -> None:
        data = bytes(range(256)) * 80_000
        store.create("a", data)
        store.download("a", tmp_path / "new" / "file")
        assert (tmp_path / "new" / "file").read_bytes() == data
        assert [file.name for file in (tmp_path / "new").iterdir()] == ["file"]

    def test_a_missing_object_is_not_downloaded(self, store: ObjectStore, tmp_path: Path) -> None:
        with pytest.raises(NotFound):
            store.download("missing", tmp_path / "new" / "file")
        assert not (tmp_path / "new" / "file").exists()

    def test_an_upload_that_breaks_leaves_nothing(self, store: ObjectStore) -> None:
        def chunks() -> object:
            yield b"x" * 12_000_000
            raise ValueError("the source broke")

        with pytest.raises(ValueError, match="the source broke"):
            store.upload("a", chunks())
        assert list(store.list("")) == []

    def test_an_upload_is_whole(self, store: ObjectStore) -> None:
        store.upload("a", iter([b"x" * 12_000_000, b"y" * 5]))
        assert store.get("a") == b"x" * 12_000_000 + b"y" * 5

    @pytest.mark.parametrize("path", HOSTILE, ids=lambda path: ascii(path)[:20])
    def test_a_path_that_could_escape_is_refused(self, store: ObjectStore, path: str) -> None:
        for ask in (
            store.get,
            store.head,
            store.delete,
            lambda path: store.create(path, b""),
            lambda p: store.list("", after=p),
        ):
            with pytest.raises(SpecError, match="cannot be a path"):
                list(ask(path) or ())

    @pytest.mark.parametrize("path", STRANGE)
    def test_a_strange_name_is_itself(self, store: ObjectStore, path: str) -> None:
        assert store.create(path, path.encode())
        assert store.get(path) == path.encode()
        assert [info.path for info in store.list("")] == [path]
