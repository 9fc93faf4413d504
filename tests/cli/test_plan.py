import json
import os
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import airflow_home
from taxiway.cli.app import app
from taxiway.core.errors import SpecError

pytestmark = pytest.mark.usefixtures("airflow")

PODS = """
from taxiway.core import Dataset, Evaluation, KubernetesJob, Threshold, Training
from taxiway.factories import lifecycle

lifecycle(
    model="flight-delay",
    dataset=Dataset("flights", uri="s3://lake/flights/"),
    training=Training("flight_delay.train:train", on=KubernetesJob("flights:1", gpus=2, workload="job")),
    evaluation=Evaluation("late", ("roc_auc",)),
    gates=(Threshold("roc_auc", at_least=0.7),),
)
"""


@pytest.fixture
def pods(tmp_path):
    """A DAG file whose training runs in Kubernetes."""
    file = tmp_path / "pods.py"
    file.write_text(PODS)
    return file


def plan(*words):
    result = CliRunner().invoke(app, ["plan", *map(str, words)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def test_each_job_of_a_file_is_one_yaml_document():
    found = list(yaml.safe_load_all(plan(airflow_home.DAGS / "01_lifecycle.py")))
    assert [(one["dag"], one["stage"]) for one in found] == [
        ("flight-delay.scoring", "validate"),
        ("flight-delay.scoring", "score"),
        ("flight-delay.training", "validate"),
        ("flight-delay.training", "train"),
        ("flight-delay.training", "evaluate"),
    ]
    assert all(one["request"]["command"][-1] == "supervise" for one in found)


def test_the_same_as_json(pods):
    found = json.loads(plan(pods, "--json"))
    assert [(one["task"], one["where"]) for one in found] == [
        ("data.validate", "local"),
        ("candidate.train", "kubernetes"),
        ("candidate.evaluate", "local"),
    ]
    assert [list(one["request"]) for one in found if one["where"] == "kubernetes"] == [["objects"]]


def test_manifests_are_the_objects_alone(pods):
    (job,) = yaml.safe_load_all(plan(pods, "--manifests"))
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "2"}
    assert json.loads(plan(pods, "--manifests", "--json")) == [job]


def test_one_dag_of_several_may_be_asked_for():
    found = json.loads(plan(airflow_home.DAGS / "01_lifecycle.py", "--dag", "flight-delay.scoring", "--json"))
    assert {one["dag"] for one in found} == {"flight-delay.scoring"}
    with pytest.raises(SpecError, match=r"Did you mean 'flight-delay.scoring'\?"):
        plan(airflow_home.DAGS / "01_lifecycle.py", "--dag", "flight-delay.scorin")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lifecycle(", "SyntaxError"),
        ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
        ("print('no DAG')", "holds no DAG"),
        (PODS.replace("gpus=2", "gpsu=2"), "Did you mean 'gpus'?"),
        (None, "no such file"),
    ],
)
def test_a_file_that_cannot_be_planned_says_why(tmp_path, text, said):
    file = tmp_path / "broken.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SpecError) as caught:
        plan(file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_what_the_file_prints_is_no_part_of_the_plan(pods):
    pods.write_text(f"print('hello')\n{PODS}")
    assert json.loads(plan(pods, "--json"))


def test_modules_beside_the_file_are_found_and_the_process_is_left_as_it_was(tmp_path, pods, monkeypatch):
    monkeypatch.delenv("_AIRFLOW_PROCESS_CONTEXT", raising=False)
    (tmp_path / "beside_the_file.py").write_text("")
    pods.write_text(f"import beside_the_file\n{PODS}")
    assert json.loads(plan(pods, "--json"))
    assert "_AIRFLOW_PROCESS_CONTEXT" not in os.environ


def test_connections_in_airflows_database_are_found(tmp_path, pods):
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    store = f"{(tmp_path / 'store').as_uri()}/"
    made = Connection(conn_id="taxiway_default", conn_type="taxiway", extra={"store": store})
    with create_session() as session:
        session.add(made)
    try:
        assert {one["store"] for one in json.loads(plan(pods, "--json"))} == {store}
    finally:
        with create_session() as session:
            session.query(Connection).filter_by(conn_id="taxiway_default").delete()


def test_a_path_relative_to_here_is_enough(pods, monkeypatch):
    monkeypatch.chdir(pods.parent)
    assert json.loads(plan(Path("pods.py"), "--json"))
