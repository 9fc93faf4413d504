"""Jobs: the entire talk between Airflow and the process, container or pod that does the work.

An operator writes one `JobRequest`; a runner starts `python -m taxiway.runtime job`; the job writes one `JobResult`,
once. Object storage lies between them. A crash leaves no result, and every runner can say what to check then.
"""

from enum import StrEnum
from typing import Any, Protocol

from pydantic import JsonValue, NonNegativeFloat, NonNegativeInt, PositiveFloat

from taxiway.core.errors import SpecError, TaxiwayError
from taxiway.core.names import digest_of
from taxiway.core.records import Record


class JobKey(Record):
    """Which logical attempt this is: the same key is the same job, whoever asks and however often.

    Attributes:
        dag_id: with the next three, the Airflow task instance; `map_index` is -1 for a task that is not mapped.
        run_id: the DAG run.
        task_id: the task.
        map_index: the mapped instance.
        generation: grows when a person clears the task, not when Airflow retries it.
        attempt: grows when a job of this generation ended in a failure and Airflow tries again.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    generation: NonNegativeInt = 0
    attempt: NonNegativeInt = 1

    @property
    def slug(self) -> str:
        """32 hexadecimal digits that name the job everywhere: folder, container, pod."""
        return digest_of(self.dump()).removeprefix("sha256:")[:32]

    @property
    def first(self) -> "JobKey":
        """The first attempt of the same generation: what all its attempts have in common."""
        return self.model_copy(update={"attempt": 1})

    @property
    def next(self) -> "JobKey":
        """The attempt after this one."""
        return self.model_copy(update={"attempt": self.attempt + 1})


class JobRequest(Record):
    """What a job is asked to do.

    Attributes:
        key: which logical attempt it is.
        stage: which function of the runtime does it.
        work: that function's arguments, a record or spec as JSON.
        store: URI of the store that takes the result.
        sys_path: folders to import the user's code from, besides the installed packages.
        deadline_s: seconds the job may take.
        gpus: how many GPUs it holds while it runs, all its pods together.
    """

    version = 2

    key: JobKey
    stage: str
    work: dict[str, JsonValue]
    store: str
    sys_path: tuple[str, ...] = ()
    deadline_s: PositiveFloat = 24 * 3600.0
    gpus: NonNegativeInt = 0


class Cause(StrEnum):
    """Why a job failed: one word per thing to do about it."""

    USER_CODE = "UserCodeError"
    SPEC = "SpecError"
    INTEGRITY = "IntegrityError"
    BACKEND = "BackendError"
    DEADLINE = "DeadlineExceeded"
    OUT_OF_MEMORY = "OutOfMemory"
    EVICTED = "Evicted"
    PREEMPTED = "Preempted"
    NODE_LOST = "NodeLost"
    IMAGE_PULL = "ImagePull"
    UNSCHEDULABLE = "Unschedulable"
    QUOTA = "QuotaExceeded"
    CRASHED = "Crashed"
    CANCELLED = "Cancelled"
    RESULT_MISSING = "ResultMissing"


INFRASTRUCTURE = frozenset({Cause.EVICTED, Cause.PREEMPTED, Cause.NODE_LOST})
"""Causes that are nobody's fault: the place where the job ran was taken away."""
RETRYABLE = INFRASTRUCTURE | {Cause.BACKEND, Cause.CRASHED, Cause.RESULT_MISSING, Cause.DEADLINE}
"""Causes after which the same job may succeed without anybody changing anything."""


class Failure(Record):
    """A known fault inside a job, as a result.

    Attributes:
        cause: what kind of fault.
        message: the sentence.
        retryable: whether the same job may succeed later.
        traceback: the last lines of the user's traceback, capped.
    """

    cause: Cause
    message: str
    retryable: bool
    traceback: str = ""

    @classmethod
    def of(cls, cause: Cause, message: str) -> "Failure":
        """A failure of a cause, with what that says about trying again."""
        return cls(cause=cause, message=message, retryable=cause in RETRYABLE)

    @property
    def passing(self) -> bool:
        """Whether the task may succeed when it is tried again, with nobody changing anything.

        After a cancelled job it may: that was ended because its task was told to stop, not because anything is wrong.
        """
        return self.retryable or self.cause is Cause.CANCELLED


