"""A job: read one request, do one stage, deliver one result."""

import contextlib
import dataclasses
import functools
import gc
import importlib
import json
import resource
import shutil
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from taxiway.core.errors import BackendError, DeadlineExceeded, IntegrityError, SpecError, TaxiwayError
from taxiway.core.jobs import RETRYABLE, Cause, Failure, JobKey, JobRequest, JobResult
from taxiway.core.names import check_entry_point, unknown
from taxiway.core.records import Record, load_record
from taxiway.core.stages import Stage
from taxiway.runtime.context import Job
from taxiway.runtime.stopping import Stop, Stopped
from taxiway.runtime.world import World

if TYPE_CHECKING:
    from taxiway.stores.objects import ObjectStore

T = TypeVar("T")
_LONGEST_TRACEBACK = 8000
_LONGEST_MESSAGE = 2000
_FETCH_S = 60.0


@dataclasses.dataclass(frozen=True)
class Step:
    """What does a stage, imported when it is needed: nobody waits for the libraries of another stage.

    Attributes:
        function: `module:name` of a function of the runtime.
        work: `module:name` of the kind of record it takes.
        libraries: what it imports before it comes to anybody else's code.
    """

    function: str
    work: str = "taxiway.core.records:Record"
    libraries: tuple[str, ...] = ()

    def load(self) -> tuple[Callable[[Any, Job], Record], type[Record]]:
        """The function and the kind of record; a library that is missing is left to whoever uses it."""
        for library in self.libraries:
            with contextlib.suppress(ImportError):
                importlib.import_module(library)
        return _named(self.function), _named(self.work)


_ROWS = ("polars", "numpy")
STAGES: Mapping[str, Step] = {
    Stage.VALIDATE: Step("taxiway.runtime.validation:validate", "taxiway.core.stages:ValidateWork", ("polars",)),
    Stage.TRAIN: Step("taxiway.runtime.training:train", "taxiway.core.stages:TrainWork", _ROWS),
    Stage.EVALUATE: Step("taxiway.runtime.evaluation:evaluate", "taxiway.core.stages:EvaluateWork", _ROWS),
    Stage.SCORE: Step("taxiway.runtime.scoring:score", "taxiway.core.stages:ScoreWork", _ROWS),
    Stage.WINDOW: Step("taxiway.runtime.windows:window", "taxiway.core.monitoring:WindowWork"),
    Stage.REFERENCE: Step("taxiway.runtime.profiles:reference", "taxiway.core.monitoring:ReferenceWork"),
    Stage.PROFILE: Step("taxiway.runtime.profiles:profile", "taxiway.core.monitoring:ProfileWork", _ROWS),
    Stage.COMPARE: Step("taxiway.runtime.drift:compare", "taxiway.core.monitoring:CompareWork"),
    Stage.ILLUSTRATE: Step("taxiway.runtime.illustrations:illustrate", "taxiway.core.monitoring:IllustrateWork", _ROWS),
    Stage.MEASURE: Step("taxiway.runtime.performance:measure", "taxiway.core.monitoring:MeasureWork", _ROWS),
}
"""The stages Taxiway has; a request may also name a function of its own as `module:function`."""

ASSISTANTS: Mapping[str, Step] = {
    Stage.TRAIN: dataclasses.replace(STAGES[Stage.TRAIN], function="taxiway.runtime.training:assist")
}
"""What the other processes of a job do, where it has several."""

CAUSES: Mapping[type[BaseException], Cause] = {
    IntegrityError: Cause.INTEGRITY,
    BackendError: Cause.BACKEND,
    DeadlineExceeded: Cause.DEADLINE,
    TaxiwayError: Cause.SPEC,
    MemoryError: Cause.OUT_OF_MEMORY,
    BaseException: Cause.USER_CODE,
}
"""Which fault of a stage is which cause; the first class that fits counts."""


def run(request: JobRequest, store: "ObjectStore", scratch: Path | None = None) -> JobResult:
    """What comes of a request: its stage's record, or why there is none. Never raises, except to stop.

    `scratch` is a folder that may be missing; it is removed. Without it a temporary one is used.
    """
    return _measured(request.key, lambda: _stage(request, functools.partial(Job, request.key, store), scratch))


def perform(
    data: Mapping[str, Any], store: "ObjectStore", *, scratch: Path | None = None, stop: Stop | None = None
) -> Failure | None:
    """Does what a dumped `JobRequest` asks and delivers the result, once; nothing when there is one already.

    Gives the failure that it delivered, if it did. Of several processes of a job the first one delivers the record, and
    each delivers its failure: the first that comes counts.

    Raises:
        BackendError: the store did not take the result in the time the job has.
        SpecError: the request does not even say where its result should go.
    """
    from taxiway.stores.mailbox import Mailbox

    end = time.monotonic() + _patience_s(data)
    key = _key(data)
    answered = _patiently(lambda: store.head(f"jobs/{key.slug}/result.json"), min(end, time.monotonic() + _FETCH_S))
    if answered:  # by whatever version of Taxiway: what it says is for the operator to read
        return None
    world = World.here()
    around = functools.partial(Job, key, store, stop=stop or Stop(), world=world)
    result = _measured(key, lambda: _stage(JobRequest.load(data), around, scratch))
    if world.leads or result.failure:
        _patiently(lambda: Mailbox(store).deliver(result), end)
    return result.failure


