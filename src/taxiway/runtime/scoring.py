"""Batch scoring: a snapshot in, Parquet files of predictions out, and last the manifest that makes them count."""

import contextlib
import json
import time
from typing import TYPE_CHECKING

from taxiway.core.errors import BackendError, IntegrityError, SpecError
from taxiway.core.names import canonical, digest_of, nearest
from taxiway.core.scoring import BatchScores
from taxiway.core.stages import ScoreWork
from taxiway.runtime.context import Job
from taxiway.runtime.models import Model, load_model
from taxiway.runtime.parts import Parts

if TYPE_CHECKING:
    import polars as pl

    from taxiway.stores.objects import ObjectStore


def score(work: ScoreWork, job: Job) -> BatchScores:
    """Scores every row of the snapshot, in its order; the same work gives the same manifest, and is done once.

    In the output folder lies one folder per (version, snapshot, kept columns) with a `manifest.json`, this record, and
    the files it names. Files beside it are what is left of an attempt that ended early: they mean nothing, and the
    attempt that gets through removes them. Memory holds one batch of rows.

    Raises:
        SpecError: a column is missing or of another type, or a kept column has the name of one of ours.
    """
    from taxiway.stores.objects import open_store

    started = time.monotonic()
    output = open_store(work.scoring.output)
    folder = _folder(work)
    manifest = f"{folder}/manifest.json"
    before = _existing(output, manifest)
    if before is not None:
        return _tidied(output, folder, before)
    parts = Parts(output, folder, job.scratch, _about(work), work.model.number)
    _predict(work, job, parts)
    scores = BatchScores(
        model=work.model.name,
        number=work.model.number,
        model_digest=work.model.model.digest,
        dataset=work.dataset,
        manifest=f"{output.uri}{manifest}",
        files=tuple(parts.files),
        rows=parts.rows,
        undefined=parts.undefined,
        seconds=time.monotonic() - started,
    )
    if not output.create(manifest, canonical(scores.dump())):
        scores = _existing(output, manifest) or scores
    return _tidied(output, folder, scores)


def _tidied(output: "ObjectStore", folder: str, scores: BatchScores) -> BatchScores:
    """The same scores, without the files that no manifest names; one that cannot be removed is left to the next."""
    named = {f"{folder}/manifest.json", *(file.path for file in scores.files)}
    with contextlib.suppress(BackendError):
        for found in output.list(f"{folder}/"):
            if found.path not in named:
                output.delete(found.path)
    return scores


def _predict(work: ScoreWork, job: Job, parts: Parts) -> None:
    from taxiway.runtime.data import frame

    model = load_model(work.model.model, job.store, job.scratch)
    rows = frame(work.dataset, job.store)
    keep = list(dict.fromkeys(work.scoring.keep))
    wanted = _columns(rows, model, work)
    for batch in rows.select(wanted).collect_batches(chunk_size=work.scoring.batch_rows, maintain_order=True):
        if batch.height:
            parts.add(batch.select(keep), model.predict(batch))
    parts.close()


def _columns(rows: "pl.LazyFrame", model: Model, work: ScoreWork) -> list[str]:
    schema, keep = rows.collect_schema(), work.scoring.keep
    have = schema.names()
    model.check(schema)
    for name in keep:
        if name not in have:
            raise SpecError(
                f"there is no column {name!r} to keep",
                where=f"Scoring.keep, dataset {work.dataset.name!r}",
                expected=f"one of {', '.join(have)}",
                do=nearest(name, have) or "Name a column of the dataset.",
            )
    wanted = {*keep, *(column.name for column in model.inputs)}
    return [name for name in have if name in wanted] if model.inputs else have


def _folder(work: ScoreWork) -> str:
    """The same for the same version, snapshot and kept columns; readable first, then unmistakable."""
    what = [work.model.model.digest, work.dataset.digest, work.dataset.sample_rows, list(work.scoring.keep)]
    return f"{work.model.name}-v{work.model.number}-{digest_of(what).removeprefix('sha256:')[:32]}"


def _about(work: ScoreWork) -> dict[str, str]:
    return {
        "taxiway.model": work.model.name,
        "taxiway.version": str(work.model.number),
        "taxiway.model_digest": work.model.model.digest,
        "taxiway.dataset_digest": work.dataset.digest,
    }


def _existing(output: "ObjectStore", manifest: str) -> BatchScores | None:
    data = output.read(manifest)
    if data is None:
        return None
    try:
        return BatchScores.load(json.loads(data))
    except ValueError as error:
        raise IntegrityError(
            "this manifest is not what was written",
            where=f"{output.uri}{manifest}",
            got=str(error),
            do="Remove the object and score again.",
        ) from error
