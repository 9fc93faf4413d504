"""Tables: which data files a Delta or Iceberg table has at a version, relative to the table's root."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from taxiway.core.errors import SpecError
from taxiway.core.specs.data import Format
from taxiway.stores.cloud import cloud_options, iceberg_options
from taxiway.stores.listing import ICEBERG_METADATA
from taxiway.stores.objects import ObjectInfo


class DataFile(NamedTuple):
    """One object of a dataset.

    Attributes:
        path: its name within the dataset.
        info: where it lies under the root, and how long it is.
        rows: how many it holds, if that is known.
    """

    path: str
    info: ObjectInfo
    rows: int | None = None


class DataFiles(NamedTuple):
    """The objects of a dataset at one moment.

    Attributes:
        format: how the rows are stored.
        root: URI of the folder that all paths are relative to.
        files: the objects, by path.
        version: of the table.
    """

    format: Format
    root: str
    files: list[DataFile]
    version: int | None = None


def delta_files(root: str, version: int | None, everything: Sequence[ObjectInfo]) -> DataFiles:
    """The data files of a Delta table; the newest version if none is given.

    Raises:
        SpecError: there is no such version, `deltalake` is not installed, or rows are deleted by vectors.
    """
    _require("deltalake", "delta")
    if "%" in root:
        raise SpecError(
            "polars cannot read a Delta table whose path has spaces or special characters",
            where=root,
            do="Rename the table's folder, or the folders above it.",
        )
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        table = DeltaTable(root, version=version, storage_options=cloud_options(root))
        actions: Any = table.get_add_actions(flatten=True)
    except (DeltaError, TableNotFoundError, OSError, ValueError) as error:
        raise _no_version("Delta table", root, version, error) from error
    names = list(actions.schema.names)
    if any(name.startswith("deletion_vector") for name in names):
        _refuse_vectors(root, actions)
    paths = [unquote(str(path)) for path in _column(actions, "path")]
    rows = _column(actions, "num_records") if "num_records" in names else [None] * len(paths)
    return DataFiles(Format.DELTA, root, _pick(root, paths, rows, everything), int(table.version()))


def iceberg_files(root: str, version: int | None, everything: Sequence[ObjectInfo]) -> DataFiles:
    """The data and delete files of an Iceberg table at a snapshot; the current one if none is given.

    Raises:
        SpecError: there is no such snapshot, `pyiceberg` is not installed, or a file lies outside the table's folder.
    """
    _require("pyiceberg", "iceberg")
    from pyiceberg.table import StaticTable

    try:
        table = StaticTable.from_metadata(root + newest_metadata(root, everything), iceberg_options(root))
    except (OSError, ValueError) as error:
        raise _no_version("Iceberg table", root, version, error) from error
    found = table.snapshot_by_id(version) if version is not None else table.current_snapshot()
    if found is None:
        known = ", ".join(str(one.snapshot_id) for one in table.snapshots()[-5:]) or "none"
        raise _no_version("Iceberg table", root, version, f"the snapshots are {known}")
    rows: dict[str, int | None] = {}
    for task in table.scan(snapshot_id=found.snapshot_id).plan_files():
        rows[task.file.file_path] = None if task.delete_files else task.file.record_count
        rows |= {one.file_path: None for one in task.delete_files}
    base = table.location().rstrip("/") + "/"
    outside = next((path for path in rows if not path.startswith(base)), None)
    if outside is not None:
        raise SpecError("a file lies outside the table's folder", where=root, expected=f"under {base}", got=outside)
    paths = [path.removeprefix(base) for path in rows]
    return DataFiles(Format.ICEBERG, root, _pick(root, paths, list(rows.values()), everything), found.snapshot_id)


def newest_metadata(root: str, everything: Iterable[ObjectInfo]) -> str:
    """The path of an Iceberg table's newest metadata: the one with the greatest number.

    Raises:
        SpecError: there is none.
    """
    paths = [one.path for one in everything if ICEBERG_METADATA.fullmatch(one.path)]
    if not paths:
        raise SpecError(
            "there is no Iceberg table", where=root, expected="metadata/….metadata.json", do="Check the URI."
        )
    return str(max(paths, key=lambda path: (_number(path), path)))


def _number(path: str) -> int:
    digits = path.removeprefix("metadata/").removeprefix("v").partition("-")[0].partition(".")[0]
    return int(digits) if digits.isdecimal() else -1


def _pick(
    root: str, paths: Sequence[str], rows: Sequence[int | None], everything: Sequence[ObjectInfo]
) -> list[DataFile]:
    present = {one.path: one for one in everything}
    missing = next((path for path in paths if path not in present), None)
    if missing is not None:
        raise SpecError(
            "a file of the table is gone",
            where=f"{root}{missing}",
            do="Was the table vacuumed? Take a newer version.",
        )
    return sorted(DataFile(path, present[path], number) for path, number in zip(paths, rows, strict=True))


def _column(actions: Any, name: str) -> list[Any]:
    column = actions[name] if hasattr(actions, "__getitem__") else actions.column(name)
    return list(column.to_pylist())


def _refuse_vectors(root: str, actions: Any) -> None:
    vectors = [name for name in actions.schema.names if name.startswith("deletion_vector")]
    if any(value is not None for name in vectors for value in _column(actions, name)):
        raise SpecError(
            "rows of this Delta table are deleted by deletion vectors, which Taxiway does not read",
            where=root,
            do="Rewrite the files with OPTIMIZE or REORG TABLE … APPLY (PURGE), then take the new version.",
        )


def _require(module: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise SpecError(f"{module} is not installed", do=f"Run `pip install taxiway[{extra}]` where the job runs.")


def _no_version(kind: str, root: str, version: int | None, error: object) -> SpecError:
    what = f"the {kind} has no version {version}" if version is not None else f"there is no readable {kind}"
    return SpecError(what, where=root, got=str(error), do="Check the URI, and `at` if it is given.")
