"""Looks at a window of production: takes it, profiles it part by part, compares it, and measures it by its labels."""

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowSkipException

from taxiway.core.records import Record
from taxiway.core.specs.evaluation import Evaluation
from taxiway.core.specs.jobs import Where
from taxiway.core.specs.monitoring import Monitoring
from taxiway.links import DriftLink, EvidentlyLink, RecordLink
from taxiway.operators.base import JobOperator, anywhere

if TYPE_CHECKING:
    from airflow.sdk import Context

    from taxiway.core.drift import DriftReport
    from taxiway.core.scoring import BatchScores


class WatchOperator(JobOperator):
    """A job that looks at production. Templates may say `{{ window.start }}` and `{{ window.end }}`.

    :param monitoring: what to watch.
    """

    def __init__(self, *, monitoring: Monitoring, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.monitoring = monitoring

    def where(self) -> Where:
        """Where the monitoring says."""
        return self.monitoring.on

    def render_template(self, content: Any, context: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The value with its Jinja rendered."""
        from taxiway.hooks.monitoring import Span

        if context is not None:
            context.setdefault("window", Span(context, self.monitoring.schedule))
        return super().render_template(content, context, *args, **kwargs)


class WindowOperator(WatchOperator):
    """Gives the parts of the run's window, to map over: `WindowPart`s, one without rows when there are none.

    Skips while no version of the model is live.

    :param model: the model's name, or that of the table. (templated)
    :param versioned: whether there is a model; without one nothing is looked up.
    :param monitoring: what to watch. (templated)
    """

    template_fields = ("model", "monitoring", *WatchOperator.template_fields)
    stage: ClassVar[str] = "window"

    def __init__(self, *, model: str, versioned: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.versioned = versioned

    def work(self, context: "Context") -> Record:
        """The window, the version that is live, and where its rows are."""
        from taxiway.core.monitoring import WindowWork
        from taxiway.hooks.monitoring import live_version, window_of

        asked, scores = self.monitoring, _scores(context, self.monitoring)
        number = scores[-1].number if scores else None
        live = live_version(self.hook, self.model, asked.service, number) if self.versioned else None
        if self.versioned and live is None:
            raise AirflowSkipException(f"No version of {self.model} is live yet, so there is nothing to watch.")
        when = window_of(context, self.model, asked, asked.schedule)
        return WindowWork(window=when, live=live, monitoring=anywhere(asked, "on"), scores=scores)

    def finish(self, context: "Context", record: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: ARG002
        """The parts as JSON."""
        from taxiway.core.monitoring import WindowParts

        parts = WindowParts.load(record).parts
        whole = parts[0].window
        self.log.info("The window from %s to %s has %d parts", whole.start, whole.end, len(parts))
        return [part.dump() for part in parts]


class ReferenceOperator(WatchOperator):
    """Gives the `Profiled` of a table that others are compared with.

    :param report: the `ValidationReport` of the table. (templated)
    """

    template_fields = ("report", *WatchOperator.template_fields)
    stage: ClassVar[str] = "reference"

    def __init__(self, *, report: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.report = report

    def work(self, context: "Context") -> Record:  # noqa: ARG002
        """The snapshot that was validated."""
        from taxiway.core.monitoring import ReferenceWork
        from taxiway.core.validation import ValidationReport, require_valid

        return ReferenceWork(dataset=require_valid(ValidationReport.load(self.report)), drift=self.monitoring.drift)

    def finish(self, context: "Context", record: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The profile's digest."""
        self.log.info("%s rows are the reference", f"{record['rows']:,}")
        return record


class ProfileOperator(WatchOperator):
    """Gives the `Profiled` of a part of a window; to be mapped over the parts.

    :param part: the `WindowPart`. (templated)
    :param reference: the `Profiled` of the table to compare with, where there is no model. (templated)
    """

    template_fields = ("part", "reference", *WatchOperator.template_fields)
    stage: ClassVar[str] = "profile"

    def __init__(self, *, part: Any, reference: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.part = part
        self.reference = reference

    def work(self, context: "Context") -> Record:  # noqa: ARG002
        """The part."""
        from taxiway.core.monitoring import ProfileWork, WindowPart

        at = self.reference["profile"] if self.reference else None
        return ProfileWork(part=WindowPart.load(self.part), monitoring=anywhere(self.monitoring, "on"), reference=at)

    def finish(self, context: "Context", record: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The profile's digest."""
        self.log.info("%s rows are profiled. %s", f"{record['rows']:,}", record["note"])
        return record


class CompareOperator(WatchOperator):
    """Gives the `DriftReport` of a window, and keeps it in the store.

    :param parts: the `WindowPart`s. (templated)
    :param profiles: the `Profiled` of each. (templated)
    :param reference: the `Profiled` of the table to compare with, where there is no model. (templated)
    :param metrics: what to estimate; what was measured before the version went live by default.
    """

    template_fields = ("parts", "profiles", "reference", *WatchOperator.template_fields)
    stage: ClassVar[str] = "compare"
    operator_extra_links = (DriftLink(), RecordLink())

    def __init__(
        self, *, parts: Any, profiles: Any, reference: Any = None, metrics: tuple[str, ...] = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.parts = parts
        self.profiles = profiles
        self.reference = reference
        self.metrics = metrics

    def work(self, context: "Context") -> Record:  # noqa: ARG002
        """The window's profiles."""
        from taxiway.core.monitoring import CompareWork, Profiled, WindowPart

        first = WindowPart.load(self.parts[0])
        return CompareWork(
            window=first.window,
            live=first.live,
            parts=tuple(Profiled.load(one) for one in self.profiles),
            monitoring=anywhere(self.monitoring, "on"),
            reference=self.reference["profile"] if self.reference else None,
            metrics=self.metrics,
        )

    def finish(self, context: "Context", record: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The report."""
        from taxiway.core.drift import DriftReport

        for line in _in_words(DriftReport.load(record)):
            self.log.info("%s", line)
        return record


class EvidentlyOperator(WatchOperator):
    """Gives the `Illustration` of a window: what Evidently draws of some of its rows, and what its tests say.

    It decides nothing. Skips a window in which nothing moved.

    :param parts: the `WindowPart`s. (templated)
    :param report: the window's `DriftReport`; every window is drawn without it. (templated)
    :param reference: the `ValidationReport` of the table to draw it beside, where there is no model. (templated)
    """

    template_fields = ("parts", "report", "reference", *WatchOperator.template_fields)
    stage: ClassVar[str] = "illustrate"
    operator_extra_links = (EvidentlyLink(), RecordLink())

    def __init__(self, *, parts: Any, report: Any = None, reference: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = parts
        self.report = report
        self.reference = reference

    def work(self, context: "Context") -> Record:  # noqa: ARG002
        """The window, and what to draw it beside."""
        from taxiway.core.monitoring import IllustrateWork, WindowPart
        from taxiway.core.validation import ValidationReport, require_valid

        if self.report is not None and self.report["outcome"] != "fail":
            raise AirflowSkipException("Nothing moved in this window, so there is nothing to draw.")
        beside = require_valid(ValidationReport.load(self.reference)) if self.reference else None
        parts = tuple(WindowPart.load(one) for one in self.parts)
        return IllustrateWork(parts=parts, drift=self.monitoring.drift, reference=beside)

    def finish(self, context: "Context", record: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The illustration."""
        said = record["note"] or f"{record['page']}: {record['passed']} of its tests passed, not {record['failed']}"
        self.log.info("%s", said)
        return record


class MeasureOperator(WatchOperator):
    """Gives the `PerformanceReport` of a window, by the labels there are now, and keeps it in the store.

    :param parts: the `WindowPart`s. (templated)
    :param evaluation: the target, the metrics and the slices; what was measured before the version went live by
        default.
    :param monitoring: what to watch, and where the labels are. (templated)
    """

    template_fields = ("parts", "monitoring", *WatchOperator.template_fields)
    stage: ClassVar[str] = "measure"
    operator_extra_links = (DriftLink(), RecordLink())

    def __init__(self, *, parts: Any, evaluation: Evaluation | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = parts
        self.evaluation = evaluation

    def work(self, context: "Context") -> Record:  # noqa: ARG002
        """The window, and where its labels are."""
        from taxiway.core.monitoring import MeasureWork, WindowPart

        parts = tuple(WindowPart.load(one) for one in self.parts)
        return MeasureWork(parts=parts, monitoring=anywhere(self.monitoring, "on"), evaluation=self.evaluation)

    def finish(self, context: "Context", record: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The report."""
        from taxiway.core.performance import PerformanceReport

        report = PerformanceReport.load(record)
        share = f"{report.labelled:,} of {report.rows:,} predictions have a label ({report.coverage:.1%})"
        self.log.info("%s; %s. %s", share, report.outcome, report.note)
        for one in report.measures:
            told = f"{one.value:.4g}" if one.value is not None else one.note
            self.log.info("%s is %s", one.metric, told)
        return record


def _scores(context: "Context", asked: Monitoring) -> "tuple[BatchScores, ...]":
    """What was scored, where events about that started the run; by the newest of the versions that scored."""
    if asked.window is not None or asked.service is not None:
        return ()
    from taxiway.core.scoring import BatchScores

    events = context.get("triggering_asset_events") or {}
    told = [event.extra for asset in events for event in events[asset]]
    found = [BatchScores.load(extra) for extra in told if extra.get("kind") == BatchScores.__name__]
    newest = max((one.number for one in found), default=0)
    return tuple(one for one in found if one.number == newest)


def _in_words(report: "DriftReport") -> list[str]:
    lines = [f"{report.outcome}: {report.rows:,} rows beside {report.reference} ({report.reference_rows:,} rows)"]
    lines += [report.note] if report.note else []
    for fault in report.faults:
        lines.append(f"{fault.column} is {fault.what}: expected {fault.expected or 'nothing'}, got {fault.got or '-'}")
    for column in report.columns:
        if column.effect:
            lines.append(f"{column.name} moved by {column.effect:.3g}: {column.before}; now {column.now}")
    for one in report.estimates:
        told = f"{one.value:.4g}" if one.value is not None else one.note
        lines.append(f"{one.metric} is estimated at {told}")
    return lines
