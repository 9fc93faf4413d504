"""What happens in the life of a model, as notices: one thread for each run of a DAG."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from taxiway.core.evaluation import EvaluationReport
from taxiway.core.gates import Clearance, Verdict
from taxiway.core.notices import Fact, Link, Notice, Severity
from taxiway.core.outcomes import Outcome
from taxiway.core.registry import ModelVersion


class Moment(NamedTuple):
    """Which try of which task something happened in, and when.

    Attributes:
        dag_id: the DAG.
        run_id: its run.
        task_id: the task; empty when it is about the whole run.
        map_index: of a mapped task, else -1.
        try_number: which try, from 1.
        at: when, ISO 8601, UTC.
        page: address of the task's page, or of the run's; empty when the web server's is not configured.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    at: str
    page: str

    @property
    def thread(self) -> str:
        """The thread of the run."""
        return f"run/{self.dag_id}/{self.run_id}"

    def key(self, what: str) -> str:
        """What tells the same happening from another one in the run."""
        return f"{what} {self.task_id} {self.map_index} {self.try_number}"


def failed(moment: Moment, cause: str) -> Notice:
    """A task failed for good, or the whole run did, and why."""
    what = f"task {moment.task_id}" if moment.task_id else "the run"
    return _notice(
        moment,
        "failed",
        title=f"{moment.dag_id} failed: {what}",
        severity=Severity.CRITICAL,
        subject=moment.dag_id,
        text=cause or "It ended without a word: its process was killed or lost. Its log may say more.",
        facts=_run(moment),
        asks=moment.key("failed"),
    )


def late(moment: Moment, due: str) -> Notice:
    """A run missed its deadline."""
    return _notice(
        moment,
        "late",
        title=f"{moment.dag_id} is late",
        severity=Severity.WARNING,
        subject=moment.dag_id,
        text=f"Its run was due by {due}.",
        facts=_run(moment),
        asks="late",
    )


def mended(moment: Moment) -> Notice:
    """A task that had failed has succeeded after all."""
    return _notice(
        moment,
        "mended",
        title=f"{moment.dag_id} goes on: task {moment.task_id} has succeeded after all",
        severity=Severity.GOOD,
        subject=moment.dag_id,
        facts=_run(moment),
        closes=True,
    )


def asked(moment: Moment, report: EvaluationReport, verdicts: Iterable[Verdict] = ()) -> Notice:
    """A person is asked whether a model may go live."""
    rival = f"version {report.champion.number}" if report.champion else "no champion yet"
    return _notice(
        moment,
        "waiting",
        title=f"May {report.model.name} go live? A person is asked",
        severity=Severity.INFO,
        subject=report.model.name,
        text=f"Measured against {rival}, on {report.rows:,} rows of {report.evaluated_on.name}.",
        facts=(*_measures(report), *_verdicts(verdicts)),
        asks="approval",
    )


def approved(moment: Moment, model: str, clearance: Clearance) -> Notice:
    """A person said yes."""
    return _notice(
        moment,
        "approved",
        title=f"{model} is approved",
        severity=Severity.INFO,
        subject=model,
        text="; ".join(verdict.reason for verdict in _by_people(clearance.verdicts)),
    )


def refused(moment: Moment, model: str, clearance: Clearance) -> Notice:
    """A gate or a person refused a model."""
    against = [verdict for verdict in clearance.verdicts if verdict.outcome is not Outcome.PASS]
    return _notice(
        moment,
        "refused",
        title=f"{model} may not go live",
        severity=Severity.WARNING,
        subject=model,
        text=f"{len(against)} of {len(clearance.verdicts)} gates did not let it through.",
        facts=tuple(_verdicts([*against, *(one for one in clearance.verdicts if one.outcome is Outcome.PASS)])),
        closes=True,
    )


def promoted(moment: Moment, version: ModelVersion) -> Notice:
    """A version went live."""
    name = version.model.name
    people = "; ".join(verdict.reason for verdict in _by_people(version.verdicts))
    return _notice(
        moment,
        "live",
        title=f"Version {version.number} of {name} is live",
        severity=Severity.GOOD,
        subject=name,
        text=people or "Every gate let it through.",
        facts=tuple(Fact(label=label, value=_number(value)) for label, value in sorted(version.metrics.items())),
        closes=True,
    )


def rolled_back(moment: Moment, version: ModelVersion, why: str) -> Notice:
    """An alias points at an earlier version again."""
    return _notice(
        moment,
        "rolled back",
        title=f"{version.model.name} is rolled back to version {version.number}",
        severity=Severity.WARNING,
        subject=version.model.name,
        text=why,
        closes=True,
    )


def _notice(moment: Moment, state: str, **said: Any) -> Notice:
    links = (Link(label="Airflow", url=moment.page),) if moment.page else ()
    key = moment.key(state)
    return Notice(thread=moment.thread, key=key, state=state, at=moment.at, links=links, **said)


def _run(moment: Moment) -> tuple[Fact, ...]:
    tries = (Fact(label="tries", value=str(moment.try_number)),) if moment.task_id else ()
    return (Fact(label="run", value=moment.run_id), *tries)


def _measures(report: EvaluationReport) -> Iterator[Fact]:
    champion = {measure.metric: measure.value for measure in report.champion_measures}
    for measure in report.measures:
        against = f" (champion {_number(champion[measure.metric])})" if measure.metric in champion else ""
        yield Fact(label=measure.metric, value=f"{_number(measure.value)}{against}")


def _verdicts(verdicts: Iterable[Verdict]) -> Iterator[Fact]:
    for verdict in verdicts:
        yield Fact(label=verdict.gate, value=f"{verdict.outcome.upper()}, {verdict.reason}")


def _by_people(verdicts: Iterable[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.decided_by != "taxiway"]


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4g}"
