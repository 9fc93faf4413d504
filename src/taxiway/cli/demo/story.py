"""The life of one model, lived through Airflow's API: runs of the training DAG, what they score, and what goes live."""

import contextlib
import dataclasses
import time
from collections.abc import Callable
from typing import Any

from taxiway.cli.demo.api import ENDED, Api, TaskState
from taxiway.cli.demo.lake import Lake
from taxiway.cli.demo.screen import Screen
from taxiway.cli.demo.service import DEPLOYMENT, Endpoint
from taxiway.core.errors import BackendError, DeadlineExceeded
from taxiway.core.evaluation import EvaluationReport
from taxiway.core.gates import Clearance
from taxiway.core.registry import ModelVersion
from taxiway.core.scoring import BatchScores
from taxiway.core.serving import Phase, ServiceState, describe

MODEL = "flight-delay"
TRAINING, SCORING = f"{MODEL}.training", f"{MODEL}.scoring"
_RUN_S = 600
_TRAINING_STAGES = {
    "data.validate": "Validate the flights",
    "data.validate_evaluation": "Validate November",
    "candidate.train": "Train",
    "candidate.evaluate": "Evaluate on November",
    "decision.gate": "Ask the gates",
    "registry.register": "Register",
    "registry.promote": "Promote",
}
_SCORING_STAGES = {"data.validate": "Validate December", "predictions.score": "Score December"}
_DEPLOYMENT_STAGES = {"deploy": "Take it live"}
_GATE = "decision.gate"


@dataclasses.dataclass(frozen=True)
class Act:
    """One part of the story.

    Attributes:
        title: its heading.
        story: what happens, for a person.
        data: makes it happen to the data.
        refused: whether the gates are to refuse the model.
        worse: whether the gates let it through, and those who ask it are to find out.
        busy: whether somebody asks the service while the model goes live.
    """

    title: str
    story: str
    data: Callable[[Lake], None]
    refused: bool = False
    worse: bool = False
    busy: bool = True


@dataclasses.dataclass(frozen=True)
class Told:
    """What came of an act; what comes after the gates is none where the model was refused."""

    title: str
    link: str
    report: EvaluationReport
    clearance: Clearance
    version: ModelVersion | None = None
    scores: BatchScores | None = None
    service: ServiceState | None = None

    @property
    def live(self) -> bool:
        """Whether the version went live."""
        return self.service is not None and self.service.phase is Phase.LIVE


ACTS = (
    Act(
        "1. The first model",
        "January to June have arrived. The model that learns from them becomes the champion, scores December, and goes "
        "live.",
        lambda lake: lake.arrive(range(1, 7)),
        busy=False,
    ),
    Act(
        "2. A challenger",
        "July to October arrive. The new model has to beat the champion on the same flights of November. Then it gets "
        "a quarter of the requests, and all of them when its answers are as good.",
        lambda lake: lake.arrive(range(7, 11)),
    ),
    Act(
        "3. A broken feed",
        "The arrival times were joined to the wrong flights. The contract cannot see that. The gates can.",
        lambda lake: lake.scramble(range(1, 11)),
        refused=True,
    ),
    Act(
        "4. Another unit",
        "The feed is mended, and tells delays in hours now. Everything that is measured fits, so the gates let the "
        "model through. But passengers ask in minutes: the canary sees it, and is rolled back.",
        lambda lake: lake.change_unit(),
        worse=True,
    ),
)


