"""The same steps as Airflow tasks with files between them, the way a careful team writes them by hand."""

import os
from pathlib import Path

from airflow.sdk import dag, task

LAKE = Path(os.environ["BENCHMARK_LAKE"])
WORK = Path(os.environ["BENCHMARK_WORK"])


@dag(schedule=None)
def plain_airflow():
    @task
    def validate() -> str:
        import steps

        steps.validate(LAKE)
        return str(LAKE)

    @task
    def train(lake: str) -> str:
        import joblib
        import steps

        path = WORK / "model.joblib"
        joblib.dump(steps.train(Path(lake)), path)
        return str(path)

    @task
    def evaluate(model: str) -> dict:
        import joblib
        import steps

        return {name: list(values) for name, values in steps.evaluate(joblib.load(model), LAKE).items()}

    @task
    def gate(measured: dict) -> dict:
        import steps

        steps.gate(measured)
        return measured

    @task
    def register(model: str, measured: dict) -> str:
        import joblib
        import steps

        return str(steps.register(joblib.load(model), measured, WORK / "registry"))

    model = train(validate())
    register(model, gate(evaluate(model)))


plain_airflow()
