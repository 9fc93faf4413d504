"""The run history: what a training says while it runs, in chunks that are written once."""

from datetime import datetime

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

from taxiway.core.jobs import JobKey, JobRequest, JobResult
from taxiway.core.names import Digest
from taxiway.core.records import Record


class MetricPoint(Record):
    """One value of one metric.

    Attributes:
        name: the metric.
        step: the caller's own count; a metric has one value per step, the first that was written.
        value: None where it was NaN or infinite.
        at: seconds since 1970, UTC.
    """

    name: str
    step: int
    value: float | None
    at: float


class Artifact(Record):
    """A file that a run kept; its bytes are the blob `digest`."""

    name: str
    digest: Digest
    size_bytes: NonNegativeInt


class RunChunk(Record):
    """What a run said since the chunk before."""

    points: tuple[MetricPoint, ...] = ()
    artifacts: tuple[Artifact, ...] = ()


class Spent(Record):
    """What one attempt of a job cost.

    Attributes:
        attempt: its number, from 1.
        gpus: how many it held.
        seconds: from its start to its end; none while it runs, and where nobody saw it.
        gpu_s: both together: GPU-seconds.
        outcome: `succeeded`, `running`, or the cause of its failure.
        wasted: it gave no result, so its time was spent for a later attempt at best.
    """

    attempt: PositiveInt
    gpus: NonNegativeInt
    seconds: NonNegativeFloat | None
    gpu_s: NonNegativeFloat
    outcome: str
    wasted: bool


def spent(request: JobRequest, result: JobResult | None) -> Spent:
    """What an attempt cost, by what was asked for and what came of it; nothing is counted of one that runs."""
    if result is None:
        return _spent(request, None, "running", wasted=False)
    times = (datetime.fromisoformat(text) for text in (result.started_at, result.ended_at))
    began, ended = (at.timestamp() for at in times)
    failure = result.failure
    return _spent(request, max(0.0, ended - began), failure.cause if failure else "succeeded", wasted=bool(failure))


def _spent(request: JobRequest, seconds: float | None, outcome: str, *, wasted: bool) -> Spent:
    gpu_s = request.gpus * (seconds or 0.0)
    attempt, gpus = request.key.attempt, request.gpus
    return Spent(attempt=attempt, gpus=gpus, seconds=seconds, gpu_s=gpu_s, outcome=outcome, wasted=wasted)


def run_key(model: str, key: JobKey) -> str:
    """The key of the run history of a training: all attempts of a generation write the same one."""
    return f"{model}.{key.first.slug}"
