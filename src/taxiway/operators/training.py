"""Trains a model on a validated snapshot."""

from typing import TYPE_CHECKING, Any, ClassVar

from taxiway.core.records import Record
from taxiway.core.specs.evaluation import Holdout
from taxiway.core.specs.jobs import Where
from taxiway.core.specs.training import Training
from taxiway.links import ModelLink
from taxiway.operators.base import JobOperator, anywhere

if TYPE_CHECKING:
    from airflow.sdk import Context


class TrainOperator(JobOperator):
    """Gives the `TrainingRun` of a model.

    :param model: the model's name.
    :param training: what to run. (templated)
    :param report: the `ValidationReport` of the data. (templated)
    :param holdout: which rows to keep away from training, for the evaluation. (templated)
    """

    template_fields = ("model", "training", "report", "holdout", *JobOperator.template_fields)
    operator_extra_links = (ModelLink(),)
    stage: ClassVar[str] = "train"

    def __init__(
        self, *, model: str, training: Training, report: Any, holdout: Holdout | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.training = training
        self.report = report
        self.holdout = holdout

    def where(self) -> Where:
        """Where the training says."""
        return self.training.on

    def work(self, context: "Context") -> Record:  # noqa: ARG002
        """The training, on the snapshot that was validated."""
        from taxiway.core.stages import TrainWork
        from taxiway.core.validation import ValidationReport, require_valid

        snapshot = require_valid(ValidationReport.load(self.report))
        return TrainWork(
            model=self.model, training=anywhere(self.training, "on"), dataset=snapshot, holdout=self.holdout
        )

    def finish(self, context: "Context", record: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The run."""
        from taxiway.core.training import TrainingRun

        run = TrainingRun.load(record)
        last = ", ".join(f"{name} {value:.4g}" for name, value in run.metrics.items() if value is not None)
        self.log.info("Trained %s in %.1f s; last logged: %s", run.model.digest, run.seconds, last or "nothing")
        return record