def fetch(store: "ObjectStore", slug: str) -> dict[str, Any]:
    """The dumped request that an operator posted under a job's slug.

    Raises:
        BackendError: the store does not answer within a minute.
        SpecError: there is no such request.
    """
    data = _patiently(lambda: store.read(f"jobs/{slug}/job.json"), time.monotonic() + _FETCH_S)
    if data is None:
        raise SpecError(
            "there is no request for this job", where=f"{store.uri} jobs/{slug}", do="Check --store, --key."
        )
    try:
        return dict(json.loads(data))
    except (TypeError, ValueError) as error:
        raise IntegrityError("the request of a job is broken", where=f"{store.uri} jobs/{slug}", got=error) from None


def failure_of(error: BaseException) -> Failure:
    """An exception as a result: its cause, its sentence, and the traceback where a user's code raised it."""
    cause = next(cause for kind, cause in CAUSES.items() if isinstance(error, kind))
    cause = Cause.OUT_OF_MEMORY if _is_of_a_gpu(error) else cause
    if isinstance(error, TaxiwayError):
        return Failure(cause=cause, message=str(error), retryable=cause in RETRYABLE and error.retryable)
    message = traceback.format_exception_only(error)[-1].strip()  # which copes with errors that cannot be shown
    return Failure(
        cause=cause,
        message=message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…",
        retryable=False,
        traceback=_traceback(error),
    )


def _is_of_a_gpu(error: BaseException) -> bool:
    """Whether a GPU ran out of its own memory; torch says so in a class of its own, and is not imported to ask."""
    kinds = type(error).__mro__
    return any(kind.__name__ == "OutOfMemoryError" and kind.__module__.startswith("torch") for kind in kinds)


def _stage(request: JobRequest, around: Callable[[Path], Job], scratch: Path | None) -> Record:
    sys.path[:0] = [path for path in request.sys_path if path not in sys.path]
    importlib.invalidate_caches()
    function, kind = _function(request.stage, World.here())
    work = load_record(request.work)
    if not isinstance(work, kind):
        raise SpecError(
            "this is the work of another stage",
            where=f"stage {request.stage!r}",
            expected=kind.__name__,
            got=type(work).__name__,
        )
    if not gc.isenabled():  # it rested while this process started: what was imported stays, and need not be looked at
        gc.freeze()
        gc.enable()
    with _folder(scratch) as folder:
        record = function(work, around(folder))
    if not isinstance(record, Record):
        raise SpecError("a stage gives a record", where=f"stage {request.stage!r}", got=type(record).__name__)
    return record


def _function(stage: str, world: World) -> tuple[Callable[[Any, Job], Record], type[Record]]:
    step = STAGES.get(stage) if world.leads else ASSISTANTS.get(stage)
    if step is None and ":" not in stage:
        raise unknown("stage", stage, [str(known) for known in STAGES], where="a job request")
    return (step or Step(check_entry_point(stage))).load()


def _named(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


@contextlib.contextmanager
def _folder(scratch: Path | None) -> Iterator[Path]:
    if scratch is None:
        with tempfile.TemporaryDirectory(prefix="taxiway-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
        return
    scratch.mkdir(mode=0o700, exist_ok=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _measured(key: JobKey, body: Callable[[], Record]) -> JobResult:
    started_at = datetime.now(UTC)
    record, failure = None, None
    try:
        record = body().dump()
    except Stopped:
        raise
    except BaseException as error:  # noqa: BLE001 - the user's code may raise anything, and the result says so
        failure = failure_of(error)
        _unlimit()
    mine, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return JobResult(
        key=key,
        record=record,
        failure=failure,
        started_at=started_at.isoformat(),
        ended_at=datetime.now(UTC).isoformat(),
        cpu_s=sum((mine.ru_utime, mine.ru_stime, children.ru_utime, children.ru_stime)),
        peak_memory_bytes=max(mine.ru_maxrss, children.ru_maxrss) * (1024 if sys.platform == "linux" else 1),
        host=socket.gethostname(),
    )


def _unlimit() -> None:
    """Gives back the memory that a limit kept from the stage: what is left to do needs little, but not nothing."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _traceback(error: BaseException) -> str:
    """The user's part of a traceback, at most 8,000 characters, the end of it if it is longer."""
    told = traceback.TracebackException.from_exception(error, compact=True)
    ours = str(Path(__file__).parent)
    frames = [frame for frame in told.stack if not frame.filename.startswith(ours)]
    told.stack = traceback.StackSummary.from_list(frames or told.stack)
    text = "".join(told.format())
    return text if len(text) <= _LONGEST_TRACEBACK else f"…{text[-_LONGEST_TRACEBACK:]}"


def _key(data: Mapping[str, Any]) -> JobKey:
    key = data.get("key")
    if not isinstance(key, Mapping):
        raise SpecError("a job request without a key", expected="the dump of a JobRequest", got=repr(sorted(data)))
    return JobKey(**key)


def _patience_s(data: Mapping[str, Any]) -> float:
    """How long to try to deliver: a little less than the job has, so that it says itself what it waited for."""
    seconds = data.get("deadline_s")
    return 0.9 * seconds if isinstance(seconds, int | float) else _FETCH_S


def _patiently(call: Callable[[], T], end: float) -> T:
    """Calls until it answers, with growing pauses, or until `end` by the monotonic clock."""
    pause = 0.2
    while True:
        try:
            return call()
        except TaxiwayError as error:
            if not error.retryable or time.monotonic() + pause > end:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 10)
