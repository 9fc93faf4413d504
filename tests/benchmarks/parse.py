"""What a lifecycle costs to parse: CPU of a forked child with Airflow pre-imported, as the dag-processor does it.

    uv run --extra dev python tests/benchmarks/parse.py [--json] [--runs 15] [--quick]

The contender is a file with the same tasks, groups, assets and parameters, written by hand with PythonOperators.
"""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import report, row

HAND = """
from datetime import datetime, timedelta, timezone
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Asset, Param, TaskGroup

def work(**kwargs):
    return kwargs

champion = Asset("flight-delay.champion")
common = {
    "start_date": datetime(2024, 1, 1, tzinfo=timezone.utc), "catchup": False, "max_active_runs": 1,
    "default_args": {"retries": 2, "retry_delay": timedelta(seconds=30)}, "tags": ["flights"],
}
sample = Param(None, type=["null", "integer"], minimum=1, title="Sample rows")
with DAG("flight-delay.training", schedule="@weekly", doc_md="The life of a model.", **common, params={
    "sample_rows": sample, "promote": Param(True, type="boolean"), "reason": Param("", type="string"),
}):
    with TaskGroup("data"):
        rows = PythonOperator(task_id="validate", python_callable=work, outlets=[Asset("flights.data")],
                              op_kwargs={"uri": "{{ var.value.lake }}flights/", "sample": "{{ params.sample_rows }}"})
    with TaskGroup("candidate"):
        run = PythonOperator(task_id="train", python_callable=work, op_kwargs={"rows": rows.output, "rate": 0.1})
        report = PythonOperator(task_id="evaluate", python_callable=work, op_kwargs={"run": run.output})
    with TaskGroup("decision"):
        gate = PythonOperator(task_id="gate", python_callable=work, op_kwargs={"report": report.output})
    with TaskGroup("registry"):
        version = PythonOperator(task_id="register", python_callable=work, outlets=[Asset("flight-delay.candidate")],
                                 op_kwargs={"run": run.output, "report": report.output, "gate": gate.output})
        PythonOperator(task_id="promote", python_callable=work, outlets=[champion],
                       op_kwargs={"version": version.output, "promote": "{{ params.promote }}"})
with DAG("flight-delay.scoring", schedule=[champion], doc_md="Predictions.", **common, params={"sample_rows": sample}):
    with TaskGroup("data"):
        rows = PythonOperator(task_id="validate", python_callable=work, op_kwargs={"uri": "{{ var.value.lake }}"})
    with TaskGroup("predictions"):
        PythonOperator(task_id="score", python_callable=work, op_kwargs={"rows": rows.output},
                       outlets=[Asset("flight-delay.predictions")])
"""

LIFECYCLE = '''
"""A DAG file: airflow reads it."""
from taxiway.core import BeatsChampion, Dataset, Evaluation, Holdout, MaxRegression, Scoring, Threshold, Training
from taxiway.factories import lifecycle

for number in range({models}):
    lifecycle(
        model=f"flight-delay-{{number}}",
        schedule="@weekly",
        dataset=Dataset("flights", uri="{{{{ var.value.lake }}}}flights/", checks="flight_delay.checks:Flights"),
        training=Training("flight_delay.train:train", params={{"learning_rate": 0.1}}),
        evaluation=Evaluation(target="late", metrics=("roc_auc", "log_loss"), slices=("origin",), on=Holdout(0.2)),
        gates=(Threshold("roc_auc", at_least=0.7), BeatsChampion("roc_auc"), MaxRegression("log_loss", by=0.01)),
        scoring=Scoring(Dataset("december", uri="{{{{ var.value.lake }}}}12/"), output="{{{{ var.value.lake }}}}out/"),
    )
'''

IMPORT = """
import sys, time
from airflow.sdk import DAG, Asset, Param, TaskGroup
began = time.process_time()
import taxiway.factories
print((time.process_time() - began) * 1000)
"""


def parsed_ms(file: Path, dags: int) -> float:
    """CPU of one forked child that parses and serializes the file, milliseconds."""
    from airflow.dag_processing.processor import DagFileParseRequest, _parse_file
    from structlog import get_logger

    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        began = time.process_time()
        request = DagFileParseRequest(
            file=str(file), bundle_path=file.parent, bundle_name="dags-folder", callback_requests=[]
        )
        result = _parse_file(request, get_logger())
        spent = (time.process_time() - began) * 1000
        found = result is not None and not result.import_errors and len(result.serialized_dags) == dags
        os.write(writing, json.dumps(spent if found else str(result)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = json.loads(answer.read())
    os.waitpid(pid, 0)
    if isinstance(said, str):
        raise SystemExit(said)
    return said


def measure(runs: int, folder: Path) -> list[dict]:
    from airflow.dag_processing.manager import DagFileProcessorManager
    from airflow.dag_processing.processor import _pre_import_airflow_modules
    from structlog import get_logger

    assert DagFileProcessorManager
    contents = {"hand": (HAND, 2), "one": (LIFECYCLE.format(models=1), 2), "eleven": (LIFECYCLE.format(models=11), 22)}
    spent: dict[str, list[float]] = {name: [] for name in contents}
    for name, (text, _) in contents.items():
        (folder / f"{name}.py").write_text(text)
        _pre_import_airflow_modules(str(folder / f"{name}.py"), get_logger())
    gc.freeze()  # as the dag-processor does before its first fork
    for _ in range(runs):
        for name, (_, dags) in contents.items():
            spent[name].append(parsed_ms(folder / f"{name}.py", dags))
    hand, one, eleven = (statistics.median(spent[name]) for name in contents)
    imports = [
        float(subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True).stdout)
        for _ in range(min(runs, 5))
    ]
    return [
        row("hand-written file, ms CPU", hand, None, at_most=True),
        row("lifecycle file, ms CPU", one, None, at_most=True),
        row("lifecycle over hand-written", one / hand, 1.5, at_most=True),
        row("each further model in the file, ms CPU", (eleven - one) / 10, 10.0, at_most=True),
        row("import taxiway.factories beyond airflow.sdk, ms CPU", statistics.median(imports), 50.0, at_most=True),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="three runs, for a look")
    parser.add_argument("--runs", type=int, default=15)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(AIRFLOW_HOME=folder, AIRFLOW__CORE__LOAD_EXAMPLES="False", AIRFLOW__CORE__DAGS_FOLDER=folder)
        os.environ |= {"AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING", "PYTHONPYCACHEPREFIX": f"{folder}/pyc"}
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        sys.dont_write_bytecode, sys.pycache_prefix = False, f"{folder}/pyc"  # as an installed wheel is: compiled
        return report(measure(3 if given.quick else given.runs, Path(folder)), sys.argv)


if __name__ == "__main__":
    raise SystemExit(main())
