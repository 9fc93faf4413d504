"""Windows in jobs: which rows a window has, cut into parts that are looked at side by side, and what a part holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from taxiway.core.data import DataObject, DatasetRef
from taxiway.core.monitoring import Holds, WindowPart, WindowParts, WindowWork
from taxiway.core.scoring import BatchScores
from taxiway.core.specs.data import Format
from taxiway.core.windows import Window, moment

if TYPE_CHECKING:
    from taxiway.runtime.context import Job
    from taxiway.stores.objects import ObjectStore

_CUT = frozenset({Format.PARQUET, Format.CSV})
"""Formats whose objects can be read one by one; a table's log says what of its files counts."""
_HOUR = timedelta(hours=1)


def window(work: WindowWork, job: Job) -> WindowParts:
    """The parts of a window: of the partition that was scored, of a service's traffic, or of a table.

    A window without any data has one part that says so: that is an answer, and no error.

    Raises:
        SpecError: the data is there and cannot be read.
    """
    from taxiway.stores.datasets import snapshot
    from taxiway.stores.listing import NoData

    found: list[tuple[Holds, DatasetRef]] = []
    try:
        for each in work.scores:
            found += [("inputs", each.dataset), ("answers", answers(each, job.store))]
        if not found and work.monitoring.service is not None:
            found = [("traffic", one) for one in traffic(job.store, work.monitoring.service, work.window)]
        if not found and work.monitoring.window is not None:
            found = [("rows", snapshot(work.monitoring.window, job.store))]
    except NoData:
        found = []
    pieces = [(holds, piece) for holds, whole in found for piece in cut(whole, job.store, work.monitoring.partitions)]
    if not pieces:
        return WindowParts(parts=(WindowPart(window=work.window, live=work.live, dataset=None),))
    parts = [
        WindowPart(window=work.window, live=work.live, dataset=piece, holds=holds, number=n, of=len(pieces))
        for n, (holds, piece) in enumerate(pieces, start=1)
    ]
    return WindowParts(parts=tuple(parts))


def cut(whole: DatasetRef, store: ObjectStore, most: int) -> Iterator[DatasetRef]:
    """A snapshot in at most so many pieces of about the same size, each a snapshot of its own."""
    from taxiway.stores.datasets import objects, subset

    listed = objects(whole, store) if whole.format in _CUT and whole.sample_rows is None else ()
    if len(listed) <= 1 or most == 1:
        yield whole
        return
    for chosen in _evenly(listed, min(most, len(listed))):
        yield subset(whole, chosen, store)


def _evenly(listed: Sequence[DataObject], pieces: int) -> Iterator[list[DataObject]]:
    """The largest first, each to whoever has least so far; within a piece in their own order."""
    heaps: list[list[DataObject]] = [[] for _ in range(pieces)]
    sizes = [0] * pieces
    for one in sorted(listed, key=lambda one: (-one.size_bytes, one.path)):
        lightest = sizes.index(min(sizes))
        heaps[lightest].append(one)
        sizes[lightest] += one.size_bytes
    yield from (sorted(heap, key=lambda one: one.path) for heap in heaps)


def answers(scores: BatchScores, store: ObjectStore) -> DatasetRef:
    """The predictions of a scored partition, as a snapshot."""
    from taxiway.stores.datasets import subset

    folder = scores.manifest.rpartition("/")[0].rpartition("/")[0]
    files = [
        DataObject(path=one.path, size_bytes=one.size_bytes, checksum=one.checksum, rows=one.rows)
        for one in scores.files
    ]
    made = scores.dataset.model_copy(
        update={
            "name": f"{scores.model}.predictions",
            "uri": f"{folder}/",
            "format": Format.PARQUET,
            "at": None,
            "personal": {},
            "sample_rows": None,
        }
    )
    return subset(made, files, store)


def traffic(store: ObjectStore, service: str, asked: Window) -> Iterator[DatasetRef]:
    """The files of a service's traffic log with the hours of a window, as a snapshot; nothing when there are none."""
    from taxiway.stores.datasets import subset

    hour, root = moment(asked.start).replace(minute=0, second=0, microsecond=0), f"traffic/{service}/"
    files: list[DataObject] = []
    while hour < moment(asked.end):
        found = [info for info in store.list(f"{root}{hour:%Y-%m-%d/%H}/") if info.path.endswith(".parquet")]
        files += [
            DataObject(path=info.path.removeprefix(root), size_bytes=info.size_bytes, checksum=f"etag:{info.etag}")
            for info in found
        ]
        hour += _HOUR
    if files:
        nothing = f"sha256:{'0' * 64}"
        whole = DatasetRef(
            name=service,
            uri=f"{store.uri}{root}",
            digest=nothing,
            manifest=nothing,
            format=Format.PARQUET,
            rows=None,
            size_bytes=0,
            objects=0,
        )
        yield subset(whole, files, store)
