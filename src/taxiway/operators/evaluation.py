"""Measures a candidate and the champion on the same rows."""

from typing import TYPE_CHECKING, Any, ClassVar

from taxiway.core.names import CHAMPION
from taxiway.core.records import Record
from taxiway.core.specs.evaluation import Evaluation
from taxiway.core.specs.jobs import Where
from taxiway.links import ModelLink
from taxiway.operators.base import JobOperator, anywhere

if TYPE_CHECKING:
    from airflow.sdk import Context

    from taxiway.core.evaluation import Measure


class EvaluateOperator(JobOperator):
    """Gives the `EvaluationReport` of a trained model.

    The champion is looked up once, when the job is first asked for; retries measure against the same one.

    :param evaluation: what to measure, and on which rows. (templated)
    :param run: the candidate's `TrainingRun`. (templated)
    :param report: the `ValidationReport` of the rows, where the evaluation names a dataset of its own. (templated)
    :param alias: whom to compare with.
    """

    template_fields = ("evaluation", "run", "report", *JobOperator.template_fields)
    operator_extra_links = (ModelLink(),)
    stage: ClassVar[str] = "evaluate"

    def __init__(
        self, *, evaluation: Evaluation, run: Any, report: Any = None, alias: str = CHAMPION, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.evaluation = evaluation
        self.run = run
        self.report = report
        self.alias = alias

    def where(self) -> Where:
        """Where the evaluation says."""
        return self.evaluation.where

    def work(self, context: "Context") -> Record:  # noqa: ARG002
        """The candidate, the champion of this moment, and the rows."""
        from taxiway.core.evaluation import Rival
        from taxiway.core.stages import EvaluateWork
        from taxiway.core.training import TrainingRun
        from taxiway.core.validation import ValidationReport, require_valid

        model = TrainingRun.load(self.run).model
        target = self.hook.registry().resolve(model.name, self.alias)
        return EvaluateWork(
            model=model,
            champion=Rival(name=model.name, number=target.number, model=target.model) if target else None,
            evaluation=anywhere(self.evaluation, "where"),
            dataset=require_valid(ValidationReport.load(self.report)) if self.report else model.trained_on,
        )

    def finish(self, context: "Context", record: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The report."""
        from taxiway.core.evaluation import EvaluationReport

        report = EvaluationReport.load(record)
        rival = f"version {report.champion.number}" if report.champion else "nobody: there is no champion yet"
        self.log.info("Measured on %s rows, against %s", f"{report.rows:,}", rival)
        for measure in report.measures:
            self.log.info("%s", _in_words(measure))
        return record


def _in_words(measure: "Measure") -> str:
    if measure.value is None:
        return f"{measure.metric} was not measured: {measure.note}"
    if measure.low is None or measure.high is None:
        return f"{measure.metric} is {measure.value:.4g}"
    return f"{measure.metric} is {measure.value:.4g} [{measure.low:.4g}, {measure.high:.4g}]"
