"""Asks the gates."""

from typing import TYPE_CHECKING, Any

from taxiway.core.errors import GateRefused
from taxiway.core.outcomes import Outcome
from taxiway.core.specs.gates import BeatsChampion, MaxRegression, Threshold
from taxiway.hooks.faults import OnRefusal, in_airflows_words
from taxiway.links import ModelLink, RecordLink
from taxiway.operators.base import TaxiwayOperator, author

if TYPE_CHECKING:
    from airflow.sdk import Context

    from taxiway.core.gates import Clearance


class GateOperator(TaxiwayOperator):
    """Gives the `Clearance` of a model that every gate lets through; refuses any other, without a retry.

    INCONCLUSIVE refuses, too. The XCom `clearance` and the log hold all verdicts in either case; the store keeps them,
    and the report they rest on under the digest that they name.

    :param gates: what to ask. (templated)
    :param report: the `EvaluationReport`. (templated)
    :param on_refusal: `fail` the task, or `skip` it and what follows.
    """

    template_fields = ("gates", "report", *TaxiwayOperator.template_fields)
    operator_extra_links = (ModelLink(), RecordLink())

    def __init__(
        self,
        *,
        gates: tuple[Threshold | BeatsChampion | MaxRegression, ...],
        report: Any,
        on_refusal: OnRefusal = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.gates = gates
        self.report = report
        self.on_refusal = on_refusal

    def execute(self, context: "Context") -> dict[str, Any]:
        """The clearance as JSON."""
        with in_airflows_words(self.on_refusal):
            from taxiway.core.evaluation import EvaluationReport
            from taxiway.core.gates import clear, decide

            report = EvaluationReport.load(self.report)
            clearance = clear(report.model.digest, (decide(report, gate) for gate in self.gates))
            self.hook.keep_ruling(clearance, report, by=author(context, "the gates were asked"))
            context["ti"].xcom_push("clearance", clearance.dump())
            for verdict in clearance.verdicts:
                say = self.log.info if verdict.outcome is Outcome.PASS else self.log.warning
                say("%s: %s. %s", verdict.outcome.upper(), verdict.gate, verdict.reason)
            return require_clear(clearance, report.model.name).dump()


def require_clear(clearance: "Clearance", model: str) -> "Clearance":
    """The clearance, if every gate let the model through.

    Raises:
        GateRefused: one did not; the sentence says which and why.
    """
    if clearance.outcome is Outcome.PASS:
        return clearance
    against = [f"{v.gate}: {v.outcome}, {v.reason}" for v in clearance.verdicts if v.outcome is not Outcome.PASS]
    raise GateRefused(
        f"model {model!r} may not go live",
        where=clearance.subject,
        expected="every gate to let it through",
        got="; ".join(against) or "no gate to ask",
    )
