import json

import pytest
from typer.testing import CliRunner

import samples
from taxiway.cli.app import app
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry


@pytest.fixture
def store(tmp_path):
    """Two versions of one model: the second became champion and was rolled back."""
    registry = Registry(open_store(tmp_path.as_uri()))
    for letter in "ab":
        model = samples.model_ref(letter)
        metrics = {"roc_auc": 0.8 + 0.01 * ord(letter), "log_loss": None}
        registry.register(
            model,
            run=f"run-{letter}",
            verdicts=(samples.verdict(model),),
            metrics=metrics,
            report=None,
            by=samples.author(),
        )
        registry.promote(model.name, "ab".index(letter) + 1, by=samples.author())
    registry.rollback("flight-delay", by=samples.author(why="it was too slow"))
    return tmp_path


def run(*words, store, code=0):
    result = CliRunner().invoke(app, ["models", *words, "--store", str(store)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code
    return result.output


def test_the_list_says_which_version_is_live(store):
    assert json.loads(run("list", "--json", store=store)) == [{"model": "flight-delay", "versions": 2, "champion": 1}]
    assert "flight-delay" in run("list", store=store)


def test_an_empty_store_has_no_models(tmp_path):
    assert run("list", store=tmp_path) == "There are no models yet.\n"
    assert json.loads(run("list", "--json", store=tmp_path)) == []


def test_a_model_is_shown_with_its_versions_and_aliases(store):
    rows = json.loads(run("show", "flight-delay", "--json", store=store))
    assert [(row["version"], row["aliases"]) for row in rows] == [(1, "champion"), (2, "")]
    assert rows[0]["trained on"] == "flights, 1,000 rows"
    assert rows[0]["log_loss"] is None
    shown = run("show", "flight-delay", store=store)
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert "champion" in shown


def test_a_model_that_does_not_exist_is_exit_code_1(store):
    assert "no version" in run("show", "flight-dealy", store=store, code=1)
    assert "Nothing happened" in run("history", "flight-dealy", store=store, code=1)


def test_the_history_says_who_did_what_and_why(store):
    rows = json.loads(run("history", "flight-delay", "--json", store=store))
    assert [row["change"] for row in rows] == [
        "version 1 was registered",
        "champion is version 1",
        "version 2 was registered",
        "champion is version 2",
        "champion went back to version 1",
    ]
    assert (rows[-1]["who"], rows[-1]["why"]) == ("ann", "it was too slow")


def test_a_history_that_somebody_rewrote_is_refused(store):
    entry = sorted(store.rglob("log/*.json"))[1]
    entry.write_bytes(entry.read_bytes().replace(b"ann", b"bob"))
    with pytest.raises(IntegrityError):
        run("history", "flight-delay", store=store)


def test_two_versions_are_compared_side_by_side(store):
    output = run("compare", "flight-delay", "1", "2", store=store)
    assert "roc_auc" in output
    assert json.loads(run("compare", "flight-delay", "1", "2", "--json", store=store))["kind"] == "Comparison"


def test_a_version_that_does_not_exist_cannot_be_compared(store):
    with pytest.raises(SpecError, match="9"):
        run("compare", "flight-delay", "1", "9", store=store)


def test_a_hostile_name_does_not_leave_the_store(store):
    with pytest.raises(SpecError):
        run("show", "../../etc", store=store)


def test_the_store_comes_from_airflows_configuration_when_it_is_not_given(store, monkeypatch):
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", store.as_uri())
    assert "flight-delay" in CliRunner().invoke(app, ["models", "list"]).output


def test_else_it_is_the_one_in_airflows_home(tmp_path, monkeypatch):
    monkeypatch.delenv("AIRFLOW__TAXIWAY__STORE", raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    assert CliRunner().invoke(app, ["models", "list"]).output == "There are no models yet.\n"
