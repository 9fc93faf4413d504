"""Gives cleared models a number, and moves the alias that says which of them is live."""

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from taxiway.core.errors import IntegrityError
from taxiway.core.names import CHAMPION
from taxiway.hooks.faults import in_airflows_words
from taxiway.links import ModelLink, RecordLink
from taxiway.operators.base import TaxiwayOperator, author, is_backfill

if TYPE_CHECKING:
    from airflow.sdk import Context

    from taxiway.core.registry import Commit, ModelVersion

_NO = {"false", "no", "0", "none", ""}


class RegisterOperator(TaxiwayOperator):
    """Gives the `ModelVersion` of a cleared model: the same one for the same bytes, however often it is asked.

    The event of its outlets carries the version.

    :param run: the `TrainingRun`. (templated)
    :param report: the `EvaluationReport`. (templated)
    :param clearance: the `Clearance`. (templated)
    """

    template_fields = ("run", "report", "clearance", *TaxiwayOperator.template_fields)
    operator_extra_links = (ModelLink(), RecordLink())

    def __init__(self, *, run: Any, report: Any, clearance: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run = run
        self.report = report
        self.clearance = clearance

    def execute(self, context: "Context") -> dict[str, Any]:
        """The version as JSON."""
        with in_airflows_words():
            from taxiway.core.evaluation import EvaluationReport
            from taxiway.core.gates import Clearance
            from taxiway.core.training import TrainingRun

            run, report = TrainingRun.load(self.run), EvaluationReport.load(self.report)
            version = self.hook.registry().register(
                run.model,
                run=run.run,
                verdicts=Clearance.load(self.clearance).verdicts,
                metrics={measure.metric: measure.value for measure in report.measures},
                report=self.hook.blobs().put_record(report),
                profile=run.profile,
                baseline=report.baseline,
                by=author(context, "every gate let it through"),
            )
            self.log.info("%s is version %d of %s", run.model.digest, version.number, run.model.name)
            self.announce(context, version)
            return version.dump()


class PromoteOperator(TaxiwayOperator):
    """Points an alias at a version, if it still points where it did when the version was measured.

    Skips, saying why, in a backfill, for a model that was trained on a sample, and when `enabled` says no. The event of
    its outlets carries the version.

    :param version: the `ModelVersion`. (templated)
    :param report: the `EvaluationReport` that the decision rests on; without one, whatever is live is replaced.
        (templated)
    :param alias: which alias. (templated)
    :param enabled: whether to do it at all; true, or text that says so. (templated)
    :param reason: one sentence for the registry's log. (templated)
    """

    template_fields = ("version", "report", "alias", "enabled", "reason", *TaxiwayOperator.template_fields)
    operator_extra_links = (ModelLink(), RecordLink())

    def __init__(
        self,
        *,
        version: Any,
        report: Any = None,
        alias: str = CHAMPION,
        enabled: bool | str = True,
        reason: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.report = report
        self.alias = alias
        self.enabled = enabled
        self.reason = reason

    def execute(self, context: "Context") -> dict[str, Any]:
        """The version as JSON."""
        with in_airflows_words():
            from taxiway.core.registry import ModelVersion

            version = ModelVersion.load(self.version)
            if why_not := self._why_not(context, version):
                raise AirflowSkipException(f"Version {version.number} is not promoted: {why_not}.")
            people = [verdict for verdict in version.verdicts if verdict.decided_by != "taxiway"]
            why = self.reason or (people[-1].reason if people else "every gate let it through")
            by = author(context, why, people[-1].decided_by if people else "")
            name = version.model.name
            self.hook.registry().promote(name, version.number, by=by, alias=self.alias, expected=self._expected())
            self.log.info("Version %d of %s is now %r", version.number, name, self.alias)
            self.announce(context, version)
            return version.dump()

    def _why_not(self, context: "Context", version: "ModelVersion") -> str:
        if is_backfill(context):
            return "this is a backfill, and nothing goes live from one"
        if version.model.trained_on.sample_rows is not None:
            return f"it was trained on a sample of {version.model.trained_on.sample_rows} rows"
        return "the run was started without promotion" if str(self.enabled).lower() in _NO else ""

    def _expected(self) -> int | None:
        if not self.report:
            return None
        from taxiway.core.evaluation import EvaluationReport

        champion = EvaluationReport.load(self.report).champion
        return champion.number if champion else 0


class RollbackOperator(TaxiwayOperator):
    """Points an alias back at the version it had before, or at an earlier one; once per run, however often it is tried.

    :param model: the model's name. (templated)
    :param alias: which alias. (templated)
    :param to: the version; the one before by default.
    :param reason: one sentence for the registry's log. (templated)
    """

    template_fields = ("model", "alias", "reason", *TaxiwayOperator.template_fields)
    operator_extra_links = (ModelLink(),)

    def __init__(
        self, *, model: str, alias: str = CHAMPION, to: int | None = None, reason: str = "", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.alias = alias
        self.to = to
        self.reason = reason

    def execute(self, context: "Context") -> dict[str, Any]:
        """The version that is live now, as JSON."""
        with in_airflows_words():
            by = author(context, self.reason or "a rollback was asked for")
            registry = self.hook.registry()
            number = _target(registry.rollback(self.model, by=by, alias=self.alias, to=self.to))
            version = registry.version(self.model, number)
            self.log.info("Version %d of %s is %r again", number, self.model, self.alias)
            self.announce(context, version)
            return version.dump()


def _target(commit: "Commit") -> int:
    from taxiway.core.registry import Point

    change = commit.change
    if not isinstance(change, Point):
        raise IntegrityError(
            "a rollback was answered with another kind of change",
            where=f"model {commit.model!r}, entry {commit.number}",
            got=change.change,
        )
    return change.to
