"""Runs of the demo's DAGs: waited for, and followed to their end on the screen."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from taxiway.cli.demo.api import ENDED, TASK_ENDED, Api, TaskState
from taxiway.cli.demo.screen import Screen
from taxiway.core.errors import BackendError, DeadlineExceeded

_RUN_S = 600
_LOOK_S = 0.4


class Runs:
    """The runs of one Airflow, as the story needs them.

    Args:
        api: where to ask.
        screen: where a person looks.
        alive: raises when Airflow has ended.
    """

    def __init__(self, api: Api, screen: Screen, alive: Callable[[], None]) -> None:
        self.api, self.screen = api, screen
        self._alive = alive

    def known(self, dag_id: str) -> set[str]:
        """The runs that there are."""
        return {run["dag_run_id"] for run in self.api.runs(dag_id)}

    def new(self, dag_id: str, before: Collection[str]) -> str:
        """The first run that there was not before.

        Raises:
            DeadlineExceeded: there was none in ten minutes.
        """
        ends_at = time.monotonic() + _RUN_S
        while True:
            found = [run["dag_run_id"] for run in self.api.runs(dag_id) if run["dag_run_id"] not in before]
            if found:
                return str(found[-1])
            self._wait(ends_at, dag_id)

    def follow(self, dag_id: str, run: str, stages: Mapping[str, str]) -> list[TaskState]:
        """The tasks of a run that has ended; on the way there is a bar for each stage.

        Raises:
            DeadlineExceeded: it took longer than ten minutes.
        """
        ends_at = time.monotonic() + _RUN_S
        with self.screen.board(stages) as board:
            while True:
                state = self.api.state(dag_id, run)
                tasks = self.api.tasks(dag_id, run)
                board.show(tasks)
                if state in ENDED:
                    return tasks
                self._wait(ends_at, run)

    def until(self, dag_id: str, run: str, task_id: str = "") -> list[TaskState]:
        """The tasks of a run as soon as one of them has ended; without one, when the run has.

        Raises:
            DeadlineExceeded: it took longer than ten minutes.
        """
        ends_at = time.monotonic() + _RUN_S
        while True:
            state = self.api.state(dag_id, run)
            tasks = self.api.tasks(dag_id, run)
            if state in ENDED or state_of(tasks, task_id) in TASK_ENDED:
                return tasks
            self._wait(ends_at, run)

    def left(self, dag_id: str, run: str, task_id: str, key: str = "return_value") -> dict[str, Any]:
        """What a task left.

        Raises:
            BackendError: nothing.
        """
        value = self.api.xcom(dag_id, run, task_id, key)
        if value is None:
            raise BackendError(f"task {task_id!r} left no {key!r}", where=run, do="Look at its log.")
        return value

    def surprise(self, dag_id: str, run: str, tasks: Collection[TaskState], where: str) -> BackendError:
        """An error that says what was not as it had to be; a person sees the last lines of the task that failed."""
        broken = next((task for task in tasks if task.state == "failed"), None)
        if broken is None:
            what = "it was decided otherwise than it had to be"
            return BackendError(what, where=self.api.link(dag_id, run))
        said = self.api.log(dag_id, run, broken)
        self.screen.console.print(said, style="dim", markup=False, highlight=False, soft_wrap=True)
        return BackendError(
            f"task {broken.task_id!r} failed",
            where=where,
            got="its last lines above",
            do=f"The whole log: {self.api.link(dag_id, run)}/tasks/{broken.task_id}",
        )

    def _wait(self, ends_at: float, what: str) -> None:
        self._alive()
        if time.monotonic() > ends_at:
            raise DeadlineExceeded(f"the run did not end in {_RUN_S} s", where=what, do="Look at its tasks' logs.")
        time.sleep(_LOOK_S)


def state_of(tasks: Collection[TaskState], task_id: str) -> str:
    """The state of a task of a run."""
    return next((task.state for task in tasks if task.task_id == task_id), "missing")
