"""The last acts: production is watched, and one day a sensor breaks."""

import dataclasses
from datetime import UTC, datetime

from taxiway.cli.demo.home import Home
from taxiway.cli.demo.lake import Days, Lake
from taxiway.cli.demo.production import Look, Watched, watched
from taxiway.cli.demo.runs import Runs, state_of
from taxiway.cli.demo.story import MODEL, TRAINING, trained
from taxiway.core.drift import DriftReport
from taxiway.core.incidents import JournalEntry, Phase
from taxiway.core.monitoring import Illustration
from taxiway.core.windows import iso

MONITORING = f"{MODEL}.monitoring"
RETRAINING = "The retraining"
DRAW = "drift.evidently"
_COMPARE, _JUDGE = "drift.compare", "incident.judge"


def _days(label: str, first: tuple[int, int], behind: tuple[int, int], *, broken: bool = False) -> Days:
    start, end = (datetime(2013, month, day, tzinfo=UTC) for month, day in (first, behind))
    return Days(label, start, end, broken)


@dataclasses.dataclass(frozen=True)
class Scene:
    """A part of the story in which production is watched.

    Attributes:
        title: its heading.
        story: what happens, for a person.
        windows: what is looked at, in order.
        retrains: whether it makes an incident that asks for a retraining.
    """

    title: str
    story: str
    windows: tuple[Days, ...]
    retrains: bool = False


SCENES = (
    Scene(
        "5. Production",
        "Delays are in minutes again. Two months, and December up to the 20th, are held against what version 2 learned "
        "from. Winter moves the delays and the destinations a little, and that is no alarm.",
        (
            _days("October", (10, 1), (11, 1)),
            _days("November", (11, 1), (12, 1)),
            _days("1 to 20 December", (12, 1), (12, 21)),
        ),
    ),
    Scene(
        "6. A broken sensor",
        "From the 21st of December on, each flight is said to have left on time. One such day is a suspicion, two are "
        "an incident: people are told, in one thread, and a retraining starts. There is nothing new to learn, so the "
        "gates refuse what comes of it, and the incident escalates.",
        (
            _days("21 December", (12, 21), (12, 22), broken=True),
            _days("22 December", (12, 22), (12, 23), broken=True),
        ),
        retrains=True,
    ),
)


class Watcher:
    """Lets the monitoring DAG look at windows, one after the other."""

    def __init__(self, runs: Runs, lake: Lake, home: Home) -> None:
        self._runs, self._lake, self._home = runs, lake, home

    def watch(self) -> Watched:
        """What came of it all.

        Raises:
            BackendError: a stage failed, or the retraining was decided otherwise than it had to be.
            DeadlineExceeded: a run took longer than ten minutes.
        """
        self._lake.restore()
        asked: list[tuple[Days, str]] = []
        retraining = None
        for scene in SCENES:
            self._runs.screen.heading(scene.title, scene.story)
            before = self._runs.known(TRAINING)
            asked += [(days, self._judged(days)) for days in scene.windows]
            if scene.retrains:
                run = self._runs.new(TRAINING, before)
                retraining = trained(self._runs, run, RETRAINING, refused=True)
                self._tell(JournalEntry.load(self._runs.left(TRAINING, run, "registry.retrained")))
        with self._runs.screen.step("Let Evidently draw it"):
            looks = [self._looked(days, run) for days, run in asked]
        return watched(self._home, looks, retraining)

    def _judged(self, days: Days) -> str:
        """The run that looks at some days, as soon as it knows what to make of them; it goes on meanwhile."""
        self._lake.fly(days)
        with self._runs.screen.step(days.label):
            run = self._runs.api.trigger(MONITORING, days.label, (iso(days.start), iso(days.end)))
            tasks = self._runs.until(MONITORING, run, _JUDGE)
            if state_of(tasks, _JUDGE) != "success":
                raise self._runs.surprise(MONITORING, run, tasks, days.label)
        self._tell(JournalEntry.load(self._runs.left(MONITORING, run, _JUDGE)))
        return run

    def _tell(self, entry: JournalEntry) -> None:
        for step in entry.steps:
            called = step.incident.escalated and step.incident.phase is Phase.CONFIRMED
            what = "escalated" if called else step.incident.phase
            self._runs.screen.line(f"incident {step.incident.number}: {what}", step.why)

    def _looked(self, days: Days, run: str) -> Look:
        tasks = self._runs.until(MONITORING, run)
        if "failed" in {task.state for task in tasks}:
            raise self._runs.surprise(MONITORING, run, tasks, days.label)
        report = DriftReport.load(self._runs.left(MONITORING, run, _COMPARE))
        entry = JournalEntry.load(self._runs.left(MONITORING, run, _JUDGE))
        drawn = self._runs.api.xcom(MONITORING, run, DRAW)
        link = self._runs.api.link(MONITORING, run)
        return Look(days, link, report, entry, Illustration.load(drawn) if drawn else None)
