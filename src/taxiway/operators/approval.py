"""Asks a person, with the evidence in the form."""

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

from taxiway.core.specs.gates import Approval
from taxiway.hooks import DEFAULT_CONN_ID
from taxiway.hooks.faults import OnRefusal, in_airflows_words
from taxiway.operators.base import author, is_backfill
from taxiway.operators.gates import require_clear

if TYPE_CHECKING:
    from airflow.sdk import Context

    from taxiway.core.evaluation import EvaluationReport
    from taxiway.core.gates import Verdict


class ApproveOperator(ApprovalOperator):
    """Gives the `Clearance` with the verdict of a person added to it; a no, or silence until the timeout, refuses.

    :param approval: who may answer, and for how long they are waited for.
    :param clearance: the `Clearance` of the gates before, if there are any. (templated)
    :param report: the `EvaluationReport` to show. (templated)
    :param on_refusal: `fail` the task, or `skip` it and what follows.
    :param taxiway_conn_id: id of the store's connection, which keeps the answer. (templated)
    """

    template_fields = ("clearance", "report", "taxiway_conn_id", *ApprovalOperator.template_fields)

    def __init__(
        self,
        *,
        approval: Approval,
        report: Any,
        clearance: Any = None,
        on_refusal: OnRefusal = "fail",
        taxiway_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        kwargs["params"] = {"comment": Param(None, type=["null", "string"], title="Why", maxLength=500, source="task")}
        super().__init__(
            subject="May this model go live?",
            defaults=self.REJECT,
            response_timeout=approval.timeout,
            assigned_users=[{"id": user, "name": user} for user in approval.users] or None,
            **kwargs,
        )
        self.approval = approval
        self.clearance = clearance
        self.report = report
        self.on_refusal = on_refusal
        self.taxiway_conn_id = taxiway_conn_id

    def execute(self, context: "Context") -> None:
        """Shows the evidence and waits for the answer, without a worker.

        Raises:
            AirflowSkipException: in a backfill nobody is asked.
        """
        if is_backfill(context):
            raise AirflowSkipException("This is a backfill: nothing goes live from it, so nobody is asked.")
        with in_airflows_words(self.on_refusal):
            from taxiway.core.approval import evidence
            from taxiway.core.evaluation import EvaluationReport

            report = EvaluationReport.load(self.report)
            self.subject = f"May {report.model.name} go live?"
            self.body = evidence(report, self._before(report))
        super().execute(context)

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> dict[str, Any]:
        """The clearance as JSON, if the person said yes."""
        with in_airflows_words(self.on_refusal):
            from taxiway.core.approval import answer, evidence
            from taxiway.core.evaluation import EvaluationReport
            from taxiway.core.gates import clear
            from taxiway.hooks.store import TaxiwayHook

            HITLOperator.execute_complete(self, context, event)
            report = EvaluationReport.load(self.report)
            before = self._before(report)
            verdict = answer(
                self.approval,
                subject=report.model.digest,
                shown=evidence(report, before),
                yes=event["chosen_options"] == [self.APPROVE],
                person=(event.get("responded_by_user") or {}).get("id"),
                comment=str((event.get("params_input") or {}).get("comment") or ""),
            )
            clearance = clear(report.model.digest, (*before, verdict))
            context["ti"].xcom_push("clearance", clearance.dump())
            by = author(context, "a person was asked", verdict.decided_by)
            TaxiwayHook(self.taxiway_conn_id).keep_ruling(clearance, report, by=by)
            self.log.info("%s: %s", verdict.outcome.upper(), verdict.reason)
            return require_clear(clearance, report.model.name).dump()

    def _before(self, report: "EvaluationReport") -> "tuple[Verdict, ...]":
        if not self.clearance:
            return ()
        from taxiway.core.gates import Clearance

        return require_clear(Clearance.load(self.clearance), report.model.name).verdicts
