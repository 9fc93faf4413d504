"""The DAG that validates, trains, evaluates, decides, registers and promotes."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, TaskGroup

from taxiway.core.errors import SpecError
from taxiway.core.names import unknown
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.evaluation import Evaluation, Holdout
from taxiway.core.specs.gates import Approval, BeatsChampion, MaxRegression, Threshold
from taxiway.core.specs.training import Training
from taxiway.factories.assets import candidate_asset, champion_asset, dataset_asset
from taxiway.factories.documentation import training_doc
from taxiway.factories.notices import Alerts, tell
from taxiway.factories.options import SAMPLE_ROWS, build, finish

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

Gate = Threshold | BeatsChampion | MaxRegression | Approval


def training_dag(
    *,
    model: str,
    dataset: Dataset,
    training: Training,
    evaluation: Evaluation,
    gates: tuple[Gate, ...],
    schedule: Any = None,
    retrains: bool = False,
    **dag: Any,
) -> DAG:
    """The DAG `<model>.training`.

    Args:
        model: the model's name.
        dataset: what it learns from.
        training: how.
        evaluation: what is measured, and on which rows.
        gates: what has to hold before it gets a number and goes live; a person, if any, is asked last.
        schedule: anything that Airflow schedules by.
        retrains: say at the end of a run what came of the retraining that started it.
        dag: any other argument of `airflow.sdk.DAG`; and `alerts`, whom to tell what happens: one or several of
            `SlackAlerts` and `NotifierAlerts`.

    Raises:
        SpecError: there is no gate, or one asks for what is not measured.
    """
    _check(evaluation, gates)
    doc = training_doc(model, dataset, training, evaluation, gates)
    with build(f"{model}.training", model=model, given=dag, schedule=schedule, doc_md=doc) as made:
        train_report, evaluation_report = _data(dataset, evaluation)
        run, report = _candidate(model, training, evaluation, train_report, evaluation_report)
        clearance = _decision(gates, report)
        retrained = _registry(model, run, report, clearance, retrains=retrains)
        if retrained is not None and dag.get("alerts"):
            _told(retrained, dag["alerts"])
    return tell(finish(made, dag, "sample_rows", "promote", "reason"), dag.get("alerts"))


def _check(evaluation: Evaluation, gates: tuple[Gate, ...]) -> None:
    if not gates or sum(isinstance(gate, Approval) for gate in gates) > 1:
        raise SpecError(
            "a model goes live only through gates",
            where="gates",
            expected="at least one gate, and at most one Approval",
            got=f"{len(gates)} gates",
            do="Add Threshold(…), BeatsChampion(…), MaxRegression(…) or Approval(…).",
        )
    for gate in gates:
        if not isinstance(gate, Approval) and gate.metric not in evaluation.metrics:
            raise unknown("metric", gate.metric, evaluation.metrics, where=f"{type(gate).__name__}, Evaluation.metrics")
        if isinstance(gate, Threshold) and gate.slice and gate.slice not in evaluation.slices:
            raise unknown("slice", gate.slice, evaluation.slices, where="Threshold.slice, Evaluation.slices")


def _data(dataset: Dataset, evaluation: Evaluation) -> "tuple[BaseOperator, BaseOperator | None]":
    from taxiway.operators.validation import ValidateOperator

    with TaskGroup("data", tooltip="Do the data keep their contract?"):
        train = ValidateOperator(
            task_id="validate", dataset=dataset, sample_rows=SAMPLE_ROWS, outlets=[dataset_asset(dataset.name)]
        )
        if isinstance(evaluation.on, Holdout):
            return train, None
        other = ValidateOperator(
            task_id="validate_evaluation",
            dataset=evaluation.on,
            sample_rows=SAMPLE_ROWS,
            outlets=[dataset_asset(evaluation.on.name)],
        )
    return train, other


def _candidate(
    model: str, training: Training, evaluation: Evaluation, train_on: "BaseOperator", other: "BaseOperator | None"
) -> "tuple[BaseOperator, BaseOperator]":
    from taxiway.operators.evaluation import EvaluateOperator
    from taxiway.operators.training import TrainOperator

    with TaskGroup("candidate", tooltip="Train, and measure beside the champion on the same rows."):
        train = TrainOperator(
            task_id="train",
            model=model,
            training=training,
            report=train_on.output,
            holdout=evaluation.on if isinstance(evaluation.on, Holdout) else None,
        )
        evaluate = EvaluateOperator(
            task_id="evaluate", evaluation=evaluation, run=train.output, report=other.output if other else None
        )
    return train, evaluate


def _decision(gates: tuple[Gate, ...], report: "BaseOperator") -> "BaseOperator":
    measured = tuple(gate for gate in gates if not isinstance(gate, Approval))
    approval = next((gate for gate in gates if isinstance(gate, Approval)), None)
    with TaskGroup("decision", tooltip="May it go live?"):
        gate = None
        if measured:
            from taxiway.operators.gates import GateOperator

            gate = GateOperator(task_id="gate", gates=measured, report=report.output)
        if approval:
            from taxiway.operators.approval import ApproveOperator

            before = gate.output if gate else None
            return ApproveOperator(task_id="approve", approval=approval, clearance=before, report=report.output)
    assert gate is not None  # noqa: S101 - _check saw at least one gate
    return gate


def _registry(
    model: str, run: "BaseOperator", report: "BaseOperator", clearance: "BaseOperator", *, retrains: bool
) -> "BaseOperator | None":
    from taxiway.operators.registry import PromoteOperator, RegisterOperator

    with TaskGroup("registry", tooltip="Give it a number, and let it go live."):
        version = RegisterOperator(
            task_id="register",
            run=run.output,
            report=report.output,
            clearance=clearance.output,
            outlets=[candidate_asset(model)],
        )
        promoted = PromoteOperator(
            task_id="promote",
            version=version.output,
            report=report.output,
            enabled="{{ params.promote }}",
            reason="{{ params.reason or '' }}",
            outlets=[champion_asset(model)],
        )
        if not retrains:
            return None
        from taxiway.operators.incidents import RetrainedOperator

        return RetrainedOperator(task_id="retrained", version=promoted.output, trigger_rule="all_done")


def _told(retrained: "BaseOperator", alerts: Alerts) -> None:
    from taxiway.operators.incidents import TellOperator

    with TaskGroup("incident", tooltip="Has the retraining helped?"):
        TellOperator(task_id="tell", entry=retrained.output, alerts=alerts or ())
