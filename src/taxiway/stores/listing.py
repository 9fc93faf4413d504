"""Listing: which objects a dataset's URI means, found with one LIST."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from taxiway.core.errors import SpecError
from taxiway.core.names import nearest
from taxiway.core.specs.data import Dataset, Format
from taxiway.stores.objects import ObjectInfo, ObjectStore

ENDINGS = {
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
    ".csv": Format.CSV,
    ".csv.gz": Format.CSV,
    ".csv.zst": Format.CSV,
    ".dvc": Format.DVC,
}
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".inprogress", "._COPYING_", ".swp", ".crc", "~")
_WILD = re.compile(r"[*?\[]")
DELTA_LOG = "_delta_log/"
ICEBERG_METADATA = re.compile(r"metadata/[^/]+\.metadata\.json")


class NoData(SpecError):  # noqa: N818 - for a window of time it may be an answer, elsewhere it is a fault
    """There is nothing where the data should be."""


class Location(NamedTuple):
    """A dataset's URI in two parts.

    Attributes:
        root: URI of the folder that the objects' paths are relative to, with a trailing `/`.
        pattern: a file's name or a glob under the root; empty for the whole folder.
    """

    root: str
    pattern: str

    @property
    def wild(self) -> bool:
        """Whether the pattern is a glob."""
        return bool(_WILD.search(self.pattern))


def locate(uri: str) -> Location:
    """Where the objects of a dataset's URI are.

    Raises:
        SpecError: the URI has no scheme or names nothing.
    """
    scheme, separator, path = uri.partition("://")
    if not separator or not scheme or not path.strip("/"):
        raise SpecError(
            "a dataset's URI must say where the data is",
            where=f"uri={uri!r}",
            expected="file:///folder/, s3://bucket/folder/file.parquet, gs://… or az://…",
            do="Write the whole URI, with its scheme; a local path starts with file:///.",
        )
    fixed = _WILD.split(path, maxsplit=1)[0]
    folder, _, _ = fixed.rpartition("/")
    pattern = path[len(folder) + 1 :] if "/" in fixed else path
    if scheme == "file":
        pattern = unquote(pattern)
    return Location(f"{scheme}://{folder}/", pattern)


def is_hidden(path: str) -> bool:
    """Whether the field takes a path for bookkeeping or for something half-written, and not for data."""
    parts = path.split("/")
    private = any(part.startswith((".", "_")) and "=" not in part for part in parts)
    return private or not parts[-1] or parts[-1].endswith(_UNFINISHED)


def format_of(path: str) -> Format | None:
    """The format that a path's ending speaks of, or None."""
    lower = path.lower()
    return next((kind for ending, kind in ENDINGS.items() if lower.endswith(ending)), None)


def matcher(pattern: str) -> Callable[[str], bool]:
    """A test for paths: `*` and `?` stay within a folder, `**/` goes through any number of them, `[ab]` is a choice."""
    tokens = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])", pattern)
    meaning = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    expression = "".join(meaning.get(token) or _choice(token) for token in tokens)
    compiled = re.compile(expression, re.DOTALL)
    return lambda path: compiled.fullmatch(path) is not None


def _choice(token: str) -> str:
    if not (token.startswith("[") and token.endswith("]")):
        return re.escape(token)
    inside = token[1:-1]
    inverted, inside = ("^", inside[1:]) if inside.startswith("!") else ("", inside)
    characters = inside.replace("\\", r"\\").replace("^", r"\^").replace("[", r"\[")
    return f"[{inverted}{characters}]"


def find(dataset: Dataset, location: Location, source: ObjectStore) -> tuple[Format, list[ObjectInfo]]:
    """The format of a dataset and its objects, by path: one HEAD for a file, one LIST for anything else.

    For a table the objects are all that lie under its root.

    Raises:
        SpecError: there is nothing, or files of different formats lie side by side.
    """
    where = f"dataset {dataset.name!r} at {dataset.uri}"
    if location.pattern and not location.wild:
        return _one_file(dataset, location, source, where)
    everything = list(source.list(""))
    table = dataset.format or _table_format(everything)
    if table in (Format.DELTA, Format.ICEBERG):
        return table, everything
    matches = matcher(location.pattern) if location.pattern else None
    chosen = [one for one in everything if not is_hidden(one.path) and (matches is None or matches(one.path))]
    if not chosen:
        raise _nothing(where, everything)
    return _common_format(dataset, chosen, where), sorted(chosen, key=lambda one: one.path)


def _one_file(dataset: Dataset, location: Location, source: ObjectStore, where: str) -> tuple[Format, list[ObjectInfo]]:
    found = source.head(location.pattern)
    if found is not None:
        return _common_format(dataset, [found], where), [found]
    if next(iter(source.list(f"{location.pattern}/")), None) is not None:
        raise SpecError("this is a folder", where=where, do="Write it with a '/' at the end.")
    beside = [name.rpartition("/")[2] for name in (one.path for one in _some(source.list(""))) if "/" not in name]
    hint = nearest(location.pattern, beside)
    raise NoData("the dataset does not exist", where=where, do=hint or "Check the URI and that the job may read it.")


def _some(infos: Iterable[ObjectInfo], most: int = 1000) -> Iterable[ObjectInfo]:
    for _, info in zip(range(most), infos, strict=False):
        yield info


def _table_format(everything: Sequence[ObjectInfo]) -> Format | None:
    if any(one.path.startswith(DELTA_LOG) for one in everything):
        return Format.DELTA
    return Format.ICEBERG if any(ICEBERG_METADATA.fullmatch(one.path) for one in everything) else None


def _common_format(dataset: Dataset, chosen: Sequence[ObjectInfo], where: str) -> Format:
    if dataset.format is not None:
        return dataset.format
    kinds: dict[Format | None, str] = {}
    for one in chosen:
        kinds.setdefault(format_of(one.path), one.path)
    if None in kinds:
        raise SpecError(
            "the format of a file cannot be told from its name",
            where=where,
            expected=f"an ending of {', '.join(ENDINGS)}",
            got=kinds[None],
            do="Name the data files alone with a glob such as folder/*.parquet, or give format=….",
        )
    if len(kinds) > 1:
        raise SpecError(
            "files of different formats lie side by side",
            where=where,
            expected="one format",
            got=", ".join(f"{kind} ({path})" for kind, path in kinds.items()),
            do="Choose one of them with a glob such as folder/*.parquet.",
        )
    return next(kind for kind in kinds if kind is not None)


def _nothing(where: str, everything: Sequence[ObjectInfo]) -> NoData:
    others = f"{len(everything)} other objects, such as {everything[0].path}" if everything else "an empty folder"
    return NoData(
        "the dataset is empty: there is no data file",
        where=where,
        got=others,
        do="Check the URI; hidden and unfinished files (_…, .…, ….tmp) do not count.",
    )
