"""Blobs: bytes named by their content, so that the name proves them.

A file is `blobs/sha256/ab/<hex>`. A folder is a manifest, the canonical JSON list of its files' path, size and sha256,
at `blobs/folder-sha256/ab/<hex>`; its files are blobs of their own, shared by all folders that hold them.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.names import canonical, sha256
from taxiway.core.records import Record, load_record
from taxiway.stores.entries import encode, parse
from taxiway.stores.objects import ObjectStore
from taxiway.stores.paths import check_path

_DIGEST = re.compile(r"(sha256|folder-sha256):([0-9a-f]{64})")
_CHUNK_BYTES = 8 * 1024 * 1024
_LOOK_FIRST_BYTES = 64 * 1024
"""Larger blobs are looked for before they are sent: a question is cheaper than the bytes."""


class FolderBlob(NamedTuple):
    """A stored folder: `folder-sha256:<hex>`, the bytes of all its files together, and where its manifest lies."""

    digest: str
    size_bytes: int
    uri: str


class _File(NamedTuple):
    path: str
    size_bytes: int
    sha256: str


class Blobs:
    """Content-addressed bytes in a store. Putting the same bytes again is free of effect."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, data: bytes) -> str:
        """Stores bytes and gives their `sha256:<hex>`.

        Raises:
            IntegrityError: an object of that name has another size.
        """
        digest = sha256(data)
        self._put(digest, data)
        return digest

    def put_file(self, file: Path) -> str:
        """Stores a file of any size, in bounded memory, and gives its `sha256:<hex>`.

        Raises:
            IntegrityError: it changed meanwhile, or an object of that name has another size.
        """
        if file.stat().st_size <= _CHUNK_BYTES:
            return self.put(file.read_bytes())
        digest, size = _hash(file)
        if not self._there(digest, size):
            self._store.upload(blob_path(digest), _promised(file, digest))
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a digest.

        Raises:
            NotFound: there is no such blob.
            IntegrityError: they are other bytes; the object is named.
        """
        path = blob_path(digest)
        data = self._store.get(path)
        self._require(digest.rpartition(":")[2], hashlib.sha256(data).hexdigest(), path)
        return data

    def put_folder(self, folder: Path) -> FolderBlob:
        """Stores all files of a folder; it becomes visible with its manifest, which is written last.

        Raises:
            SpecError: it is empty, or holds a symbolic link, a device, or a name that no store can hold.
        """
        files = [self._put_member(folder, file) for file in _members(folder)]
        if not files:
            raise SpecError("there is nothing in this folder", where=str(folder), do="Save something in it.")
        manifest = canonical([file._asdict() for file in files])
        digest = f"folder-{sha256(manifest)}"
        self._put(digest, manifest)
        return FolderBlob(digest, sum(file.size_bytes for file in files), self._store.uri + blob_path(digest))

    def fetch_folder(self, digest: str, to: Path) -> Path:
        """Writes a stored folder to `to`, every file verified; it appears when it is whole.

        A folder that is there already is verified instead.

        Raises:
            NotFound: a blob is missing.
            IntegrityError: a blob is not what its name says, or the manifest names a path outside the folder.
            SpecError: `to` holds something else.
        """
        files = self._manifest(digest)
        if to.exists() and any(to.iterdir()):
            _require_same(to, files)
            return to
        to.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".taxiway-", dir=to.parent))
        try:
            for file in files:
                self._fetch(file, scratch / file.path)
            scratch.replace(to)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        return to

    def put_record(self, record: Record) -> str:
        """Stores a record as canonical JSON and gives its digest, which is its `fingerprint()`."""
        return self.put(encode(record))

    def get_record(self, digest: str) -> Record:
        """The record of a digest.

        Raises:
            NotFound: there is no such blob.
            IntegrityError: it is other bytes, or not JSON.
            SpecError: it is no record that this version knows.
        """
        return load_record(parse(self.get(digest), self._store.uri + blob_path(digest)))

    def _put(self, digest: str, data: bytes) -> None:
        if len(data) > _LOOK_FIRST_BYTES and self._there(digest, len(data)):
            return
        if not self._store.create(blob_path(digest), data):
            self._there(digest, len(data))

    def _there(self, digest: str, size: int) -> bool:
        path = blob_path(digest)
        info = self._store.head(path)
        if info is not None and info.size_bytes != size:
            raise IntegrityError(
                "this blob is damaged",
                where=self._store.uri + path,
                expected=f"{size} bytes",
                got=f"{info.size_bytes} bytes",
                do="Delete this object and put it again.",
            )
        return info is not None

    def _put_member(self, folder: Path, file: Path) -> _File:
        path = check_path(file.relative_to(folder).as_posix(), where=str(folder))
        digest = self.put_file(file)
        return _File(path, file.stat().st_size, digest.rpartition(":")[2])

    def _manifest(self, digest: str) -> list[_File]:
        where = self._store.uri + blob_path(digest)
        try:
            files = [_File(check_path(path, where=where), size, hexes) for path, size, hexes in _rows(self.get(digest))]
        except (TypeError, ValueError, KeyError) as error:
            raise IntegrityError("this is not the manifest of a folder", where=where, got=str(error)) from None
        return files

    def _fetch(self, file: _File, to: Path) -> None:
        path = blob_path(f"sha256:{file.sha256}")
        self._store.download(path, to)
        self._require(file.sha256, _hash(to)[0].rpartition(":")[2], path)

    def _require(self, expected: str, got: str, path: str) -> None:
        if got != expected:
            raise IntegrityError(
                "these bytes are not what the object's name promises",
                where=self._store.uri + path,
                expected=f"sha256 {expected}",
                got=f"sha256 {got}",
                do="Restore this object from a backup, or delete it and make it again.",
            )


def folder_digest(folder: Path) -> str:
    """The digest that a folder has as a blob, from the bytes that lie in it now; no store is asked.

    Raises:
        SpecError: it holds a symbolic link or a device, or is not there.
    """
    rows = [(file, _hash(file)[0].rpartition(":")[2]) for file in _members(folder)]
    files = [_File(file.relative_to(folder).as_posix(), file.stat().st_size, hexes) for file, hexes in rows]
    return f"folder-{sha256(canonical([file._asdict() for file in files]))}"


def blob_path(digest: str) -> str:
    """Where the blob of a digest lies in its store.

    Raises:
        SpecError: this is no digest of a blob.
    """
    match = _DIGEST.fullmatch(digest)
    if not match:
        raise SpecError("this is no digest of a blob", expected="sha256:<64 hexadecimal digits>", got=repr(digest))
    algorithm, hexes = match.groups()
    return f"blobs/{algorithm}/{hexes[:2]}/{hexes}"


def _rows(data: bytes) -> Iterator[tuple[str, int, str]]:
    rows: list[dict[str, Any]] = parse(data, "a folder's manifest")
    for row in rows:
        blob_path(f"sha256:{row['sha256']}")
        yield row["path"], int(row["size_bytes"]), row["sha256"]


def _members(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise SpecError("there is no such folder", where=str(folder), do="Save the model into a folder first.")
    found = sorted(folder.rglob("*"), key=lambda file: file.relative_to(folder).as_posix())
    for file in found:
        if file.is_symlink() or not (file.is_file() or file.is_dir()):
            raise SpecError(
                "only plain files and folders can be stored",
                where=str(file),
                got="a symbolic link" if file.is_symlink() else "a device, socket or pipe",
                do="Replace it by the file itself.",
            )
    return [file for file in found if file.is_file()]


def _hash(file: Path) -> tuple[str, int]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return f"sha256:{digest}", stream.tell()


def _promised(file: Path, digest: str) -> Iterator[bytes]:
    """The file's chunks; the last one only if all of them together are what `digest` promises."""
    hasher = hashlib.sha256()
    held = b""
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            hasher.update(chunk)
            if held:
                yield held
            held = chunk
    if f"sha256:{hasher.hexdigest()}" != digest:
        raise IntegrityError(
            "the file changed while it was stored", where=str(file), do="Store it when it is finished."
        )
    yield held


def _require_same(folder: Path, files: list[_File]) -> None:
    there = {file.relative_to(folder).as_posix(): file for file in _members(folder)}
    promised = {file.path: f"sha256:{file.sha256}" for file in files}
    if there.keys() != promised.keys() or any(_hash(there[path])[0] != digest for path, digest in promised.items()):
        raise SpecError(
            "this folder holds something else already",
            where=str(folder),
            do="Fetch into a folder that is empty or does not exist.",
        )
