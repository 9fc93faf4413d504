from types import SimpleNamespace

import pytest

from taxiway.links import DataLink, DriftLink, ModelLink, RecordLink

pytestmark = pytest.mark.usefixtures("airflow")


def key(**changes):
    values = {
        "dag_id": "a/b",
        "run_id": "manual__1+00:00",
        "task_id": "decision.gate",
        "map_index": -1,
    }
    return SimpleNamespace(**{**values, **changes})


def test_the_link_leads_to_the_record_below_the_web_servers_root(monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.test/airflow/")
    link = RecordLink().get_link(None, ti_key=key())
    assert link == "/airflow/dags/a%2Fb/runs/manual__1%2B00%3A00/tasks/decision.gate/xcom"


def test_a_mapped_task_has_its_own():
    assert RecordLink().get_link(None, ti_key=key(map_index=3)).endswith("/tasks/decision.gate/mapped/3/xcom")


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "flight-delay"},
        {"report": {"model": {"name": "flight-delay"}}},
        {"run": {"model": {"name": "flight-delay"}}},
        {"report": None, "version": {"model": {"name": "flight-delay"}}},
    ],
    ids=["its name", "a report", "a run", "a version"],
)
def test_a_task_leads_to_its_model_whatever_says_which(fields):
    link = ModelLink().get_link(SimpleNamespace(**fields), ti_key=key())
    assert link == "/plugin/models/taxiway/models/flight-delay"


def test_a_task_that_does_not_know_its_model_yet_leads_to_all_of_them():
    assert ModelLink().get_link(SimpleNamespace(report="{{ … }}"), ti_key=key()) == "/plugin/models/taxiway/models"


def test_under_a_base_path_the_page_in_the_frame_is_under_it_too(monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.com/team/airflow/")
    dataset = SimpleNamespace(dataset=SimpleNamespace(name="flights"))
    link = DataLink().get_link(dataset, ti_key=key())
    assert link == "/team/airflow/plugin/models/team/airflow/taxiway/data/flights"


@pytest.mark.parametrize(
    ("report", "page"),
    [
        ({"window": {"model": "flight-delay", "population": "all"}}, "drift/flight-delay/all"),
        ({"parts": [{"live": None}, {"window": {"model": "m", "population": "p"}}]}, "drift/m/p"),
        ("{{ … }}", "drift"),
    ],
    ids=["a report", "parts of a window", "nothing yet"],
)
def test_a_task_leads_to_the_population_it_looks_at(report, page):
    operator = SimpleNamespace(template_fields=("report",), report=report)
    assert DriftLink().get_link(operator, ti_key=key()) == f"/plugin/models/taxiway/{page}"
