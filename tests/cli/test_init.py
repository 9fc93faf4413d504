import json
import subprocess
import sys

import polars as pl
import pytest
from typer.testing import CliRunner

from taxiway.cli.app import app
from taxiway.core.errors import SpecError


@pytest.fixture
def init(tmp_path, monkeypatch):
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def running(*words):
        result = CliRunner().invoke(app, ["init", *map(str, words)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0
        return result.stdout

    return running


@pytest.fixture
def flats(tmp_path):
    """Data of one's own: rents of flats."""
    file = tmp_path / "flats-2026.parquet"
    size = [20.0 + number % 80 for number in range(600)]
    words = {"size": size, "rent": [12.5 * one + 100 for one in size], "town": ["Bern", "Basel", "Chur"] * 200}
    pl.DataFrame({**words, "empty": [None] * 600}).write_parquet(file)
    return file


def own_tests(folder):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.usefixtures("airflow")
def test_a_project_that_was_just_made_passes_its_own_tests_and_can_be_planned(init, tmp_path):
    said = init("churn-2")
    assert said.startswith("Made churn-2 with 10 files. Next:")
    assert "airflow dags trigger churn-2.training" in said
    assert "2 passed" in own_tests(tmp_path / "churn-2")
    result = CliRunner().invoke(app, ["plan", "churn-2/churn_2_dag.py", "--json"], catch_exceptions=False)
    assert [one["stage"] for one in json.loads(result.stdout)] == ["validate", "train", "evaluate"]


def test_data_of_ones_own_gives_its_contract_and_a_model_of_its_kind(init, tmp_path, flats):
    told = json.loads(
        init("rents", "--data", flats, "--target", "rent", "--into", tmp_path / "deep" / "rents", "--json")
    )
    folder = tmp_path / "deep" / "rents"
    assert told["folder"] == str(folder)
    assert told["files"] == sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    assert told["next"][0]["do"] == f"cd {folder}"
    assert "class Flats2026(" in (folder / "rents" / "checks.py").read_text()
    recipe = (folder / "rents_dag.py").read_text()
    assert f'uri="{flats.as_uri()}"' in recipe
    assert 'Threshold("r2"' in recipe
    assert "2 passed" in own_tests(folder)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["there"], "nothing is written over"),
        (["../etc"], "a name must be usable as a path"),
        (["polars"], "Choose another name: polars-model"),
        (["class"], "Choose another name: class-model"),
        (["rents", "--data", "flats-2026.parquet"], "Give both --data and --target"),
        (["rents", "--target", "rent"], "Give both --data and --target"),
        (["rents", "--data", "flats-2026.parquet", "--target", "rant"], "Did you mean 'rent'?"),
        (["rents", "--data", "flats-2026.parquet", "--target", "town"], "String with more values"),
        (["rents", "--data", "flats-2026.parquet", "--target", "empty"], "with no value"),
        (["rents", "--data", "flats-2027.parquet", "--target", "rent"], "flats-2026.parquet"),
    ],
)
def test_what_cannot_be_made_is_said_and_leaves_nothing_behind(init, tmp_path, flats, words, said):
    (tmp_path / "there").mkdir()
    with pytest.raises(SpecError) as caught:
        init(*words)
    assert said in str(caught.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["flats-2026.parquet", "there"]
