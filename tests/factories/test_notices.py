import os
import sys
from datetime import timedelta

import pytest

from factories.recipes import whole
from taxiway.core import NotifierAlerts, SlackAlerts
from taxiway.factories import notices_dag

pytestmark = pytest.mark.usefixtures("airflow")
SLACK = SlackAlerts("#ml", owner="U0123456789", escalate_after=timedelta(hours=4))
OTHER = NotifierAlerts("notifications.console:Console", text="line")


def events(callbacks):
    return [one.event for one in callbacks]


def test_a_recipe_with_alerts_tells_of_every_task_and_of_the_run():
    made = whole(alerts=SLACK)
    tasks = {**made.training.task_dict, **{f"scoring {name}": one for name, one in made.scoring.task_dict.items()}}
    assert {name for name, task in tasks.items() if events(task.on_failure_callback) != ["failed"]} == set()
    assert events(tasks["candidate.train"].on_success_callback) == ["mended"]
    assert events(tasks["registry.promote"].on_success_callback) == ["mended", "promoted"]
    assert events(tasks["decision.approve"].on_success_callback) == ["mended", "answered"]
    assert events(tasks["decision.approve"].notifiers) == ["asked"]
    assert events(tasks["decision.gate"].on_skipped_callback) == ["failed"]
    assert events(tasks["registry.promote"].on_skipped_callback) == []
    for dag in made.dags:
        assert events(dag.on_failure_callback) == ["failed"]
        assert dag.has_on_failure_callback


def test_several_may_be_told_and_what_the_author_gave_stays():
    def mine(context):
        """Mine."""

    made = whole(alerts=(SLACK, OTHER), on_failure_callback=mine, default_args={"on_failure_callback": mine})
    task = made.training.task_dict["candidate.train"]
    assert task.on_failure_callback[0] is mine
    assert [one.alerts for one in task.on_failure_callback[1:]] == [SLACK, OTHER]
    assert made.training.on_failure_callback[0] is mine
    assert len(made.training.on_failure_callback) == 3


def test_the_notices_lie_in_the_store_of_the_recipe():
    made = whole(alerts=SLACK, default_args={"taxiway_conn_id": "other"})
    told = made.training.task_dict["candidate.train"].on_failure_callback[0]
    assert told.taxiway_conn_id == made.training.on_failure_callback[0].taxiway_conn_id == "other"


def test_a_recipe_without_alerts_tells_nobody():
    made = whole()
    assert made.training.on_failure_callback is None
    assert list(made.training.task_dict["candidate.train"].on_failure_callback) == []


def test_alerts_make_no_new_version_of_a_dag_at_each_parse():
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.serialized_objects import DagSerialization

    def hashes():
        return [SerializedDagModel.hash(DagSerialization.to_dict(dag)) for dag in whole(alerts=SLACK).dags]

    assert hashes() == hashes()


def test_parsing_alerts_loads_no_library_and_builds_no_record():
    import subprocess
    from pathlib import Path

    code = """
import sys
from factories import recipes
from taxiway.core import SlackAlerts
recipes.whole(alerts=SlackAlerts("#ml"))
from taxiway.core.records import Record
print(sorted(Record.kinds), [name for name in ("slack_sdk", "obstore", "matplotlib") if name in sys.modules])
"""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["[] []"], done.stderr


def test_one_dag_delivers_what_waits():
    made = notices_dag(schedule=timedelta(minutes=1), default_args={"taxiway_conn_id": "other"})
    assert made.dag_id == "taxiway.notices"
    assert made.max_active_runs == 1
    assert made.task_dict["deliver"].taxiway_conn_id == "other"
