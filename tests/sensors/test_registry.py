import uuid
from datetime import UTC, datetime

import pytest

import airflow_home
import samples
from taxiway.core.registry import ModelVersion
from taxiway.hooks.store import TaxiwayHook
from taxiway.sensors.registry import ModelVersionSensor


@pytest.fixture
def registry(airflow, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", tmp_path.as_uri())
    made = TaxiwayHook().registry()
    model = samples.model_ref()
    made.register(model, run="r", verdicts=[samples.verdict(model)], metrics={}, report=None, by=samples.author())
    return made


@pytest.fixture
def sensor():
    from airflow.sdk import DAG

    dag = DAG(f"test-{uuid.uuid4().hex[:8]}", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC))

    def making(**changes):
        values = {"task_id": "wait", "model": "flight-delay", "poke_interval": 0.1, "timeout": 5, **changes}
        return ModelVersionSensor(dag=dag, **values)

    return making


def test_a_version_that_is_there_is_given_at_once(registry, sensor):
    found = sensor().execute(airflow_home.context(sensor(task_id="other")))
    assert ModelVersion.load(found).number == 1


def test_an_alias_that_was_never_set_is_waited_for(registry, sensor):
    assert not sensor(alias="champion").poke({}).is_done


@pytest.mark.parametrize("deferrable", [True, False])
def test_the_version_comes_back_on_every_path(registry, sensor, deferrable):
    registry.promote("flight-delay", 1, by=samples.author())
    task = sensor(alias="champion", deferrable=deferrable)
    done = airflow_home.run(task.dag)
    assert airflow_home.states(done) == {"wait": "success"}
    assert ModelVersion.load(airflow_home.value(done, "wait")).number == 1


def test_a_deferred_sensor_reads_the_version_when_it_is_woken(registry, sensor):
    from airflow.sdk.exceptions import TaskDeferred

    task = sensor(alias="champion", deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(airflow_home.context(task))
    assert deferred.value.trigger.serialize()[1]["alias"] == "champion"
    woken = task.execute_complete({}, {"model": "flight-delay", "alias": "champion", "number": 1})
    assert ModelVersion.load(woken).number == 1
