"""A store of objects: a small face over obstore, with paths that cannot escape and one way to fail.

Only two writes exist. `create` is put-if-absent and is what everything durable is made of; `replace` is for hints and
caches, which may be lost. Both are atomic: a reader sees the whole object or none, whoever is killed when.
"""

import builtins
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from taxiway.core.errors import BackendError, SpecError
from taxiway.stores import folder
from taxiway.stores.backends import Backend, connect, share
from taxiway.stores.chance import CHANCE
from taxiway.stores.faults import ConnectionLost, NotFound, translate, translated
from taxiway.stores.paths import check_path, require_inside

__all__ = ["ConnectionLost", "NotFound", "ObjectInfo", "ObjectStore", "open_store"]

PATIENCE_S = 60.0
_CHUNK_BYTES = 8 * 1024 * 1024
_LARGEST_PUT_BYTES = 5 * 1000**3


class ObjectInfo(NamedTuple):
    """An object's path within the store, its length, and the store's own tag for its content.

    `modified_at` is when it was written, in seconds since 1970 by the store's clock; only `head` says it.
    """

    path: str
    size_bytes: int
    etag: str | None
    modified_at: float | None = None


class ObjectStore:
    """Objects under one root; all paths are relative to it and checked.

    Every method raises `SpecError` for a path that no store can hold, and `BackendError` when the store is read-only,
    full, slow, unreachable or refuses; no operation takes longer than a small multiple of `patience_s`.
    It can be used by several threads, but not in a child that was forked after its first use: open it again there.

    Attributes:
        backend: what it goes through; for other ways to open it.
        uri: normalised, ends with `/`.
        options: the credentials and options it was opened with, for libraries that open the same place themselves.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.uri = backend.uri
        self.options = backend.options

    def __repr__(self) -> str:
        return f"ObjectStore({self.uri!r})"

    @property
    def remote(self) -> bool:
        """Whether every request is a round trip, so that fewer requests are worth more than shorter listings."""
        return self.backend.root is None and not self.uri.startswith("memory:")

    def get(self, path: str) -> bytes:
        """An object's bytes.

        Raises:
            NotFound: there is none.
        """
        key = self._key(path)
        with translated(self.uri + path):
            if self.backend.root is not None:
                return folder.read(Path("/", key))
            return bytes(obstore.get(self.backend.client, key).bytes())

    def read(self, path: str) -> bytes | None:
        """An object's bytes, or None when there is none."""
        try:
            return self.get(path)
        except NotFound:
            return None

    def head(self, path: str) -> ObjectInfo | None:
        """What the store knows about an object, or None when there is none.

        S3 answers a HEAD without saying why, so a missing bucket is None here; every other request names it.
        """
        key = self._key(path)
        try:
            with translated(self.uri + path):
                meta = obstore.head(self.backend.client, key)
        except NotFound:
            return None
        return ObjectInfo(path, meta["size"], meta["e_tag"], meta["last_modified"].timestamp())

    def create(self, path: str, data: bytes | Path) -> bool:
        """Puts an object if there is none; gives False when there is one already.

        False does not say whose: when the answer to a first attempt is lost, the object found may be our own. Callers
        compare what lies there. It is one conditional request, never a multipart upload, because obstore has no
        conditional one: for a file this costs its size in memory (except in a local folder) and ends at 5 GB.
        Content-addressed data of any size goes through `upload`.

        Raises:
            SpecError: a file is too large.
        """
        key = self._key(path)
        deadline = time.monotonic() + self.backend.patience_s
        pause_s = 0.02
        while True:
            try:
                made = self._create_once(path, key, data)
            except ConnectionLost:
                if time.monotonic() > deadline:
                    raise
                made = None
            if made is not None:
                return made
            if time.monotonic() > deadline:
                raise BackendError(
                    "the store could not decide between several writers in time",
                    where=self.uri + path,
                    do="Try again.",
                )
            time.sleep(CHANCE.uniform(0, pause_s))
            pause_s = min(2 * pause_s, 1.0)

    def replace(self, path: str, data: bytes) -> None:
        """Puts an object whether or not there is one; for hints and caches only."""
        key = self._key(path)
        with translated(self.uri + path):
            if self.backend.root is not None:
                folder.replace(Path("/", key), data)
            else:
                obstore.put(self.backend.client, key, data, mode="overwrite", use_multipart=False)

    def upload(self, path: str, chunks: Iterable[bytes]) -> None:
        """Puts an object of any size in bounded memory, whether or not there is one.

        Only for objects named by their content, where writing again writes the same. When `chunks` raises, its error
        is raised and nothing is visible.
        """
        key = self._key(path)
        source = _Source(chunks)
        try:
            with translated(self.uri + path):
                obstore.put(self.backend.client, key, source, chunk_size=_CHUNK_BYTES, max_concurrency=4)
        finally:
            if source.error is not None:
                raise source.error

    def list(self, prefix: str, *, after: str | None = None) -> Iterator[ObjectInfo]:
        """All objects under a folder (`""` for all), ordered by path; with `after`, only those behind that path."""
        key = self._folder(prefix)
        behind = check_path(after) if after is not None else ""
        with translated(self.uri + prefix):
            if self.backend.root is not None:
                found = folder.walk(self.backend.root, prefix.rstrip("/"), behind)
                yield from (ObjectInfo(*file) for file in sorted(found))
            else:
                yield from self._pages(key, behind)

    def folders(self, prefix: str) -> builtins.list[str]:
        """The names of the folders directly under a folder, ordered."""
        key = self._folder(prefix)
        with translated(self.uri + prefix):
            if self.backend.root is not None:
                return sorted(folder.folders(Path("/", key)))
            found = obstore.list_with_delimiter(self.backend.client, prefix=key or None)["common_prefixes"]
        return sorted(each.rstrip("/").rpartition("/")[2] for each in found)

    def download(self, path: str, to: Path) -> None:
        """Writes an object to a local file, in bounded memory; the file appears when it is whole.

        Raises:
            NotFound: there is no such object.
        """
        key = self._key(path)
        with translated(self.uri + path):
            result = obstore.get(self.backend.client, key)
        with translated(f"{self.uri}{path} to {to}"):
            to.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".taxiway-", dir=to.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    for chunk in result.stream(min_chunk_size=_CHUNK_BYTES):
                        file.write(chunk)
                Path(name).replace(to)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise

    def delete(self, path: str) -> None:
        """Removes an object if there is one; for caches and probes only."""
        key = self._key(path)
        try:
            with translated(self.uri + path):
                obstore.delete(self.backend.client, key)
        except NotFound:
            return

    def turn(self, prefix: str, patience_s: float) -> AbstractContextManager[None]:
        """Lets writers of a folder's objects on one machine run one after the other, instead of losing races.

        A courtesy, not a lock: it is void for a store that is no local folder, and after `patience_s`.
        """
        key = self._folder(prefix)
        if self.backend.root is None:
            return nullcontext()
        return folder.turn(Path("/", key, "turn#0"), patience_s)

    def _pages(self, key: str, behind: str) -> Iterator[ObjectInfo]:
        """What obstore lists, a page at a time; only the memory's pages are not in order."""
        offset = self.backend.prefix + behind if behind else None
        pages = obstore.list(self.backend.client, prefix=key or None, offset=offset)
        found = (meta for page in pages for meta in page)
        for meta in found if self.remote else sorted(found, key=lambda meta: meta["path"]):
            yield ObjectInfo(meta["path"].removeprefix(self.backend.prefix), meta["size"], meta["e_tag"])

    def _key(self, path: str) -> str:
        check_path(path, where=self.uri)
        self._require_inside(path)
        return self.backend.prefix + path

    def _folder(self, prefix: str) -> str:
        inner = prefix.rstrip("/")
        return self._key(inner) if inner else self.backend.prefix

    def _require_inside(self, path: str) -> None:
        if self.backend.root is not None:
            require_inside(self.backend.root, path)

    def _create_once(self, path: str, key: str, data: bytes | Path) -> bool | None:
        """True when it was made, False when there was one, None when the store could not say."""
        try:
            if self.backend.root is not None:
                return folder.create(Path("/", key), data)
            body = _whole(data) if isinstance(data, Path) else data
            obstore.put(self.backend.client, key, body, mode="create", use_multipart=False)
        except AlreadyExistsError as error:
            return self._settle(path, error)
        except (BaseError, OSError) as error:
            raise translate(error, self.uri + path) from None
        return True

    def _settle(self, path: str, error: AlreadyExistsError) -> bool | None:
        """What `exists already` means: S3 answers 409 while another writer is under way, and obstore takes it for 412.

        A 409 is believed only when the object is there.
        """
        text = str(error)
        if "409 Conflict" not in text or self.head(path) is not None:
            return False
        if "ConditionalRequestConflict" in text or "OperationAborted" in text:
            return None
        raise translate(error, self.uri + path) from None


