"""Scores a partition with a registered version."""

from typing import TYPE_CHECKING, Any, ClassVar

from taxiway.core.errors import SpecError
from taxiway.core.records import Record
from taxiway.core.specs.jobs import Where
from taxiway.core.specs.scoring import Scoring
from taxiway.operators.base import JobOperator, anywhere

if TYPE_CHECKING:
    from airflow.sdk import Context


class ScoreOperator(JobOperator):
    """Gives the `BatchScores` of a partition; readers see all of them or none.

    The version is looked up once, when the job is first asked for. The event of its outlets carries the scores' record.

    :param model: the model's name. (templated)
    :param scoring: what to score, with which alias, and where to. (templated)
    :param report: the `ValidationReport` of the rows. (templated)
    """

    template_fields = ("model", "scoring", "report", *JobOperator.template_fields)
    stage: ClassVar[str] = "score"

    def __init__(self, *, model: str, scoring: Scoring, report: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.scoring = scoring
        self.report = report

    def where(self) -> Where:
        """Where the scoring says."""
        return self.scoring.on

    def work(self, context: "Context") -> Record:  # noqa: ARG002
        """The version that the alias points at now, and the rows."""
        from taxiway.core.evaluation import Rival
        from taxiway.core.stages import ScoreWork
        from taxiway.core.validation import ValidationReport, require_valid

        target = self.hook.registry().resolve(self.model, self.scoring.alias)
        if target is None:
            raise SpecError(
                "there is no version to score with",
                where=f"model {self.model!r}, alias {self.scoring.alias!r}",
                do="Promote a version first, or name another alias in Scoring(alias=…).",
            )
        return ScoreWork(
            model=Rival(name=self.model, number=target.number, model=target.model),
            scoring=anywhere(self.scoring, "on"),
            dataset=require_valid(ValidationReport.load(self.report)),
        )

    def finish(self, context: "Context", record: dict[str, Any]) -> dict[str, Any]:
        """The scores' record."""
        from taxiway.core.scoring import BatchScores

        scores = BatchScores.load(record)
        self.log.info("Version %d scored %s rows: %s", scores.number, f"{scores.rows:,}", scores.manifest)
        self.announce(context, scores)
        return record
