"""The talk between a task and its job: which attempt it is, start or adopt, wait by the clock, cancel."""

import dataclasses
import logging
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from taxiway.core.errors import BackendError
from taxiway.core.jobs import Cause, Failure, JobKey, JobRequest, JobResult, JobState, JobStatus, Runner
from taxiway.core.records import dump_spec, load_spec
from taxiway.core.specs.jobs import DockerJob, KubernetesJob, LocalJob, Where, queue_s

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from taxiway.stores.mailbox import Mailbox

_log = logging.getLogger("airflow.task.taxiway")
PATIENCE_S = 30.0
"""How long a silent job is waited for: past its deadline and grace, or when its runner does not know it."""
_MOST_LOG = 4 * 1024**2
_SOONEST_S, _SOONEST_ELSEWHERE_S = 0.05, 0.25
"""The shortest pause between two looks; a container takes longer to start, and to look for it takes its processor."""
_UNSEEN = JobStatus(state=JobState.UNKNOWN, detail="it was not looked at yet")


class Attempt(NamedTuple):
    """Where a generation of a task stands.

    Attributes:
        key: the first attempt that is not over and done with.
        result: its result, if it has one.
        grown: an attempt before it ran out of memory, so this one is for the next larger resource profile.
    """

    key: JobKey
    result: JobResult | None
    grown: bool = False


@dataclasses.dataclass(frozen=True)
class JobDesk:
    """Where the requests and results of jobs lie, and what runs them."""

    mailbox: "Mailbox"
    runner: Runner

    def attempt(self, key: JobKey, *, may_grow: bool = False) -> Attempt:
        """The first attempt of this generation that is not over and done with.

        An attempt is over when it failed in a way that may pass (the machine died, the store was away), was cancelled,
        or ran out of memory while there is a larger profile to try once; any other result stands, however often the
        task is tried.
        """
        grown = False
        while True:
            result = self.mailbox.result(key)
            failure = result.failure if result else None
            grows = failure is not None and failure.cause is Cause.OUT_OF_MEMORY and may_grow and not grown
            if failure is None or not (failure.passing or grows):
                return Attempt(key, result, grown)
            grown, key = grown or grows, key.next

    def start(self, request: JobRequest) -> str:
        """A handle of the request's job; what was posted first under this key is what is done."""
        posted = request if self.mailbox.post(request) else self.mailbox.request(request.key)
        return self.runner.launch(posted or request)

    def again(self, key: JobKey) -> None:
        """Asks once more for a job that a quota had no room for."""
        request = self.mailbox.request(key)
        if request is not None:
            self.runner.launch(request)

    def end_earlier(self, key: JobKey) -> None:
        """Cancels what is left of earlier generations: the task was cleared before a worker or trigger could do it."""
        for generation in range(key.generation):
            old, result, _ = self.attempt(key.model_copy(update={"generation": generation, "attempt": 1}))
            request = self.mailbox.request(old)
            if result is None and request is not None:
                why = "the task was cleared, and runs again as another generation"
                self.close(old, Failure.of(Cause.CANCELLED, why))
                self.runner.cancel(self.runner.launch(request))

    def close(self, key: JobKey, failure: Failure, status: JobStatus = _UNSEEN) -> JobResult:
        """The result of a job that cannot write one itself any more; what it wrote before stands.

        `status` says when it ran, as far as anybody saw.
        """
        now = time.time()
        verdict = JobResult(
            key=key,
            record=None,
            failure=failure,
            started_at=_moment(status.since or now),
            ended_at=_moment(status.until or now),
            cpu_s=0.0,
            peak_memory_bytes=0,
        )
        return verdict if self.mailbox.deliver(verdict) else self.mailbox.result(key) or verdict


@dataclasses.dataclass(frozen=True)
class Started:
    """A job that was started or adopted: all that another process needs to go on waiting for it.

    Attributes:
        key: which attempt it is.
        handle: what the runner calls it.
        where: what it runs on, with its clocks.
        began: when it was asked for, in seconds since 1970.
        position: up to where its output was shown.
        grown: it runs in the next larger resource profile, after it ran out of memory in its own.
        timeout_s: how long its task may take, waiting included; Airflow itself does not bound a deferred one.
    """

    key: JobKey
    handle: str
    where: Where
    began: float
    position: int = 0
    grown: bool = False
    timeout_s: float | None = None

    def dump(self) -> dict[str, Any]:
        """As plain JSON data; `load` gives it back."""
        return {**vars(self), "key": self.key.dump(), "where": dump_spec(self.where)}

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> "Started":
        """What `dump` gave.

        Raises:
            SpecError: another version of Taxiway gave it.
        """
        kind = {"docker": DockerJob, "kubernetes": KubernetesJob}.get(data["where"]["kind"], LocalJob)
        return cls(**{**data, "key": JobKey.load(data["key"]), "where": load_spec(kind, data["where"])})


