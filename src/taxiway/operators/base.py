"""What operators have in common: one spec, the record before, a store; and, for stages that run as jobs, the job."""

import abc
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow.sdk import BaseOperator, conf
from airflow.sdk.exceptions import AirflowTaskTimeout

from taxiway.core.collector import collector_at_rest
from taxiway.core.records import Record, dump_spec, load_spec
from taxiway.core.specs.jobs import LocalJob, Where
from taxiway.hooks import DEFAULT_CONN_ID
from taxiway.hooks.faults import Interrupted, in_airflows_words

S = TypeVar("S", bound=Any)
T = TypeVar("T")
_HAS_TRIES = frozenset({"running", "deferred", "up_for_retry", "scheduled", "queued"})
"""States of a task that will be tried again, or is: nobody failed it, and nobody cleared it."""

if TYPE_CHECKING:
    from airflow.sdk import Context

    from taxiway.core.jobs import JobKey, JobResult
    from taxiway.core.registry import Author
    from taxiway.hooks.access import Access
    from taxiway.hooks.jobs import Watch
    from taxiway.hooks.store import TaxiwayHook


class Stored:
    """What every operator over a store can do. Its template fields may hold specs, whose strings are rendered."""

    taxiway_conn_id: str
    outlets: list[Any]

    @property
    def hook(self) -> "TaxiwayHook":
        """The store's hook."""
        from taxiway.hooks.store import TaxiwayHook

        return TaxiwayHook(self.taxiway_conn_id)

    def render_template(self, content: Any, *args: Any, **kwargs: Any) -> Any:
        """The value with its Jinja rendered; a spec is rendered field by field and checked again."""
        render = super().render_template  # type: ignore[misc]
        if isinstance(content, type) or not hasattr(content, "__pydantic_fields__"):
            return render(content, *args, **kwargs)
        with in_airflows_words():
            return load_spec(type(content), render(dump_spec(content), *args, **kwargs))

    def announce(self, context: "Context", record: Record) -> None:
        """Makes the record the `extra` of the events of this task's outlets."""
        for asset in self.outlets:
            context["outlet_events"][asset].extra = record.dump()


