"""Every DAG in `dags/` runs to its end, for real."""

import pytest

import airflow_home
from taxiway.core.scoring import BatchScores
from taxiway.hooks.store import TaxiwayHook

FILES = sorted(path.name for path in airflow_home.DAGS.glob("[0-9]*.py"))


@pytest.fixture
def dags(airflow, lake, tmp_path, monkeypatch):
    """Gives the DAGs of a file, over a store of the test's own."""
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", f"{(tmp_path / 'store').as_uri()}/")

    def load(file):
        with airflow_home.airflows_own_warnings():
            bag = DagBag(dag_folder=str(airflow_home.DAGS / file))
        assert bag.import_errors == {}
        return bag.dags

    return load


@pytest.mark.parametrize("file", FILES)
def test_each_file_of_the_examples_parses(dags, file):
    assert dags(file)


def test_a_model_lives_its_whole_life(dags):
    made = dags("01_lifecycle.py")
    first = airflow_home.run(made["flight-delay.training"])
    assert set(airflow_home.states(first).values()) == {"success"}
    assert TaxiwayHook().registry().resolve("flight-delay", "champion").number == 1
    scored = airflow_home.run(made["flight-delay.scoring"])
    assert set(airflow_home.states(scored).values()) == {"success"}
    scores = BatchScores.load(airflow_home.value(scored, "predictions.score"))
    assert (scores.number, scores.rows) == (1, 27_020)
    again = airflow_home.states(airflow_home.run(made["flight-delay.training"]))
    assert again["decision.gate"] == "failed", "the same model does not beat itself"
    assert again["registry.register"] == "upstream_failed"
    assert [version.number for version in TaxiwayHook().registry().versions("flight-delay")] == [1]


def test_the_life_by_hand_ends_in_a_champion(dags):
    done = airflow_home.run(dags("02_by_hand.py")["flight-delay-by-hand"])
    assert set(airflow_home.states(done).values()) == {"success"}
    assert airflow_home.value(done, "tell").startswith("flight-delay-by-hand 1: {'roc_auc': 0.9")


def test_many_models_from_one_file_each_have_a_registry(dags):
    for dag in dags("03_many_models.py").values():
        assert set(airflow_home.states(airflow_home.run(dag)).values()) == {"success"}
    assert TaxiwayHook().registry().models() == ["delay-at-the-gate", "delay-when-booking"]
