"""The same life by hand: every stage is an operator, and goes together with tasks of your own."""

from datetime import UTC, datetime

from airflow.sdk import DAG, task

from taxiway.core import Dataset, Evaluation, Holdout, Threshold, Training
from taxiway.factories import champion_asset
from taxiway.operators.evaluation import EvaluateOperator
from taxiway.operators.gates import GateOperator
from taxiway.operators.registry import PromoteOperator, RegisterOperator
from taxiway.operators.training import TrainOperator
from taxiway.operators.validation import ValidateOperator

FLIGHTS = Dataset("flights", uri="{{ var.value.lake }}flights/2013-01.parquet", checks="flight_delay.checks:Flights")
HOLDOUT = Holdout(0.2, by="flight_id")
EVALUATION = Evaluation(target="late", metrics=("roc_auc",), on=HOLDOUT)

with DAG("flight-delay-by-hand", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), tags=["taxiway"]):
    report = ValidateOperator(task_id="validate", dataset=FLIGHTS)
    run = TrainOperator(
        task_id="train",
        model="flight-delay-by-hand",
        training=Training("flight_delay.train:train", params={"max_iter": 30}),
        report=report.output,
        holdout=HOLDOUT,
    )
    measured = EvaluateOperator(task_id="evaluate", evaluation=EVALUATION, run=run.output)
    gate = GateOperator(task_id="gate", gates=(Threshold("roc_auc", at_least=0.75),), report=measured.output)
    version = RegisterOperator(task_id="register", run=run.output, report=measured.output, clearance=gate.output)
    live = PromoteOperator(
        task_id="promote",
        version=version.output,
        report=measured.output,
        reason="the first of its kind",
        outlets=[champion_asset("flight-delay-by-hand")],
    )

    @task
    def tell(version: dict) -> str:
        """Says what is live now; a record in an XCom is plain JSON."""
        return f"{version['model']['name']} {version['number']}: {version['metrics']}"

    tell(live.output)
