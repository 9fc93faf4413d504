"""Takes a snapshot of a dataset and holds it to its contract."""

from typing import TYPE_CHECKING, Any, ClassVar

from taxiway.core.errors import SpecError
from taxiway.core.outcomes import Outcome
from taxiway.core.records import Record
from taxiway.core.specs.data import Dataset
from taxiway.links import DataLink
from taxiway.operators.base import JobOperator, author

if TYPE_CHECKING:
    from airflow.sdk import Context


class ValidateOperator(JobOperator):
    """Gives the `ValidationReport` of a snapshot that keeps its contract; fails, naming the rows, on one that does not.

    The event of its outlets carries the snapshot, a `DatasetRef`. In either case the XCom `report` is there, and the
    store keeps it.

    :param dataset: the dataset. (templated)
    :param sample_rows: take only so many rows, the first ones: a number, or text that holds one or nothing. (templated)
    """

    template_fields = ("dataset", "sample_rows", *JobOperator.template_fields)
    operator_extra_links = (DataLink(),)
    stage: ClassVar[str] = "validate"

    def __init__(self, *, dataset: Dataset, sample_rows: int | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.sample_rows = sample_rows

    def work(self, context: "Context") -> Record:  # noqa: ARG002
        """The dataset, with its URI rendered."""
        from taxiway.core.stages import ValidateWork

        return ValidateWork(dataset=self.dataset, sample_rows=_rows(self.sample_rows))

    def finish(self, context: "Context", record: dict[str, Any]) -> dict[str, Any]:
        """The report, if the contract holds."""
        from taxiway.core.validation import ValidationReport, require_valid

        report = ValidationReport.load(record)
        context["ti"].xcom_push("report", record)
        self.hook.keep_data_ruling(report, by=author(context, "its contract was asked"))
        for check in report.checks:
            if check.outcome is not Outcome.PASS:
                self.log.warning("%s: %s, %d rows", check.check, check.outcome, check.failed)
        snapshot = require_valid(report)
        self.log.info("%s rows of %s keep the contract: %s", f"{report.rows:,}", snapshot.name, snapshot.digest)
        self.announce(context, snapshot)
        return record


def _rows(given: int | str | None) -> int | None:
    text = str(given).strip()
    if text in {"", "None", "0"}:
        return None
    if not text.isdecimal():
        raise SpecError("this is not a number of rows", where="sample_rows", expected="1, 2, 3, … or nothing", got=text)
    return int(text)
