"""Pointers: the data that a `.dvc` file names, found beside it or in the cache of DVC, and proved by its MD5."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.specs.data import Dataset, Format
from taxiway.stores.checksums import local_folder
from taxiway.stores.listing import Location, format_of
from taxiway.stores.objects import NotFound, ObjectStore, open_store
from taxiway.stores.tables import DataFile, DataFiles

_CACHES = (".dvc/cache/files/md5/", ".dvc/cache/")


class _Pointer(NamedTuple):
    """What a `.dvc` file says: the data's path beside it, and the MD5 of its bytes, or of its list of files."""

    path: str
    md5: str
    where: str

    @property
    def folder(self) -> bool:
        return self.md5.endswith(".dir")


def follow(dataset: Dataset, location: Location, source: ObjectStore) -> DataFiles:
    """The files a `.dvc` pointer names; the working copy beside it if that has the right bytes, else the cache.

    A dataset's name for a file stays the same wherever its bytes are found, so the digest of the snapshot does, too.

    Raises:
        SpecError: this is no pointer to one output, or the data is nowhere.
        IntegrityError: the only copy has other bytes than the pointer says.
    """
    pointer = _read(location, source)
    wrong = ""
    for root, files in _candidates(pointer, location, source):
        if files is None:
            wrong = root
            continue
        if not files:
            raise SpecError("the .dvc pointer names an empty folder", where=pointer.where)
        return DataFiles(_format(dataset, pointer, files), root, files)
    if wrong:
        raise IntegrityError(
            "the data beside a .dvc pointer is not what the pointer says",
            where=f"{wrong}{pointer.path}",
            expected=f"md5 {pointer.md5}",
            do="Run `dvc checkout`, or `dvc add` if the data is right.",
        )
    raise SpecError(
        "the data of a .dvc pointer is neither beside it nor in the cache",
        where=pointer.where,
        expected=f"{pointer.path} or an object {pointer.md5} in .dvc/cache",
        do="Run `dvc pull` where the job can see it.",
    )


def _read(location: Location, source: ObjectStore) -> _Pointer:
    where = f"{location.root}{location.pattern}"
    if importlib.util.find_spec("yaml") is None:
        raise SpecError("pyyaml is not installed", where=where, do="Run `pip install taxiway[dvc]` where the job runs.")
    import yaml  # type: ignore[import-untyped,unused-ignore]

    try:
        said: Any = yaml.safe_load(source.get(location.pattern))
        (output,) = said["outs"]
        pointer = _Pointer(str(output["path"]), str(output["md5"]), where)
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError, ValueError) as error:
        raise SpecError(
            "this is not a .dvc pointer to one output",
            where=where,
            expected="a YAML file with `outs:` of one entry, with `path` and `md5`",
            got=f"{type(error).__name__}: {error}",
            do="Make one with `dvc add`.",
        ) from error
    digits = pointer.md5.removesuffix(".dir")
    if len(digits) != 32 or not set(digits) <= set("0123456789abcdef"):  # noqa: PLR2004 - an MD5 has 32 digits
        raise SpecError("this is not an MD5", where=where, got=repr(pointer.md5))
    return pointer


def _candidates(
    pointer: _Pointer, location: Location, source: ObjectStore
) -> Iterator[tuple[str, list[DataFile] | None]]:
    """Roots under which the data may lie, with the files found there; None for files that are not the right ones."""
    try:
        beside = _beside(pointer, source)
    except SpecError:  # a working copy of links into the cache, which lead out of this folder
        beside = []
    if beside != []:
        yield source.uri, beside
    for root in _roots(location.root):
        for layout in _CACHES:
            found = _cached(pointer, open_store(f"{root}{layout}"))
            if found is not None:
                yield f"{root}{layout}", found


def _roots(uri: str) -> list[str]:
    """The folder itself and, on a local disk, those above it up to the repository's."""
    folder = local_folder(uri)
    if folder is None:
        return [uri]
    repository = next((one for one in (folder, *folder.parents) if (one / ".dvc").is_dir()), None)
    return [f"{repository.as_uri()}/"] if repository is not None else []


def _beside(pointer: _Pointer, source: ObjectStore) -> list[DataFile] | None:
    if not pointer.folder:
        info = source.head(pointer.path)
        if info is None:
            return []
        name = pointer.path.rpartition("/")[2]
        return [DataFile(name, info)] if _md5(source, info.path) == pointer.md5 else None
    prefix = f"{pointer.path.rstrip('/')}/"
    files = sorted(DataFile(info.path.removeprefix(prefix), info) for info in source.list(prefix))
    listing = [{"md5": _md5(source, one.info.path), "relpath": one.path} for one in files]
    proof = hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    return files if not files or f"{proof}.dir" == pointer.md5 else None


def _cached(pointer: _Pointer, cache: ObjectStore) -> list[DataFile] | None:
    """The files in the cache; None when they are not there."""
    name = pointer.path.rstrip("/").rpartition("/")[2]
    if not pointer.folder:
        entries = [{"md5": pointer.md5, "relpath": name}]
    else:
        try:
            entries = json.loads(cache.get(_key(pointer.md5)))
        except NotFound:
            return None
    files = []
    for entry in entries:
        info = cache.head(_key(entry["md5"]))
        if info is None:
            return None
        if _md5(cache, info.path) != entry["md5"]:
            raise IntegrityError(
                "an object in the cache of DVC is corrupt",
                where=f"{cache.uri}{info.path}",
                expected=f"md5 {entry['md5']}",
                do="Delete it and run `dvc pull`.",
            )
        files.append(DataFile(entry["relpath"], info))
    return sorted(files)


def _key(md5: str) -> str:
    return f"{md5[:2]}/{md5[2:]}"


def _md5(source: ObjectStore, path: str) -> str:
    folder = local_folder(source.uri)
    with tempfile.TemporaryDirectory() as scratch:
        file = folder / path if folder is not None else Path(scratch) / "object"
        if folder is None:
            source.download(path, file)
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _format(dataset: Dataset, pointer: _Pointer, files: list[DataFile]) -> Format:
    kinds = {format_of(one.path) for one in files}
    (kind,) = kinds if len(kinds) == 1 else (None,)
    if kind not in (Format.PARQUET, Format.CSV):
        raise SpecError(
            "a .dvc pointer must lead to Parquet or CSV files",
            where=f"dataset {dataset.name!r}, {pointer.where}",
            got=", ".join(one.path for one in files[:5]),
        )
    return kind
