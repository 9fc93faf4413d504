from datetime import UTC, datetime, timedelta

import pytest

from taxiway.core.overview import PAGE
from ui import drifts, shelves


def test_without_any_model_the_page_says_what_to_do_next(ask):
    answer = ask("/models")
    assert answer.status_code == 200, answer.text
    assert "No model has been registered yet" in answer.text
    assert "dags/01_lifecycle.py" in answer.text


@pytest.fixture
def without_dag(airflow):
    """The id of the DAG that trains the model, which Airflow's database does not know, before and afterwards."""
    name = "flight-delay.training"
    airflow.forget(name)
    yield name
    airflow.forget(name)


@pytest.mark.usefixtures("without_dag")
def test_a_model_is_told_in_one_row(ask, store):
    shelves.register(store)
    shelves.promote(store, 1)
    shelves.serve(store)
    shelves.refuse(store)
    drifts.confirm(store)
    page = ask("/models").text
    for said in (
        'href="models/flight-delay"',
        'href="models/flight-delay/versions/1"',
        "roc_auc 0.8",
        "roc_auc is 0.6 and misses 0.7",
        "version 1 serves (live)",
        'href="drift/flight-delay/all"',
        "an incident is confirmed",
        "no DAG",
    ):
        assert said in page, said


@pytest.mark.parametrize(("query", "there"), [("q=delay", True), ("q=other", False), ("only=unpromoted", True)])
def test_models_are_found_by_what_is_asked(ask, store, query, there):
    shelves.register(store)
    page = ask(f"/models?{query}").text
    assert ('href="models/flight-delay"' in page) is there
    assert ("No model is like that" in page) is not there


@pytest.fixture
def trained_monthly(airflow, without_dag):
    """The DAG that trains a model, as Airflow's database knows it; the test says what is in its row."""
    from airflow.models.dag import DagModel
    from airflow.sdk import DAG
    from airflow.utils.session import create_session

    airflow.register(DAG(without_dag, schedule="@monthly", start_date=datetime(2026, 1, 1, tzinfo=UTC)))

    def say(**fields):
        with create_session() as session:
            row = session.get(DagModel, without_dag)
            for name, value in fields.items():
                setattr(row, name, value)

    return say


LONG_AGO, IN_AN_HOUR = datetime(2026, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(minutes=90)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"next_dagrun_create_after": IN_AN_HOUR, "is_paused": False}, "in 1 hour"),
        ({"next_dagrun_create_after": LONG_AGO, "is_paused": True}, "Switch on the DAG flight-delay.training"),
        ({"next_dagrun_create_after": LONG_AGO, "is_paused": False}, "overdue"),
        ({"next_dagrun_create_after": None, "is_paused": False}, "by hand or by data"),
        ({"is_stale": True}, "no DAG"),
    ],
    ids=["running", "paused", "overdue", "by data", "its file is gone"],
)
def test_the_next_training_is_told_by_its_dag(ask, store, trained_monthly, fields, said):
    shelves.register(store)
    trained_monthly(**fields)
    page = ask("/models").text
    assert said in page.partition('data-label="Next training"')[2].partition("</td>")[0]


def test_many_models_come_in_pages(ask, store):
    for number in range(PAGE + 1):
        shelves.register(store, f"m-{number:03}")
    first, second = ask("/models?sort=-name").text, ask("/models?sort=-name&page=2").text
    assert "m-100" in first
    assert "m-000" not in first
    assert "m-000" in second
    assert "Page 2 of 2" in second


HOSTILE = ('"><script>alert(1)</script>', "Ωλ\u202e模型\u0000\n", "x" * 300, "{{ 7654 * 7654 }}", "%2e%2e%2f..%00")
PRODUCT = str(7654 * 7654)


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_stay_text(ask, store, words):
    shelves.register(store, metrics={words: 0.5})
    shelves.promote(store, 1, who=words, why=words)
    for path in ("/models", f"/models?q={'x' * 300}"):
        answer = ask(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert PRODUCT not in answer.text


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_questions_are_answered_with_text(ask, words):
    answer = ask("/models", params={"q": words, "only": words, "sort": words})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