class TaxiwayOperator(Stored, BaseOperator):
    """An operator over a store, for what is done in the worker itself.

    :param taxiway_conn_id: id of the store's connection. (templated)
    """

    template_fields: Sequence[str] = ("taxiway_conn_id",)
    ui_color = "#e8f1f8"

    def __init__(self, *, taxiway_conn_id: str = DEFAULT_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.taxiway_conn_id = taxiway_conn_id


def author(context: "Context", why: str, who: str = "") -> "Author":
    """The task as an author of a registry commit, or the person it acts for."""
    from taxiway.core.registry import Author

    ti = context["ti"]
    return Author(
        who=who or f"airflow:{ti.dag_id}.{ti.task_id}",
        why=why,
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
    )


def job_key(context: "Context") -> "JobKey":
    """Which generation of the task this is.

    When a person clears a task, Airflow grants it `retries` more tries on top of those it has had; a retry by Airflow
    grants nothing. So the tries granted beyond `retries` say how many were had before the last clear.
    """
    from taxiway.core.jobs import JobKey

    ti = context["ti"]
    return JobKey(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        generation=max(0, ti.max_tries - (ti.task.retries or 0)),
    )


def anywhere(spec: S, field: str) -> S:
    """The spec without where it runs: a job need not know, and what it is told lies in the store."""
    return dataclasses.replace(spec, **{field: LocalJob()})


def is_backfill(context: "Context") -> bool:
    """Whether this run tells what would have been: nothing goes live from it."""
    return str(context["dag_run"].run_type) == "backfill"


class JobOperator(Stored, BaseOperator):
    """A stage that runs as a job: finds its result, adopts it while it runs, or starts it; then waits by the clock.

    Whichever way it goes (at once, waiting in the worker, deferred), the same record comes back. A task that dies
    leaves its job running, and the retry adopts it. A task that is told to stop cancels it, unless another try has the
    job by now, or will have; it never ends in success.

    :param taxiway_conn_id: id of the store's connection. (templated)
    :param deferrable: wait in the triggerer instead of the worker.
    :param poll_interval_s: the longest pause between two looks at the job, in seconds.
    """

    template_fields: Sequence[str] = ("taxiway_conn_id",)
    ui_color = "#f3eef8"
    stage: ClassVar[str]
    """A `Stage`, by its value: what goes to and from jobs is loaded when a task runs, not when its file is parsed."""
    _waiting = _told_to_stop = False

    def __init__(
        self,
        *,
        taxiway_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval_s: float = 5.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.taxiway_conn_id = taxiway_conn_id
        self.deferrable = deferrable
        self.poll_interval_s = poll_interval_s

    def where(self) -> Where:
        """Where the job runs; on the worker's machine unless the stage's spec says otherwise."""
        return LocalJob()

    @abc.abstractmethod
    def work(self, context: "Context") -> Record:
        """What the job is to do; asked once per attempt, before it starts."""

    @abc.abstractmethod
    def finish(self, context: "Context", record: dict[str, Any]) -> Any:
        """The task's value, from the job's record."""

    def execute(self, context: "Context") -> Any:
        """The stage's record as JSON."""
        with in_airflows_words():
            from taxiway.core.jobs import JobResult

            begun, larger = self._begin(context)
            if not isinstance(begun, JobResult):
                if self.deferrable and not self._told_to_stop:
                    self._defer(begun)
                begun = self._wait(begun, context)
            return self._finish(context, begun, larger)

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> Any:
        """The same after a deferral: the trigger only says that there is a result, this reads it."""
        with in_airflows_words():
            from taxiway.hooks.jobs import Started, Watch

            job = Started.load(event)
            with collector_at_rest():
                access = self.hook.access(job.where)
                watch = Watch(access.desk, job, poll_s=self.poll_interval_s)
            result = self._wait(watch, context)
            return self._finish(context, result, "" if job.grown else _size(access.larger()))

    def on_kill(self) -> None:
        """Breaks off the waiting, which then cancels the job. A signal handler does no more than that."""
        self._told_to_stop = True
        if self._waiting:
            raise Interrupted("the task was told to stop")

    @collector_at_rest()
    def _begin(self, context: "Context") -> "tuple[Watch | JobResult, str]":
        """The job, or its result where it has one; and the name of a larger profile to try once, if there is one."""
        access = self.hook.access(self.where())
        bigger = access.larger()
        key, result, grown = access.desk.attempt(job_key(context), may_grow=bigger is not None)
        begun = result or self._start(bigger if grown and bigger else access, key, context, grown=grown)
        return begun, "" if grown else _size(bigger)

    def _start(self, access: "Access", key: "JobKey", context: "Context", *, grown: bool) -> "Watch":
        from taxiway.core.jobs import JobRequest
        from taxiway.hooks.jobs import Started, Watch, code_folders

        desk, where = access.desk, access.where
        desk.end_earlier(key)
        request = desk.mailbox.request(key) or JobRequest(
            key=key,
            stage=self.stage,
            work=self.work(context).dump(),
            store=access.place.uri,
            sys_path=code_folders(context["dag"], getattr(context["ti"], "bundle_instance", None)),
            deadline_s=where.deadline_s,
            gpus=access.gpus,
        )
        began = time.time()
        handle = desk.start(request)
        self.log.info("Job %s, attempt %d of generation %d: %s", key.slug, key.attempt, key.generation, handle)
        _remember(context, job=handle, attempt=key.attempt)
        timeout_s = self.execution_timeout.total_seconds() if self.execution_timeout else None
        job = Started(key, handle, where, began, grown=grown, timeout_s=timeout_s)
        return Watch(desk, job, poll_s=self.poll_interval_s)

    def _defer(self, watch: "Watch") -> None:
        from taxiway.triggers.jobs import JobTrigger

        trigger = JobTrigger(taxiway_conn_id=self.taxiway_conn_id, job=watch.job.dump(), poll_s=watch.poll_s)
        self.defer(trigger=trigger, method_name="execute_complete")

    def _wait(self, watch: "Watch", context: "Context") -> "JobResult":
        waited_for = ""
        try:
            while (result := self._breakable(watch.look)) is None:
                self._print(watch.said())
                if watch.waiting_for != waited_for:
                    waited_for = watch.waiting_for
                    _remember(context, waiting_for=waited_for)
                self._breakable(lambda: time.sleep(watch.pause_s()))
        except (Interrupted, AirflowTaskTimeout, KeyboardInterrupt) as why:
            if isinstance(why, Interrupted) and self._is_tried_again(context):
                self.log.warning("The task was told to stop; its job goes on, for the next try of the task")
            else:
                watch.cancel("the task was told to stop")
            raise
        self._print(watch.rest())
        return result

    def _breakable(self, step: Callable[[], T]) -> T:
        """Does a step of the waiting, in which `on_kill` may break in; never amid a talk with Airflow."""
        self._waiting = True
        try:
            if self._told_to_stop:
                self.on_kill()
            return step()
        finally:
            self._waiting = False

    def _is_tried_again(self, context: "Context") -> bool:
        """Whether another try of this task waits for its job by now, or will.

        So it is when Airflow took this one for dead, as after an outage of the API server, or when its worker is sent
        away; not when a person failed or cleared the task, nor in its last try. While nobody can be asked, it is.
        """
        ti = context["ti"]
        if ti.try_number > ti.max_tries:
            return False
        try:
            told = ti.get_task_states(ti.dag_id, ti.map_index, [ti.task_id], run_ids=[ti.run_id])
        except Exception as error:  # noqa: BLE001 - Airflow's client has errors of its own for each way to be away
            self.log.warning("Airflow does not say what became of the task: %s", error)
            return True
        return any(state in _HAS_TRIES for tasks in told.values() for state in tasks.values())

    def _print(self, text: str) -> None:
        for line in text.splitlines():
            self.log.info("%s", line)

    def _finish(self, context: "Context", result: "JobResult", larger: str) -> Any:
        """The task's value; `larger` names the profile to try with once more if the job ran out of memory."""
        from taxiway.core.jobs import require_record

        record = require_record(result, larger=larger)
        memory = result.peak_memory_bytes / 1024**2
        self.log.info("Job %s took %.1f s of CPU and %.0f MiB", result.key.slug, result.cpu_s, memory)
        return self.finish(context, record)


def _size(access: "Access | None") -> str:
    """The name of a resource profile, empty when there is none."""
    return str(getattr(access.where, "resources", "")) if access else ""


def _remember(context: "Context", **facts: Any) -> None:
    """Shows facts on the page of the task instance, under its state store; Airflow lets no task write a note."""
    store: Any = context.get("task_state_store")
    if store is not None:
        for name, value in facts.items():
            store.set(name, value)
