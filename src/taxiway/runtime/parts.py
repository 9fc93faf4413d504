"""Predictions as Parquet files: written to the local disk piece by piece, then put into the output folder."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxiway.core.errors import SpecError
from taxiway.core.scoring import ScoredFile
from taxiway.engines.flavours import Prediction

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from taxiway.stores.objects import ObjectStore

PART_ROWS = 4_000_000
PREDICTION, SCORE, VERSION = "prediction", "score", "model_version"
_CHUNK_BYTES = 1024 * 1024


class Parts:
    """The files of one set of predictions; each is put into the output as soon as it is full."""

    def __init__(self, output: "ObjectStore", folder: str, scratch: Path, about: dict[str, str], version: int) -> None:
        self.files: list[ScoredFile] = []
        self.rows = 0
        self.undefined = 0
        self._output = output
        self._folder = folder
        self._scratch = scratch
        self._about = about
        self._version = version
        self._writer: Any = None
        self._written = 0

    def add(self, kept: "pl.DataFrame", prediction: Prediction) -> None:
        """Writes one batch as one row group: the kept columns, then what the model says, then its version."""
        import pyarrow.parquet as pq

        table = _table(kept, prediction, self._version)
        if self._writer is None:
            about = {**self._about, "taxiway.classes": json.dumps(prediction.classes, ensure_ascii=False)}
            schema = table.schema.with_metadata(about)
            self._writer = pq.ParquetWriter(self._scratch / "part.parquet", schema, compression="zstd")
        self._writer.write_table(table.cast(self._writer.schema), row_group_size=max(1, table.num_rows))
        self._written += table.num_rows
        self.undefined += _undefined(prediction)
        if self._written >= PART_ROWS:
            self.close()

    def close(self) -> None:
        """Puts what was written since the last file into the output."""
        if self._writer is None:
            return
        self._writer.close()
        file = self._scratch / "part.parquet"
        checksum, size = _sha256(file), file.stat().st_size
        name = f"{self._folder}/part-{len(self.files):05d}-{checksum[:16]}.parquet"
        self._output.upload(name, _chunks(file))
        self.files.append(ScoredFile(path=name, rows=self._written, size_bytes=size, checksum=f"sha256:{checksum}"))
        self.rows += self._written
        self._writer, self._written = None, 0
        file.unlink()


def _table(kept: "pl.DataFrame", prediction: Prediction, version: int) -> "pa.Table":
    import polars as pl
    import pyarrow as pa

    table = kept.to_arrow(compat_level=pl.CompatLevel.oldest())
    columns = {PREDICTION: pa.array(prediction.values), **_scores(prediction)}
    columns[VERSION] = pa.repeat(pa.scalar(version, pa.int32()), table.num_rows)
    for name, values in columns.items():
        if name in table.column_names:
            raise SpecError(
                f"a column {name!r} cannot be kept: the predictions have one of that name",
                where="Scoring.keep",
                do="Rename it in the dataset, or leave it out.",
            )
        table = table.append_column(name, values)
    return table


def _scores(prediction: Prediction) -> "dict[str, pa.Array]":
    import pyarrow as pa

    if prediction.scores is None:
        return {}
    if prediction.scores.ndim == 1:
        return {SCORE: pa.array(prediction.scores)}
    columns = prediction.scores.T
    return {f"{SCORE}_{label}": pa.array(column) for label, column in zip(prediction.classes, columns, strict=True)}


def _undefined(prediction: Prediction) -> int:
    import numpy as np

    bad = np.zeros(len(prediction.values), dtype=bool)
    if prediction.values.dtype.kind == "f":
        bad |= ~np.isfinite(prediction.values)
    if prediction.scores is not None:
        bad |= ~np.isfinite(prediction.scores.reshape(len(bad), -1)).all(axis=1)
    return int(np.count_nonzero(bad))


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
