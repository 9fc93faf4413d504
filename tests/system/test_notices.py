"""A model's life under `dag.test()`, and what people are told of it over HTTP: one message for each run."""

import uuid

import pytest

import airflow_home
from operators import stages
from taxiway.core import Dataset, Evaluation, Holdout, SlackAlerts, Threshold, Training
from taxiway.factories import lifecycle
from taxiway.hooks.store import TaxiwayHook

pytestmark = pytest.mark.usefixtures("slack_connection")


@pytest.fixture
def training(airflow, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", f"{(tmp_path / 'store').as_uri()}/")
    rows = stages.write_rows(tmp_path / "rows")

    def make(function="stages:train", at_least=0.9):
        dag = lifecycle(
            model=f"told-{uuid.uuid4().hex[:8]}",
            dataset=Dataset("rows", uri=rows),
            training=Training(function),
            evaluation=Evaluation(target="late", metrics=("roc_auc",), on=Holdout(0.2, by="id"), min_slice_rows=10),
            gates=(Threshold("roc_auc", at_least=at_least),),
            alerts=SlackAlerts("#ml", owner="U0123456789"),
            default_args={"retries": 0},
        ).training
        dag.fileloc = stages.__file__
        return dag

    return make


def told(slack):
    return [message["text"] for message in slack.roots()]


def test_a_model_that_goes_live_is_one_message(training, slack):
    dag = training()
    airflow_home.run(dag)
    assert told(slack) == [f"🟢 Version 1 of {dag.dag_id.partition('.')[0]} is live"]
    assert TaxiwayHook().notices().outbox.waiting() == {}


def test_a_model_that_is_refused_is_one_message_with_the_verdict(training, slack):
    dag = training("stages:guess")
    airflow_home.run(dag)
    assert told(slack) == [f"🟠 {dag.dag_id.partition('.')[0]} may not go live"]
    assert "FAIL, roc_auc is 0.5" in str(slack.roots()[0]["blocks"])


def test_a_run_that_fails_is_one_message_with_its_cause(training, slack):
    dag = training("stages:broken")
    airflow_home.run(dag)
    assert told(slack) == [f"🔴 {dag.dag_id} failed: task candidate.train"]
    assert "the learning rate must be positive" in str(slack.roots()[0]["blocks"])


def test_slack_that_is_away_fails_nothing_and_is_told_afterwards(training, slack):
    token, slack.token = slack.token, "another"
    dag = training()
    done = airflow_home.run(dag)
    assert set(airflow_home.states(done).values()) == {"success"}
    assert told(slack) == []
    slack.token = token
    assert TaxiwayHook().notices().deliver(within_s=60.0) == (1, 0, ())
    assert len(told(slack)) == 1
