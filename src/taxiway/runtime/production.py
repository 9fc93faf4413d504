"""Production: the rows of a part of a window, whoever wrote them: inputs by their own names, and the answers."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxiway.core.data import DataObject, DatasetRef
from taxiway.core.errors import BackendError, IntegrityError
from taxiway.core.monitoring import Live, WindowPart
from taxiway.core.profiles import Role
from taxiway.core.specs.monitoring import Monitoring
from taxiway.core.windows import moment

if TYPE_CHECKING:
    import polars as pl

    from taxiway.runtime.context import Job
    from taxiway.stores.objects import ObjectStore

_INPUT, _SLOT, _VERSION, _AT = "input.", "slot", "version", "at"
"""What the traffic log calls its columns."""
_LIVE = "live"
_BATCH_ROWS = 65_536
_LONGEST = 300


@dataclasses.dataclass(frozen=True)
class Production:
    """Some rows of production.

    Attributes:
        rows: lazily; the inputs by their own names.
        outputs: which of the columns hold the model's answers.
        outside: rows that were left out, because their time lies outside of the window.
    """

    rows: pl.LazyFrame
    outputs: Mapping[Role, str]
    outside: int = 0


def production(part: WindowPart, asked: Monitoring, job: Job) -> Production | None:
    """The rows of a part of a window; none when it has none.

    Raises:
        IntegrityError: the data changed since its snapshot.
        SpecError: it cannot be read.
    """
    from taxiway.runtime.data import frame

    if part.dataset is None:
        return None
    if part.holds in ("rows", "inputs"):
        rows, time = frame(part.dataset, job.store), asked.time
    else:
        rows, time = _copied(part.dataset, job), None
    if part.holds == "traffic":
        rows, time = _served(rows, part.live), _AT
    rows, outside = _within(rows, part, time)
    rows, outputs = _answers(rows, asked) if part.holds != "inputs" else (rows, {})
    return Production(rows, outputs, outside)


def ask(rows: pl.LazyFrame, live: Live, job: Job, *, keep: Sequence[str] = ()) -> tuple[pl.LazyFrame | None, str]:
    """What the live version says to these rows, as columns `prediction` and `score`, and the columns to keep.

    None where it cannot answer such rows: that is a finding about the window, told in a sentence, and no error.
    """
    try:
        return _asked(rows, live, job, keep), ""
    except BackendError:
        raise
    except Exception as error:  # noqa: BLE001 - it is a user's model, asked about broken data
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        return None, f"the model cannot answer these rows: {why[:_LONGEST]}"


def _asked(rows: pl.LazyFrame, live: Live, job: Job, keep: Sequence[str]) -> pl.LazyFrame:
    import polars as pl

    from taxiway.runtime.models import load_model

    model = load_model(live.model, job.store, job.scratch)
    have = rows.collect_schema()
    model.check(have)
    inputs = [column.name for column in model.inputs] or have.names()
    wanted = list(dict.fromkeys([*inputs, *(name for name in keep if name in have)]))
    file = job.scratch / "answers"
    file.mkdir(exist_ok=True)
    place, number = file / live.model.digest[-16:], 0
    place.mkdir(exist_ok=True)
    for batch in rows.select(wanted).collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True):
        if batch.height:
            said = model.predict(batch.select(inputs))
            told = pl.DataFrame([*_told(said.values, said.scores), *(batch[name] for name in keep if name in have)])
            told.write_parquet(place / f"{number:06}.parquet")
            number += 1
    if not number:
        return pl.LazyFrame({"prediction": [], "score": []}, schema={"prediction": pl.Float64, "score": pl.Float64})
    return pl.scan_parquet(sorted(place.glob("*.parquet")))


def _told(values: Any, scores: Any) -> list[pl.Series]:
    import numpy as np
    import polars as pl

    columns = [pl.Series("prediction", values)]
    if isinstance(scores, np.ndarray):
        columns.append(pl.Series("score", scores if scores.ndim == 1 else scores.max(axis=1)))
    return columns


def _answers(rows: pl.LazyFrame, asked: Monitoring) -> tuple[pl.LazyFrame, Mapping[Role, str]]:
    """The rows with one column for the score, and which columns hold the answers."""
    import polars as pl

    names = rows.collect_schema().names()
    outputs: dict[Role, str] = {}
    if asked.prediction in names:
        outputs["prediction"] = asked.prediction
    several = [name for name in names if name.startswith(f"{asked.score}_")]
    if asked.score not in names and several and outputs:
        rows, names = rows.with_columns(pl.max_horizontal(several).alias(asked.score)).drop(several), [asked.score]
    if asked.score in names and outputs:
        outputs["score"] = asked.score
    return rows, outputs


def _served(rows: pl.LazyFrame, live: Live | None) -> pl.LazyFrame:
    """Of a service's traffic what the live version answered to everybody, its inputs by their own names."""
    import polars as pl

    names = rows.collect_schema().names()
    if _SLOT in names:
        rows = rows.filter(pl.col(_SLOT) == _LIVE)
    if _VERSION in names and live is not None:
        rows = rows.filter(pl.col(_VERSION) == live.number)
    inputs = {name: name.removeprefix(_INPUT) for name in names if name.startswith(_INPUT)}
    ours = [name for name in names if name not in inputs and name in inputs.values()]
    return rows.drop(ours).rename(inputs)


def _within(rows: pl.LazyFrame, part: WindowPart, time: str | None) -> tuple[pl.LazyFrame, int]:
    """The rows whose time lies in the window, and how many do not; a clock that runs ahead puts them there."""
    import polars as pl

    if time is None or time not in rows.collect_schema():
        return rows, 0
    at = pl.col(time)
    dtype = rows.collect_schema()[time]
    at = at.str.to_datetime(time_zone="UTC") if dtype == pl.String else at.cast(pl.Datetime("us"))
    naive = at.dt.replace_time_zone(None)
    start, end = (moment(text).replace(tzinfo=None) for text in (part.window.start, part.window.end))
    inside = ((naive >= start) & (naive < end)).fill_null(value=False)
    outside = rows.select((~inside).sum()).collect(engine="streaming").item()
    return rows.filter(inside), int(outside or 0)


def _copied(dataset: DatasetRef, job: Job) -> pl.LazyFrame:
    """The rows of files that are never written again, from copies of them where they are not on this machine."""
    import polars as pl

    from taxiway.stores.datasets import objects
    from taxiway.stores.objects import open_store

    inside = dataset.uri.startswith(job.store.uri)
    source = job.store if inside else open_store(dataset.uri)
    prefix = dataset.uri.removeprefix(job.store.uri) if inside else ""
    files = list(_files(objects(dataset, job.store), source, prefix, job.scratch / dataset.digest[-16:]))
    return pl.scan_parquet(files, glob=False, missing_columns="insert", extra_columns="ignore")


def _files(listed: Sequence[DataObject], source: ObjectStore, prefix: str, scratch: Path) -> Iterator[Path]:
    for number, one in enumerate(listed):
        file = scratch / f"{number:06}.parquet"
        source.download(f"{prefix}{one.place}", file)
        _require_same(one, file, source)
        yield file


def _require_same(one: DataObject, file: Path, source: ObjectStore) -> None:
    with file.open("rb") as stream:
        found = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    known = one.checksum if one.checksum.startswith("sha256:") else found
    if file.stat().st_size != one.size_bytes or found != known:
        raise IntegrityError(
            "the data changed since its snapshot",
            where=f"{source.uri}{one.place}",
            expected=f"{one.size_bytes} bytes, {known}",
            got=f"{file.stat().st_size} bytes, {found}",
            do="Run the monitoring of this window again.",
        )