class Teller:
    """Lives the acts one after the other."""

    def __init__(self, api: Api, lake: Lake, endpoint: Endpoint, screen: Screen, alive: Callable[[], None]) -> None:
        self._api, self._lake, self._endpoint = api, lake, endpoint
        self._screen, self._alive = screen, alive

    def tell(self, act: Act) -> Told:
        """What came of an act.

        Raises:
            BackendError: a stage failed, or it was decided otherwise than it had to be.
            DeadlineExceeded: a run took longer than ten minutes.
        """
        self._screen.heading(act.title, act.story)
        act.data(self._lake)
        before = {dag_id: {run["dag_run_id"] for run in self._api.runs(dag_id)} for dag_id in (SCORING, DEPLOYMENT)}
        run = self._api.trigger(TRAINING, act.title)
        tasks = self._follow(TRAINING, run, _TRAINING_STAGES)
        if self._state(tasks, _GATE) != ("failed" if act.refused else "success"):
            raise self._surprise(TRAINING, run, tasks, act)
        link = self._api.link(TRAINING, run)
        report = EvaluationReport.load(self._left(run, "candidate.evaluate"))
        clearance = Clearance.load(self._left(run, "decision.gate", "clearance"))
        told = Told(act.title, link, report, clearance)
        if act.refused:
            return told
        version = ModelVersion.load(self._left(run, "registry.promote"))
        with self._endpoint.busy() if act.busy else contextlib.nullcontext():
            scores = None if act.worse else self._scores(before[SCORING])
            service = self._service(before[DEPLOYMENT], act)
        return dataclasses.replace(told, version=version, scores=scores, service=service)

    def _scores(self, before: set[str]) -> BatchScores:
        """What the run of the scoring DAG made that the new champion set off."""
        run = self._new_run(SCORING, before)
        tasks = self._follow(SCORING, run, _SCORING_STAGES)
        if self._state(tasks, "predictions.score") != "success":
            raise self._surprise(SCORING, run, tasks, None)
        left = self._api.xcom(SCORING, run, "predictions.score")
        return BatchScores.load(left or {})

    def _service(self, before: set[str], act: Act) -> ServiceState:
        """What the service should serve after the deployment that the new champion set off."""
        run = self._new_run(DEPLOYMENT, before)
        tasks = self._follow(DEPLOYMENT, run, _DEPLOYMENT_STAGES)
        history = [state for state in self._endpoint.history() if f"/{run}/" in state.rollout]
        for state in history:
            self._screen.line(describe(state), state.reason)
        wanted = Phase.ROLLED_BACK if act.worse else Phase.LIVE
        if not history or history[-1].phase is not wanted:
            raise self._surprise(DEPLOYMENT, run, tasks, act)
        return history[-1]

    def _new_run(self, dag_id: str, before: set[str]) -> str:
        ends_at = time.monotonic() + _RUN_S
        while True:
            new = [run["dag_run_id"] for run in self._api.runs(dag_id) if run["dag_run_id"] not in before]
            if new:
                return str(new[-1])
            self._wait(ends_at, dag_id)

    def _follow(self, dag_id: str, run: str, stages: dict[str, str]) -> list[TaskState]:
        ends_at = time.monotonic() + _RUN_S
        with self._screen.board(stages) as board:
            while True:
                state = self._api.state(dag_id, run)
                tasks = self._api.tasks(dag_id, run)
                board.show(tasks)
                if state in ENDED:
                    return tasks
                self._wait(ends_at, run)

    def _wait(self, ends_at: float, what: str) -> None:
        self._alive()
        if time.monotonic() > ends_at:
            raise DeadlineExceeded(f"the run did not end in {_RUN_S} s", where=what, do="Look at its tasks' logs.")
        time.sleep(0.4)

    def _left(self, run: str, task_id: str, key: str = "return_value") -> dict[str, Any]:
        value = self._api.xcom(TRAINING, run, task_id, key)
        if value is None:
            raise BackendError(f"task {task_id!r} left no {key!r}", where=run, do="Look at its log.")
        return value

    def _state(self, tasks: list[TaskState], task_id: str) -> str:
        return next((task.state for task in tasks if task.task_id == task_id), "missing")

    def _surprise(self, dag_id: str, run: str, tasks: list[TaskState], act: Act | None) -> BackendError:
        broken = next((task for task in tasks if task.state == "failed"), None)
        if broken is None:
            what = "it was decided otherwise than it had to be"
            return BackendError(what, where=self._api.link(dag_id, run))
        said = self._api.log(dag_id, run, broken)
        self._screen.console.print(said, style="dim", markup=False, highlight=False, soft_wrap=True)
        return BackendError(
            f"task {broken.task_id!r} failed",
            where=act.title if act else dag_id,
            got="its last lines above",
            do=f"The whole log: {self._api.link(dag_id, run)}/tasks/{broken.task_id}",
        )
