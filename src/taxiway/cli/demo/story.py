"""The life of one model, lived through Airflow's API: runs of the training DAG, what they score, and what goes live."""

import contextlib
import dataclasses
from collections.abc import Callable

from taxiway.cli.demo.lake import Lake
from taxiway.cli.demo.runs import Runs, state_of
from taxiway.cli.demo.service import DEPLOYMENT, Endpoint
from taxiway.core.evaluation import EvaluationReport
from taxiway.core.gates import Clearance
from taxiway.core.registry import ModelVersion
from taxiway.core.scoring import BatchScores
from taxiway.core.serving import Phase, ServiceState, describe

MODEL = "flight-delay"
TRAINING, SCORING = f"{MODEL}.training", f"{MODEL}.scoring"
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

    def __init__(self, runs: Runs, lake: Lake, endpoint: Endpoint) -> None:
        self._runs, self._lake, self._endpoint = runs, lake, endpoint

    def tell(self, act: Act) -> Told:
        """What came of an act.

        Raises:
            BackendError: a stage failed, or it was decided otherwise than it had to be.
            DeadlineExceeded: a run took longer than ten minutes.
        """
        self._runs.screen.heading(act.title, act.story)
        act.data(self._lake)
        before = {dag_id: self._runs.known(dag_id) for dag_id in (SCORING, DEPLOYMENT)}
        run = self._runs.api.trigger(TRAINING, act.title)
        told = trained(self._runs, run, act.title, refused=act.refused)
        if act.refused:
            return told
        version = ModelVersion.load(self._runs.left(TRAINING, run, "registry.promote"))
        with self._endpoint.busy() if act.busy else contextlib.nullcontext():
            scores = None if act.worse else self._scores(before[SCORING])
            service = self._service(before[DEPLOYMENT], act)
        return dataclasses.replace(told, version=version, scores=scores, service=service)

    def _scores(self, before: set[str]) -> BatchScores:
        """What the run of the scoring DAG made that the new champion set off."""
        run = self._runs.new(SCORING, before)
        tasks = self._runs.follow(SCORING, run, _SCORING_STAGES)
        if state_of(tasks, "predictions.score") != "success":
            raise self._runs.surprise(SCORING, run, tasks, SCORING)
        return BatchScores.load(self._runs.left(SCORING, run, "predictions.score"))

    def _service(self, before: set[str], act: Act) -> ServiceState:
        """What the service should serve after the deployment that the new champion set off."""
        run = self._runs.new(DEPLOYMENT, before)
        tasks = self._runs.follow(DEPLOYMENT, run, _DEPLOYMENT_STAGES)
        history = [state for state in self._endpoint.history() if f"/{run}/" in state.rollout]
        for state in history:
            self._runs.screen.line(describe(state), state.reason)
        wanted = Phase.ROLLED_BACK if act.worse else Phase.LIVE
        if not history or history[-1].phase is not wanted:
            raise self._runs.surprise(DEPLOYMENT, run, tasks, act.title)
        return history[-1]


def trained(runs: Runs, run: str, title: str, *, refused: bool) -> Told:
    """What the gates said about the model of a run of the training DAG.

    Raises:
        BackendError: they said something else than they had to, or a stage before them failed.
        DeadlineExceeded: it took longer than ten minutes.
    """
    tasks = runs.follow(TRAINING, run, _TRAINING_STAGES)
    if state_of(tasks, _GATE) != ("failed" if refused else "success"):
        raise runs.surprise(TRAINING, run, tasks, title)
    report = EvaluationReport.load(runs.left(TRAINING, run, "candidate.evaluate"))
    clearance = Clearance.load(runs.left(TRAINING, run, _GATE, "clearance"))
    return Told(title, runs.api.link(TRAINING, run), report, clearance)
