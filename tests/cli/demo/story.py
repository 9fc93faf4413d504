"""What the demo's watching comes to, as a true run of it leaves it: played on the records, without an Airflow."""

import dataclasses

import samples
from core.journal import clock, column, drift_report, hour, signal
from taxiway.cli.demo.production import Look, Watched
from taxiway.cli.demo.story import Told
from taxiway.cli.demo.watch import RETRAINING, SCENES
from taxiway.core import BeatsChampion, Retrain
from taxiway.core.bulletins import bulletins
from taxiway.core.drift import Asks, DriftTest
from taxiway.core.gates import clear, decide
from taxiway.core.incidents import Evidence, JournalEntry, Mark, Observation, Retrained
from taxiway.core.incidents import Watched as Known
from taxiway.core.monitoring import Illustration
from taxiway.core.specs.monitoring import Alarm
from taxiway.core.transitions import Rules, advance

RULES = Rules(Alarm(), Retrain())
MOVED = column("dep_delay", DriftTest(asks=Asks.VALUES, p=0.0, effect=-0.22))


def judged(known, event, number):
    step = advance(known, event, RULES, clock(number))
    return JournalEntry(
        number=number, id=f"id-{number}", at=clock(number), event=event, alarm=RULES.alarm, retrain=RULES.retrain,
        watched=step.watched, steps=step.steps, ask=step.ask, note=step.note,
    )  # fmt: skip


def observed(number, days):
    kinds = (Evidence.ESTIMATED, Evidence.FAULT) if days.broken else ()
    return Observation(
        key=f"drift.2.{number}", window=hour(number), source="drift", mark=Mark.BAD if days.broken else Mark.GOOD,
        number=2, signals=tuple(signal(kind) for kind in kinds), rows=800,
    )  # fmt: skip


def look(days, entry):
    page = Illustration(window=entry.event.window, page="evidently.html") if days.broken else None
    report = drift_report(window=entry.event.window, number=2, columns=(MOVED,), rows=1234)
    return Look(days, f"http://127.0.0.1:1/run/{entry.number}", report, entry, page)


def watched(**changes):
    """Three months that are alike, two broken days, and a retraining that the gates refuse."""
    known, entries = Known(), []
    windows = [days for scene in SCENES for days in scene.windows]
    for number, days in enumerate(windows, start=1):
        entries.append(judged(known, observed(number, days), number))
        known = entries[-1].watched
    looks = [look(days, entry) for days, entry in zip(windows, entries, strict=True)]
    entries.append(judged(known, Retrained(key="run", ask=1, number=None, why="no version"), len(windows) + 1))
    thread = [notice for entry in entries for notice in bulletins(entry)]
    report = samples.report_against_champion(0.0)
    clearance = clear(report.model.digest, [decide(report, BeatsChampion("roc_auc"))])
    retraining = Told(RETRAINING, "http://127.0.0.1:1/retraining", report, clearance)
    whole = Watched(looks, entries[-1].watched.incident, entries[-1].watched.incidents, [thread], retraining)
    return dataclasses.replace(whole, **changes)
