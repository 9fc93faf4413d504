"""Keeps the incidents of a model: what a report leads to, who hears of it, and when a retraining starts and ends."""

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from taxiway.core.specs.monitoring import Monitoring
from taxiway.hooks.faults import in_airflows_words
from taxiway.links import DriftLink, RecordLink
from taxiway.operators.base import TaxiwayOperator, author, is_backfill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from taxiway.core.incidents import Ask, JournalEntry
    from taxiway.core.specs.alerts import AnyAlerts


class IncidentOperator(TaxiwayOperator):
    """Writes what a report says into the journal, once, and gives the `JournalEntry` with what it led to.

    Skips in a backfill: nobody is woken for what would have been.

    :param report: a `DriftReport` or a `PerformanceReport`. (templated)
    :param monitoring: the rules.
    """

    template_fields = ("report", *TaxiwayOperator.template_fields)
    operator_extra_links = (DriftLink(), RecordLink())

    def __init__(self, *, report: Any, monitoring: Monitoring, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.report = report
        self.monitoring = monitoring

    def execute(self, context: "Context") -> dict[str, Any]:
        """The entry as JSON."""
        if is_backfill(context):
            raise AirflowSkipException("This is a backfill: it tells what would have been, and wakes nobody.")
        with in_airflows_words():
            from taxiway.core.transitions import Rules
            from taxiway.hooks.incidents import observed

            seen = observed(self.report, self.monitoring)
            rules = Rules(self.monitoring.alarm, self.monitoring.retrain)
            entry = self.hook.journal(seen.window.model, seen.window.population).record(seen, rules)
            self.log.info("The window is %s. %s", seen.mark, entry.note)
            for step in entry.steps:
                self.log.warning("Incident %d is %s: %s", step.incident.number, step.incident.phase, step.why)
            return entry.dump()


class AnnounceOperator(TaxiwayOperator):
    """Tells the assets in its outlets of an incident that went to one of some phases; skips otherwise.

    The event carries the `Incident`.

    :param entry: the `JournalEntry`. (templated)
    :param phases: which phases are told.
    """

    template_fields = ("entry", *TaxiwayOperator.template_fields)

    def __init__(self, *, entry: Any, phases: "Sequence[str]" = ("confirmed",), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.entry = entry
        self.phases = phases

    def execute(self, context: "Context") -> dict[str, Any]:
        """The incident as JSON."""
        with in_airflows_words():
            from taxiway.core.incidents import JournalEntry

            told = [step for step in JournalEntry.load(self.entry).steps if step.incident.phase in self.phases]
            if not told:
                raise AirflowSkipException("No incident went to " + " or ".join(self.phases) + ".")
            self.announce(context, told[-1].incident)
            return told[-1].incident.dump()


class TellOperator(TaxiwayOperator):
    """Tells people of a confirmed incident: one message for it, edited in place, with its steps in the thread.

    Skips when there is nothing new to tell. What cannot be delivered now is delivered later, and fails nothing.

    :param entry: the `JournalEntry`. (templated)
    :param alerts: whom to tell; several are told each by a message of their own.
    :param report: the window's report, for the chart. (templated)
    :param reference: the `Profiled` of the table it was compared with, where there is no model. (templated)
    :param monitoring: which metric decides, and who is responsible where the alerts name nobody.
    """

    template_fields = ("entry", "report", "reference", *TaxiwayOperator.template_fields)

    def __init__(
        self,
        *,
        entry: Any,
        alerts: "AnyAlerts | Sequence[AnyAlerts]",
        report: Any = None,
        reference: Any = None,
        monitoring: Monitoring | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.entry = entry
        self.alerts = alerts
        self.report = report
        self.reference = reference
        self.monitoring = monitoring

    def execute(self, context: "Context") -> list[str]:
        """The titles of what was told."""
        with in_airflows_words():
            from taxiway.core.incidents import JournalEntry
            from taxiway.hooks.bulletins import Occasion, tell

            entry = JournalEntry.load(self.entry)
            at = self.reference["profile"] if self.reference else None
            on = Occasion(entry, self.monitoring or Monitoring(), self.report, at, _pages(context, entry))
            everybody = self.alerts if isinstance(self.alerts, list | tuple) else (self.alerts,)
            told = [notice.title for to in everybody for notice in tell(self.hook, on, to)]
            if not told:
                raise AirflowSkipException("There is nothing new to tell.")
            return told


class RetrainOperator(TaxiwayOperator):
    """Asks for a retraining through the assets in its outlets, if this window asked for one; skips otherwise.

    The journal decides: never two at once, at most one per cool-down. The event carries the `Ask`.

    :param entry: the `JournalEntry`. (templated)
    """

    template_fields = ("entry", *TaxiwayOperator.template_fields)

    def __init__(self, *, entry: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.entry = entry

    def execute(self, context: "Context") -> dict[str, Any]:
        """The ask as JSON."""
        with in_airflows_words():
            from taxiway.core.incidents import JournalEntry

            ask = JournalEntry.load(self.entry).ask
            if ask is None:
                raise AirflowSkipException("No retraining is worth it now, or one is going on.")
            self.log.info("Retraining %d: %s", ask.number, ask.why)
            self.announce(context, ask)
            return ask.dump()


class RetrainedOperator(TaxiwayOperator):
    """Writes into the journal what came of the retraining that started this run; skips when none did.

    It belongs at the end of a training DAG, with the trigger rule `all_done`.

    :param version: the `ModelVersion` that went live; nothing when none did. (templated)
    """

    template_fields = ("version", *TaxiwayOperator.template_fields)

    def __init__(self, *, version: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version

    def execute(self, context: "Context") -> dict[str, Any]:
        """The entry as JSON."""
        with in_airflows_words():
            entries = [self._end(context, ask) for ask in _asks(context)]
            if not entries:
                raise AirflowSkipException("No retraining was asked for.")
            return entries[-1].dump()

    def _end(self, context: "Context", ask: "Ask") -> "JournalEntry":
        from taxiway.core.incidents import Retrained
        from taxiway.core.specs.monitoring import Alarm
        from taxiway.core.transitions import Rules

        number = self.version["number"] if self.version else None
        run = context["ti"].run_id
        why = f"version {number} went live" if number else f"run {run} let no version go live"
        event = Retrained(key=f"retrained.{ask.number}.{run}", ask=ask.number, number=number, why=why)
        return self.hook.journal(ask.model, ask.population).record(event, Rules(Alarm(), None))


class DeclareOperator(TaxiwayOperator):
    """Says that something changes on purpose, so that the windows after it are quiet; once per run.

    :param model: the model's name. (templated)
    :param what: `deployment`, `schema`, or `other`.
    :param why: one sentence. (templated)
    :param monitoring: whose windows, and for how long.
    """

    template_fields = ("model", "why", *TaxiwayOperator.template_fields)

    def __init__(
        self, *, model: str, why: str, what: str = "other", monitoring: Monitoring | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.why = why
        self.what = what
        self.monitoring = monitoring

    def execute(self, context: "Context") -> dict[str, Any]:
        """The entry as JSON."""
        with in_airflows_words():
            from taxiway.core.incidents import Declared
            from taxiway.core.transitions import Rules
            from taxiway.hooks.incidents import now

            rules = self.monitoring or Monitoring()
            by = author(context, self.why)
            key = f"declared.{by.dag_id}.{by.run_id}.{by.task_id}"
            event = Declared(key=key, what=self.what, at=now(), who=by.who, why=by.why)
            journal = self.hook.journal(self.model, rules.population)
            return journal.record(event, Rules(rules.alarm, rules.retrain)).dump()


def _pages(context: "Context", entry: "JournalEntry") -> dict[str, str]:
    """Where to look further: the run, and our page about this part of production."""
    from taxiway.links import drift_page, page_of

    incident = entry.watched.incident or entry.watched.last
    pages = {"The run in Airflow": page_of(context["ti"].dag_id, context["ti"].run_id)}
    return pages | ({"Its drift": drift_page(incident.model, incident.population)} if incident else {})


def _asks(context: "Context") -> "list[Ask]":
    from taxiway.core.incidents import Ask

    events = context.get("triggering_asset_events") or {}
    told = [event.extra for asset in events for event in events[asset]]
    return [Ask.load(extra) for extra in told if extra.get("kind") == Ask.__name__]
