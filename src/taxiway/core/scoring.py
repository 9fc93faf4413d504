"""Batch scoring: a partition in, predictions out, visible only when they are whole."""

from pydantic import NonNegativeInt

from taxiway.core.data import DatasetRef
from taxiway.core.names import Digest
from taxiway.core.records import Record


class ScoredFile(Record):
    """One Parquet file of predictions; `path` is relative to the folder."""

    path: str
    rows: NonNegativeInt
    size_bytes: NonNegativeInt
    checksum: Digest


class BatchScores(Record):
    """One whole set of predictions: readers read `manifest`, and only the files it names.

    Attributes:
        model: the model's name.
        number: the version that scored.
        model_digest: its bytes.
        dataset: the snapshot that was scored.
        manifest: URI of the object that says which files belong to it; it is written last, once.
        files: those files.
        rows: how many predictions there are.
        undefined: how many of them are NaN, infinite or missing.
        seconds: wall-clock time of the job.
    """

    model: str
    number: int
    model_digest: Digest
    dataset: DatasetRef
    manifest: str
    files: tuple[ScoredFile, ...]
    rows: NonNegativeInt
    undefined: NonNegativeInt = 0
    seconds: float = 0.0
