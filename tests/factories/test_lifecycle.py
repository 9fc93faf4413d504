import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from factories import recipes
from factories.recipes import whole
from taxiway.core import Approval, Dataset, Evaluation, Threshold
from taxiway.core.errors import SpecError

pytestmark = pytest.mark.usefixtures("airflow")


def printed(code: str, **environment: str) -> str:
    command = [sys.executable, *([code] if code.endswith(".py") else ["-c", code])]
    folder = str(Path(__file__).parents[1])
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": folder, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_the_tasks_of_a_life_are_grouped_by_what_is_decided():
    made = whole()
    assert sorted(made.training.task_ids) == [
        "candidate.evaluate",
        "candidate.train",
        "data.validate",
        "decision.approve",
        "decision.gate",
        "registry.promote",
        "registry.register",
        "registry.retrained",
    ]
    assert sorted(made.scoring.task_ids) == ["data.validate", "predictions.score"]


def test_every_task_waits_for_the_record_it_reads():
    tasks = whole().training.task_dict
    assert tasks["candidate.train"].upstream_task_ids == {"data.validate"}
    assert tasks["decision.approve"].upstream_task_ids == {"decision.gate", "candidate.evaluate"}
    assert "decision.approve" in tasks["registry.register"].upstream_task_ids
    assert "registry.register" in tasks["registry.promote"].upstream_task_ids


def test_the_same_dag_comes_out_of_any_process_and_hash_seed():
    here = recipes.__file__
    assert {printed(here, PYTHONHASHSEED=seed) for seed in ("1", "2")} == {json.dumps(recipes.hashes())}


def test_the_scoring_dag_runs_when_the_champion_changes():
    made = whole()
    promoted = made.training.task_dict["registry.promote"].outlets
    assert [asset.uri for asset in promoted] == ["x-taxiway://models/flight-delay/champion"]
    assert made.scoring.schedule == promoted


def test_an_evaluation_dataset_of_its_own_is_validated_too():
    test = Dataset("flights-test", uri="s3://lake/test/", checks="flight_delay.checks:Flights")
    made = whole(
        evaluation=Evaluation(target="late", metrics=("roc_auc",), on=test), gates=(Threshold("roc_auc", 0.7),)
    )
    tasks = made.training.task_dict
    assert tasks["data.validate_evaluation"].dataset == test
    assert tasks["candidate.train"].holdout is None
    assert "data.validate_evaluation" in tasks["candidate.evaluate"].upstream_task_ids


def test_a_person_may_be_the_only_gate():
    tasks = whole(gates=(Approval(),)).training.task_dict
    assert "decision.gate" not in tasks
    assert tasks["decision.approve"].upstream_task_ids == {"candidate.evaluate"}


def test_the_page_of_the_dag_says_its_gates_in_words():
    doc = whole().training.doc_md
    assert "roc_auc >= 0.7 in every carrier" in doc
    assert "approved by ann" in doc


def test_what_the_author_gives_wins_and_adds_up():
    made = whole(default_args={"owner": "ann", "retries": 0, "deferrable": True}, max_active_runs=3, params={"x": 1})
    assert made.training.max_active_runs == 3
    assert {"x", "promote", "sample_rows"} <= set(made.training.params)
    train = made.training.task_dict["candidate.train"]
    assert (train.owner, train.retries, train.deferrable) == ("ann", 0, True)
    assert made.training.tags == {"a", "b", "c", "taxiway", "flight-delay"}


def test_a_person_starts_a_run_without_filling_anything_in():
    made = whole()
    for dag in (made.training, made.scoring, made.deployment):
        fields = {name: dag.params.get_param(name) for name in dag.params}
        blank = [name for name, field in fields.items() if field.value in (None, "")]
        assert blank
        assert all("null" in fields[name].schema["type"] for name in blank)


def test_a_dag_belongs_to_the_file_that_wrote_the_recipe():
    assert whole().training.fileloc == recipes.__file__


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"gates": ()}, "at least one gate"),
        ({"gates": (Approval(), Approval())}, "at most one Approval"),
        ({"gates": (Threshold("roc_acu", at_least=0.7),)}, "Did you mean 'roc_auc'?"),
        ({"gates": (Threshold("roc_auc", at_least=0.7, slice="carier"),)}, "Did you mean 'carrier'?"),
        ({"model": "../x"}, "letters, digits"),
        ({"model": "a" * 300}, "letters, digits"),
        ({"model": "*bold* <b>"}, "letters, digits"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_while_it_is_parsed(changes, hint):
    with pytest.raises(SpecError, match=hint):
        whole(**changes)


def test_importing_the_factories_loads_no_library_of_data_or_stores():
    heavy = ("numpy", "pandas", "polars", "pyarrow", "sklearn", "pandera", "obstore", "boto3", "torch", "scipy")
    code = f"""
import sys
import airflow.sdk
from airflow.sdk import DAG, TaskGroup, Asset, Param
before = set(sys.modules)
from factories import recipes
recipes.whole()
print([name for name in {heavy!r} if name in set(sys.modules) - before])
"""
    assert printed(code) == "[]"


def test_parsing_a_recipe_builds_no_record():
    code = """
from factories import recipes
recipes.whole()
from taxiway.core.records import Record
print(sorted(Record.kinds))
"""
    assert printed(code) == "[]"


def test_a_model_costs_no_file_and_no_connection_to_parse(monkeypatch):
    import socket

    def refuse(*args, **kwargs):
        raise AssertionError(args)

    whole()
    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    whole("another-model")