class JobResult(Record):
    """What came of a job, written once.

    Attributes:
        key: the request's.
        record: the stage's record, dumped; none when it failed.
        failure: why it failed; none when it did not.
        started_at: ISO 8601, UTC.
        ended_at: ISO 8601, UTC.
        cpu_s: processor seconds of the process and its children.
        peak_memory_bytes: the most memory it held.
        host: where it ran.
    """

    key: JobKey
    record: dict[str, JsonValue] | None
    failure: Failure | None
    started_at: str
    ended_at: str
    cpu_s: NonNegativeFloat
    peak_memory_bytes: NonNegativeInt
    host: str = ""


class JobState(StrEnum):
    """Where a job is, in every runner's words translated to one."""

    UNKNOWN = "unknown"
    QUEUED = "queued"
    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


class JobStatus(Record):
    """What a runner sees of a job.

    Attributes:
        state: where it is.
        detail: that in words; for a queued job what it waits for.
        failure: why it ended, where the runner knows better than the result; of a running job why it is about to, of a
            waiting one why it never will start, of a queued one what to call it when it has waited too long.
        since: when it began to run, in seconds since 1970, where the runner knows.
        until: when it ended, likewise.
    """

    version = 2

    state: JobState
    detail: str = ""
    failure: Failure | None = None
    since: float | None = None
    until: float | None = None


class JobFailed(TaxiwayError):  # noqa: N818 - named like the record it carries
    """A job ended in a failure; `failure` says why and whether to try again."""

    def __init__(self, failure: Failure, *, where: str) -> None:
        self.failure = failure
        self.retryable, self.details = failure.passing, failure.traceback
        super().__init__(f"{failure.cause}: {failure.message}", where=where)


class Runner(Protocol):
    """Where jobs run. One plan, at most one job per key, and an answer for every silence."""

    def plan(self, request: JobRequest) -> dict[str, Any]:
        """Exactly what `launch` would ask for, as plain data; pure."""

    def launch(self, request: JobRequest) -> str:
        """A handle of the one job of this key: a running or ended one is adopted, else it is started.

        Raises:
            BackendError: it could not be started.
        """

    def describe(self, handle: str) -> JobStatus:
        """Where the job is now; never blocks for longer than a few seconds."""

    def logs(self, handle: str, position: int) -> tuple[str, int]:
        """What the job printed since `position`, and the one to ask from next; at most 256 KiB a call.

        The first position is 0; what the others mean is the runner's own business.
        """

    def cancel(self, handle: str) -> None:
        """Asks the job to stop, kills it after its grace period, and returns when it is gone; idempotent."""

    def missing_result_hint(self, handle: str) -> str:
        """What a person should check when the job has ended and left no result."""


def require_record(result: JobResult, *, larger: str = "") -> dict[str, Any]:
    """The stage's record.

    `larger` is the resource profile in which the job is tried once more after it ran out of memory in its own.

    Raises:
        JobFailed: the job ended in a failure.
        SpecError: the result says neither.
    """
    failure = result.failure
    if failure is not None:
        if larger and failure.cause is Cause.OUT_OF_MEMORY:
            message = f"{failure.message} It is tried once more, with the profile {larger!r}."
            failure = failure.model_copy(update={"message": message, "retryable": True})
        raise JobFailed(failure, where=f"task {result.key.task_id!r} of {result.key.dag_id!r}")
    if result.record is None:
        raise SpecError("a job result holds neither a record nor a failure", where=result.key.slug)
    return result.record
