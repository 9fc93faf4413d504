"""The last acts: production is watched, and one day a sensor breaks."""

import dataclasses
from datetime import UTC, datetime

from taxiway.cli.demo.home import Home
from taxiway.cli.demo.lake import Days, Lake
from taxiway.cli.demo.production import Look, Watched, watched
from taxiway.cli.demo.runs import Runs, state_of
from taxiway.cli.demo.story import MODEL, TRAINING, Told, trained
from taxiway.core.drift import DriftReport
from taxiway.core.incidents import JournalEntry, Mark, Observation
from taxiway.core.monitoring import Illustration
from taxiway.core.windows import iso

MONITORING = f"{MODEL}.monitoring"
RETRAINING = "The retraining"
_COMPARE, _JUDGE, _DRAW = "drift.compare", "incident.judge", "drift.evidently"
_SHOWN = 2


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
        "Delays are in minutes again. What flies is held against what version 2 learned from: two months, and December "
        "up to the 20th. Winter moves the delays and the destinations. That alone is no alarm.",
        (
            _days("October", (10, 1), (11, 1)),
            _days("November", (11, 1), (12, 1)),
            _days("1 to 20 December", (12, 1), (12, 21)),
        ),
    ),
    Scene(
        "6. A broken sensor",
        "From the 21st of December on each flight is said to have left on time. The first day is a suspicion, the "
        "second an incident: people are told once, and a retraining is tried. It does not help, and the gates say so.",
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
        looks, retraining = [], None
        for scene in SCENES:
            self._runs.screen.heading(scene.title, scene.story)
            before = self._runs.known(TRAINING)
            looks += self._look(scene)
            if scene.retrains:
                retraining = self._retrained(before)
        found = watched(self._home, looks, retraining)
        for notice in (notice for thread in found.threads for notice in thread):
            self._runs.screen.line(f"told: {notice.title}", notice.text)
        return found

    def _look(self, scene: Scene) -> list[Look]:
        """All windows wait at once: Airflow takes them in turn."""
        for days in scene.windows:
            self._lake.fly(days)
        asked = [
            self._runs.api.trigger(MONITORING, days.label, (iso(days.start), iso(days.end))) for days in scene.windows
        ]
        return [self._looked(days, run) for days, run in zip(scene.windows, asked, strict=True)]

    def _looked(self, days: Days, run: str) -> Look:
        tasks = self._runs.follow(MONITORING, run, {_JUDGE: days.label})
        if state_of(tasks, _JUDGE) != "success" or "failed" in {task.state for task in tasks}:
            raise self._runs.surprise(MONITORING, run, tasks, days.label)
        report = DriftReport.load(self._runs.left(MONITORING, run, _COMPARE))
        entry = JournalEntry.load(self._runs.left(MONITORING, run, _JUDGE))
        drawn = self._runs.api.xcom(MONITORING, run, _DRAW)
        self._runs.screen.line(f"{report.rows:,} flights: {mark_of(entry)}", in_words(entry))
        for step in entry.steps:
            self._runs.screen.line(f"incident {step.incident.number} is {step.incident.phase}", step.why)
        link = self._runs.api.link(MONITORING, run)
        return Look(days, link, report, entry, Illustration.load(drawn) if drawn else None)

    def _retrained(self, before: set[str]) -> Told:
        run = self._runs.new(TRAINING, before)
        return trained(self._runs, run, RETRAINING, refused=True)


def mark_of(entry: JournalEntry) -> Mark:
    """What the window was."""
    return entry.event.mark if isinstance(entry.event, Observation) else Mark.UNKNOWN


def in_words(entry: JournalEntry) -> str:
    """What stood out in the window."""
    signals = entry.event.signals if isinstance(entry.event, Observation) else ()
    return entry.note or "; ".join(signal.words for signal in signals[:_SHOWN]) or "nothing stands out"
