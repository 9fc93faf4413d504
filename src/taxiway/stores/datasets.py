"""Datasets: one immutable snapshot of data that changes, cheap to take and the same on every machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from taxiway.core.data import DataObject, DatasetRef
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.names import canonical, digest_of, sha256
from taxiway.core.specs.data import Dataset, Format
from taxiway.stores.blobs import Blobs
from taxiway.stores.checksums import checksums, local_folder
from taxiway.stores.listing import Location, NoData, find, locate
from taxiway.stores.objects import ObjectInfo, ObjectStore, open_store
from taxiway.stores.pointers import follow
from taxiway.stores.tables import DataFile, DataFiles, delta_files, iceberg_files


def snapshot(dataset: Dataset, store: ObjectStore, *, sample_rows: int | None = None) -> DatasetRef:
    """The state of a dataset now, as a record that names its bytes; its list of objects becomes a blob of the store.

    Costs one LIST (one HEAD for a single file), and for local data one read of everything. The digest depends on the
    objects' paths under the dataset's root, their sizes and their bytes, not on where the root is.

    Args:
        dataset: what to take; its URI is rendered.
        store: takes the list of objects.
        sample_rows: mean only so many of the first rows.

    Raises:
        SpecError: there is no data, a file cannot be read, formats are mixed, or a table has no such version.
    """
    if sample_rows is not None and sample_rows < 1:
        raise SpecError("a sample has rows", where=f"dataset {dataset.name!r}", expected="1 or more", got=sample_rows)
    location = locate(dataset.uri)
    source = open_store(location.root)
    kind, infos = find(dataset, location, source)
    found = _data_files(dataset, kind, location, source, infos)
    manifest = _manifest(found, dataset)
    return DatasetRef(
        name=dataset.name,
        uri=found.root,
        digest=_digest(manifest),
        manifest=Blobs(store).put(canonical([one.dump() for one in manifest])),
        format=found.format,
        rows=_sum_of_rows(manifest),
        size_bytes=sum(one.size_bytes for one in manifest),
        objects=len(manifest),
        personal=dataset.personal,
        at=found.version,
        sample_rows=sample_rows,
    )


def fingerprint(dataset: Dataset) -> str:
    """Changes whenever an object of a dataset is added, taken away or written again; empty while there is none.

    Costs one LIST (one HEAD for a single file), and reads nothing.

    Raises:
        SpecError: its files are of different formats.
    """
    location = locate(dataset.uri)
    try:
        _, infos = find(dataset, location, open_store(location.root))
    except NoData:
        return ""
    return digest_of([[info.path, info.size_bytes, info.etag] for info in infos])


def objects(ref: DatasetRef, store: ObjectStore) -> tuple[DataObject, ...]:
    """The objects of a snapshot, by path.

    Raises:
        NotFound: the store has no such list.
        IntegrityError: the list is not the one that the digest was made of.
    """
    entries = json.loads(Blobs(store).get(ref.manifest))
    manifest = tuple(DataObject.load(entry) for entry in entries)
    if _digest(manifest) != ref.digest:
        raise IntegrityError(
            "a snapshot's list of objects belongs to another snapshot",
            where=f"dataset {ref.name!r}",
            expected=ref.digest,
            got=_digest(manifest),
        )
    return manifest


def subset(whole: DatasetRef, chosen: Sequence[DataObject], store: ObjectStore) -> DatasetRef:
    """A snapshot of some objects under the root of another; its list of objects becomes a blob of the store."""
    return whole.model_copy(
        update={
            "digest": _digest(chosen),
            "manifest": Blobs(store).put(canonical([one.dump() for one in chosen])),
            "rows": _sum_of_rows(chosen),
            "size_bytes": sum(one.size_bytes for one in chosen),
            "objects": len(chosen),
        }
    )


def _data_files(
    dataset: Dataset, kind: Format, location: Location, source: ObjectStore, infos: list[ObjectInfo]
) -> DataFiles:
    if dataset.at is not None and kind not in (Format.DELTA, Format.ICEBERG):
        raise SpecError(
            "only a Delta or Iceberg table has versions",
            where=f"dataset {dataset.name!r}",
            got=f"at={dataset.at} for {kind}",
            do="Take `at` out.",
        )
    if kind is Format.DELTA:
        return delta_files(source.uri, dataset.at, infos)
    if kind is Format.ICEBERG:
        return iceberg_files(source.uri, dataset.at, infos)
    if kind is Format.DVC:
        return follow(dataset, location, source)
    return DataFiles(kind, source.uri, [DataFile(info.path, info) for info in infos])


def _manifest(found: DataFiles, dataset: Dataset) -> tuple[DataObject, ...]:
    source = open_store(found.root)
    empty = next((file.info.path for file in found.files if not file.info.size_bytes), None)
    if empty is not None or not found.files:
        raise SpecError(
            "the dataset is empty",
            where=f"dataset {dataset.name!r} at {dataset.uri}",
            got=f"a file of 0 bytes, {empty}" if empty is not None else "a table without files",
            do="Was its writer interrupted? Write it again, or take the empty file away.",
        )
    names = checksums([file.info for file in found.files], source)
    folder = local_folder(found.root) if found.format is Format.PARQUET else None
    return tuple(
        DataObject(
            path=file.path,
            size_bytes=file.info.size_bytes,
            checksum=name,
            rows=_rows_in(folder / file.info.path) if folder is not None else file.rows,
            stored=file.info.path if file.info.path != file.path else None,
        )
        for file, name in zip(found.files, names, strict=True)
    )


def _rows_in(path: Path) -> int:
    """What a Parquet file's footer says."""
    import polars as pl

    try:
        return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SpecError(
            "this is not a whole Parquet file",
            where=str(path),
            got=str(error),
            do="Was its writer interrupted? Write it again, or take it away.",
        ) from error


def _digest(manifest: Sequence[DataObject]) -> str:
    by_etag = any(not one.checksum.startswith("sha256:") for one in manifest)
    lines = sorted([one.path, one.size_bytes, one.checksum] for one in manifest)
    return f"manifest-{'etag' if by_etag else 'sha256'}:{sha256(canonical(lines)).removeprefix('sha256:')}"


def _sum_of_rows(manifest: Sequence[DataObject]) -> int | None:
    rows = [one.rows for one in manifest]
    return sum(number for number in rows if number is not None) if None not in rows else None