class _Source:
    """Chunks for obstore, which remembers what they raised: obstore would wrap it."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except StopIteration:
            raise
        except Exception as error:
            self.error = error
            raise


def _whole(file: Path) -> bytes:
    size = file.stat().st_size
    if size > _LARGEST_PUT_BYTES:
        raise SpecError(
            "the file is too large for one conditional request",
            where=str(file),
            expected=f"at most {_LARGEST_PUT_BYTES:,} bytes",
            got=f"{size:,} bytes",
            do="Save it as several files, or as a blob.",
        )
    return file.read_bytes()


def open_store(
    uri: str,
    *,
    credentials: Mapping[str, str] | None = None,
    patience_s: float = PATIENCE_S,
    beside: ObjectStore | None = None,
) -> ObjectStore:
    """The store at `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.

    Nothing is asked of the store yet; a folder is made by the first write. `memory://name` is for tests: the same name
    is the same store within a process.

    Args:
        uri: where it is; no credentials in it.
        credentials: obstore's option names (`access_key_id`, `endpoint`, `region`, …). What is missing comes from the
            environment, as AWS's, Google's and Azure's own tools read it. Plain http is allowed for an endpoint on
            the loopback interface only, unless `AWS_ALLOW_HTTP` is true.
        patience_s: how long one operation may take, repetitions included.
        beside: a store that is open: if it is in the same bucket, and was opened without credentials, too, they share
            its connections and its patience, which saves the time to make new ones.

    Raises:
        SpecError: the URI names no store, or an option is unknown.
    """
    shared = share(beside.backend, uri) if beside and not credentials else None
    return ObjectStore(shared or connect(uri, credentials, patience_s))
