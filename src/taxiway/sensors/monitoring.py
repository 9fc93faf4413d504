"""Waits for an incident of a model, or until enough labels of a window have arrived."""

import dataclasses
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf

from taxiway.core.errors import SpecError
from taxiway.core.records import dump_spec, load_spec
from taxiway.core.specs.evaluation import Evaluation
from taxiway.core.specs.jobs import LocalJob
from taxiway.core.specs.monitoring import Monitoring
from taxiway.hooks import DEFAULT_CONN_ID
from taxiway.hooks.faults import in_airflows_words
from taxiway.hooks.store import TaxiwayHook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from taxiway.core.performance import PerformanceReport


class DriftSensor(BaseSensorOperator):
    """Succeeds with the `Incident` while a model has one in one of some phases.

    :param model: the model's name, or that of the table. (templated)
    :param population: which part of the production. (templated)
    :param phases: which phases.
    :param taxiway_conn_id: id of the store's connection. (templated)
    :param deferrable: wait in the triggerer instead of the worker.
    """

    template_fields: "Sequence[str]" = ("model", "population", "taxiway_conn_id")

    def __init__(
        self,
        *,
        model: str,
        population: str = "all",
        phases: "Sequence[str]" = ("confirmed", "mitigating"),
        taxiway_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.population = population
        self.phases = phases
        self.taxiway_conn_id = taxiway_conn_id
        self.deferrable = deferrable

    def execute(self, context: "Context") -> Any:
        """The incident as JSON."""
        if self.deferrable and not self.poke(context).is_done:
            from taxiway.triggers.monitoring import DriftTrigger

            trigger = DriftTrigger(
                self.model,
                population=self.population,
                phases=tuple(self.phases),
                already=True,
                taxiway_conn_id=self.taxiway_conn_id,
                poll_s=self.poke_interval,
            )
            timeout: timedelta | float = self.timeout
            self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)
        return super().execute(context)

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The same after a deferral; the incident may have moved on since."""
        with in_airflows_words():
            watched = TaxiwayHook(self.taxiway_conn_id).journal(self.model, self.population).watched()
            found = watched.incident or watched.last
            return found.dump() if found else event

    def poke(self, context: "Context") -> PokeReturnValue:  # noqa: ARG002
        """Whether there is one."""
        with in_airflows_words():
            incident = TaxiwayHook(self.taxiway_conn_id).journal(self.model, self.population).watched().incident
            if incident is None or incident.phase not in self.phases:
                return PokeReturnValue(is_done=False)
            return PokeReturnValue(is_done=True, xcom_value=incident.dump())


class LabelsSensor(BaseSensorOperator):
    """Succeeds with a `PerformanceReport` that shows the coverage, once enough labels of a window have arrived.

    It looks again whenever the labels have changed. When its patience is over it succeeds with what there is: the
    measuring shows how few that is. Each look is a job; between two of them nothing waits but a trigger.

    :param parts: the `WindowPart`s. (templated)
    :param monitoring: where the labels are, how many it takes, and how long to wait. (templated)
    :param evaluation: the target, where the labels do not say it.
    :param taxiway_conn_id: id of the store's connection. (templated)
    :param deferrable: wait in the triggerer instead of the worker.
    """

    template_fields: "Sequence[str]" = ("parts", "monitoring", "taxiway_conn_id")

    def __init__(
        self,
        *,
        parts: Any,
        monitoring: Monitoring,
        evaluation: Evaluation | None = None,
        taxiway_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.parts = parts
        self.monitoring = monitoring
        self.evaluation = evaluation
        self.taxiway_conn_id = taxiway_conn_id
        self.deferrable = deferrable

    def render_template(self, content: Any, context: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The value with its Jinja rendered; the specification is rendered field by field and checked again."""
        from taxiway.hooks.monitoring import Span

        if context is not None:
            context.setdefault("window", Span(context, self.monitoring.schedule))
        if not isinstance(content, Monitoring):
            return super().render_template(content, context, *args, **kwargs)
        rendered = super().render_template(dump_spec(content), context, *args, **kwargs)
        with in_airflows_words():
            return load_spec(Monitoring, rendered)

    def execute(self, context: "Context") -> dict[str, Any]:
        """The report as JSON."""
        return self._wait(context, 0)

    def execute_complete(self, context: "Context", event: dict[str, Any], look: int = 1) -> dict[str, Any]:
        """The same after a deferral."""
        self.log.info("The labels have changed." if event["changed"] else "The patience is over.")
        return self._wait(context, look)

    def _wait(self, context: "Context", look: int) -> dict[str, Any]:
        from taxiway.core.windows import moment
        from taxiway.hooks.monitoring import labels_fingerprint

        labels = self.monitoring.labels
        with in_airflows_words():
            if labels is None:
                raise SpecError("nobody said where the labels are", where="Monitoring.labels", do="Add Labels(…).")
            while True:
                known = labels_fingerprint(labels.dataset)
                report = self._look(context, look)
                ends_at = moment(report.window.end).timestamp() + labels.patience.total_seconds()
                self.log.info("%.1f %% of %d predictions have a label", 100 * report.coverage, report.rows)
                if report.coverage >= labels.min_coverage or not report.rows or time.time() >= ends_at:
                    return report.dump()
                look += 1
                if self.deferrable:
                    self._defer(dump_spec(labels.dataset), known, ends_at, look)
                time.sleep(max(0.0, min(self.poke_interval, ends_at - time.time())))

    def _defer(self, dataset: dict[str, Any], known: str, ends_at: float, look: int) -> None:
        from taxiway.triggers.monitoring import LabelsTrigger

        trigger = LabelsTrigger(
            dataset=dataset,
            known=known,
            ends_at=ends_at,
            taxiway_conn_id=self.taxiway_conn_id,
            poll_s=self.poke_interval,
        )
        self.defer(trigger=trigger, method_name="execute_complete", kwargs={"look": look})

    def _look(self, context: "Context", look: int) -> "PerformanceReport":
        from taxiway.core.monitoring import MeasureWork, WindowPart
        from taxiway.core.performance import PerformanceReport
        from taxiway.hooks.looks import once

        parts = tuple(WindowPart.load(one) for one in self.parts)
        asked = dataclasses.replace(self.monitoring, on=LocalJob())
        work = MeasureWork(parts=parts, monitoring=asked, evaluation=self.evaluation, final=False)
        hook = TaxiwayHook(self.taxiway_conn_id)
        record = once(hook, self.monitoring.on, context, ("measure", work), look=look)
        return PerformanceReport.load(record)
