"""Checksums: what names the bytes of an object, and how it is found out that they changed.

The guarantee: an object's bytes are compared with its snapshot in full, by SHA-256 (about 1.6 GB/s and core), where
the data lies on a local disk, and by the ETag that the store vouches for elsewhere. It is done when a stage opens the
data, once per process. What is written over the data while a stage reads it is found by the next stage, not by this
one: keep snapshots where nobody overwrites files.
"""

from __future__ import annotations

import hashlib
import posixpath
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from taxiway.core.data import DataObject
from taxiway.core.errors import BackendError, IntegrityError, SpecError
from taxiway.stores.objects import ObjectInfo, ObjectStore

_FEW = 16
_SETTLED_NS = 2_000_000_000
_THREADS = 4


class _Stamp(NamedTuple):
    """What changes when a local file does."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int


_known: dict[str, tuple[_Stamp, str]] = {}


def local_folder(uri: str) -> Path | None:
    """The folder of a `file://` URI; None for any other."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def checksums(infos: Sequence[ObjectInfo], source: ObjectStore) -> list[str]:
    """What names the bytes of each object: `sha256:…` where they are at hand, `etag:…` elsewhere.

    Raises:
        SpecError: an object cannot be read.
        BackendError: an object is being written, or the store vouches for nothing.
    """
    folder = local_folder(source.uri)
    if folder is not None:
        with ThreadPoolExecutor(_THREADS) as threads:
            return list(threads.map(lambda info: _of_file(folder / info.path), infos))
    if source.uri.startswith("memory:"):
        return [f"sha256:{hashlib.sha256(source.get(info.path)).hexdigest()}" for info in infos]
    return [_etag(info, source) for info in infos]


def verify(objects: Sequence[DataObject], source: ObjectStore) -> None:
    """Returns if every object still has the bytes of its snapshot.

    Raises:
        IntegrityError: one has not; it is named.
    """
    present = dict(_present([one.place for one in objects], source))
    for one in objects:
        if one.place not in present:
            raise _changed(one, source, "it is gone")
        if present[one.place].size_bytes != one.size_bytes:
            raise _changed(one, source, f"{present[one.place].size_bytes} bytes")
    now = checksums([present[one.place] for one in objects], source)
    for one, checksum in zip(objects, now, strict=True):
        if checksum != one.checksum:
            raise _changed(one, source, checksum)


def _present(paths: Sequence[str], source: ObjectStore) -> Iterator[tuple[str, ObjectInfo]]:
    """Those of the paths that exist: a HEAD each for a few, one LIST for many."""
    if not source.remote or len(paths) <= _FEW:
        for path in paths:
            info = source.head(path)
            if info is not None:
                yield path, info
        return
    folder = posixpath.commonpath([path.rpartition("/")[0] for path in paths])
    wanted = set(paths)
    yield from ((info.path, info) for info in source.list(folder) if info.path in wanted)


def _changed(one: DataObject, source: ObjectStore, got: str) -> IntegrityError:
    return IntegrityError(
        "the data changed since its snapshot",
        where=f"{source.uri}{one.place}",
        expected=f"{one.size_bytes} bytes, {one.checksum}",
        got=got,
        do="Run the pipeline from validation on, so that the new data is validated before it is used.",
    )


def _etag(info: ObjectInfo, source: ObjectStore) -> str:
    if not info.etag:
        raise BackendError(
            "the store gives no ETag",
            where=f"{source.uri}{info.path}",
            do="Use a store that does; without one nobody can tell that data changed.",
        )
    return f"etag:{info.etag.removeprefix('W/').strip(chr(34))}"


def _of_file(path: Path) -> str:
    """`sha256:…` of a file; remembered while the file's stamp stays the same and is not too fresh to be trusted."""
    try:
        before = _stamp(path)
        known = _known.get(str(path))
        if known is not None and known[0] == before:
            return known[1]
        with path.open("rb") as file:
            checksum = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        after = _stamp(path)
    except OSError as error:
        raise SpecError(
            "a data file cannot be read", where=str(path), got=str(error), do="Give the job the right to read it."
        ) from error
    if after != before:
        raise BackendError("a data file is being written", where=str(path), do="Try again when its writer is done.")
    if time.time_ns() - max(after.modified_ns, after.changed_ns) > _SETTLED_NS:
        _known[str(path)] = (after, checksum)
    return checksum


def _stamp(path: Path) -> _Stamp:
    stat = path.stat()
    return _Stamp(stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