class Watch:
    """Looks after one started job until it has a result; ends by the clock, whatever the store and the runner do.

    A job that waits for a place to run has a clock of its own for that; its deadline counts from when it began to run.

    Args:
        desk: where its result will be.
        job: which one.
        poll_s: the longest pause between two looks, in seconds.
    """

    def __init__(self, desk: JobDesk, job: Started, *, poll_s: float) -> None:
        self.desk, self.job, self.poll_s = desk, job, poll_s
        self.position = job.position
        self._looking_since = self._seen = time.time()
        self._waits_since = job.began
        self._status = _UNSEEN
        self._doom: Failure | None = None

    @property
    def waiting_for(self) -> str:
        """What a queued job waits for, in words; empty when it waits for nothing."""
        return self._status.detail if self._status.state is JobState.QUEUED else ""

    def pause_s(self) -> float:
        """How long to wait before the next look: a twentieth of the time it has taken so far, at most `poll_s`."""
        least_s = _SOONEST_S if isinstance(self.job.where, LocalJob) else _SOONEST_ELSEWHERE_S
        return min(max(least_s, (time.time() - self._looking_since) / 20), self.poll_s)

    def look(self) -> JobResult | None:
        """The result, if there is one; a job that ended without one, or is past its time, gets one here."""
        try:
            return self._look()
        except BackendError as error:
            _log.warning("Cannot see the job at the moment: %s", error)
            return None

    def said(self) -> str:
        """What the job printed since the last call, at most 256 KiB; a job that has no place yet is not asked."""
        return "" if self._status.state in (JobState.QUEUED, JobState.WAITING) else self._printed()

    def rest(self) -> str:
        """What it printed until it ended, at most 4 MiB."""
        parts: list[str] = []
        while sum(map(len, parts)) < _MOST_LOG:
            before = self.position
            parts.append(self._printed())
            if self.position == before:
                break
        return "".join(parts)

    def cancel(self, message: str, cause: Cause = Cause.CANCELLED) -> JobResult:
        """Ends the job. The result is written first: should nobody live to see its end, it is known to be cancelled."""
        result = self.desk.close(self.job.key, Failure.of(cause, message), self._status)
        self.desk.runner.cancel(self.job.handle)
        return result

    def _printed(self) -> str:
        try:
            text, self.position = self.desk.runner.logs(self.job.handle, self.position)
        except BackendError as error:
            return f"(no log at the moment: {error})"
        return text

    def _look(self) -> JobResult | None:
        result = self.desk.mailbox.result(self.job.key)
        if result is not None:
            return result
        status = self._describe()
        if status.state is JobState.ENDED:
            return self._ended(status.failure)
        if time.time() - self._seen > PATIENCE_S:
            return self._ended(None)
        if overdue := self._overdue(status):
            return self.cancel(overdue.message, overdue.cause)
        return None

    def _overdue(self, status: JobStatus) -> Failure | None:
        """Why the job is to be ended now; None while it may go on."""
        now, where = time.time(), self.job.where
        if self.job.timeout_s is not None and now > self.job.began + self.job.timeout_s:
            return Failure.of(Cause.DEADLINE, "the execution_timeout of its task is over, so the job was cancelled")
        if status.state is JobState.WAITING and status.failure:
            return status.failure
        if status.state in (JobState.QUEUED, JobState.WAITING):
            waited = now - self._waits_since
            if waited <= queue_s(where) + PATIENCE_S:
                return None
            cause = status.failure.cause if status.failure else Cause.UNSCHEDULABLE
            return Failure.of(cause, f"it waited {waited:,.0f} s for a place to run: {status.detail}")
        if now <= (status.since or self.job.began) + where.deadline_s + where.grace_s + PATIENCE_S:
            return None
        return Failure.of(Cause.DEADLINE, "the job did not end by its deadline and was cancelled")

    def _describe(self) -> JobStatus:
        """Where the job is; says on the log what it waits for, and remembers what is about to end it."""
        before, status = self._status, self.desk.runner.describe(self.job.handle)
        if status.state is JobState.QUEUED and (before.state, before.detail) != (status.state, status.detail):
            _log.info("Waiting for a place to run: %s", status.detail)
        if status.state is not JobState.UNKNOWN:
            self._seen, self._status = time.time(), status
        if status.state is JobState.RUNNING:
            self._doom, self._waits_since = status.failure or self._doom, time.time()
        elif status.state in (JobState.QUEUED, JobState.WAITING):
            self._doom = None  # its pods begin again
        if status.failure and status.failure.cause is Cause.QUOTA:
            self.desk.again(self.job.key)
        return status

    def _ended(self, failure: Failure | None) -> JobResult:
        """The result of a job that will not write one: what ended it, as far as anybody knows."""
        if failure is None or failure.cause in (Cause.CRASHED, Cause.EVICTED):
            failure = self._doom or failure  # what was about to end it says more than how it looked afterwards
        if failure is None:
            hint = self.desk.runner.missing_result_hint(self.job.handle)
            failure = Failure.of(Cause.RESULT_MISSING, f"the job left no result. {hint}")
        result = self.desk.mailbox.result(self.job.key) or self.desk.close(self.job.key, failure, self._status)
        if failure.cause is Cause.NODE_LOST:  # what is left of it there is forgotten, so that it holds no GPU
            self.desk.runner.cancel(self.job.handle)
        return result


def code_folders(dag: "DAG", bundle: Any = None) -> tuple[str, ...]:
    """Where the author's code is, for the job to import: the folder of the DAG file and the root of its bundle."""
    folders = [os.path.dirname(dag.fileloc), str(bundle.path) if bundle else ""]  # noqa: PTH120
    return tuple(dict.fromkeys(os.path.abspath(folder) for folder in folders if folder))  # noqa: PTH100


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
