import json

import pytest
from typer.testing import CliRunner

import samples
from runtime.kit import Workplace
from taxiway.cli.app import app
from taxiway.core.gates import decide
from taxiway.core.specs.gates import Threshold
from taxiway.stores.blobs import Blobs
from taxiway.stores.registry import Registry


@pytest.fixture
def place(tmp_path):
    """A store with one version, which is live."""
    place = Workplace.at(tmp_path)
    run = place.train()
    report = samples.report(model=run.model)
    registry = Registry(place.store)
    registry.register(
        run.model,
        run=run.run,
        verdicts=(decide(report, Threshold("roc_auc", at_least=0.7)),),
        metrics={},
        report=Blobs(place.store).put_record(report),
        by=samples.author(),
    )
    registry.promote("flight-delay", 1, by=samples.author())
    return place


def verify(place, *words):
    return CliRunner().invoke(app, ["verify", *words, "--store", str(place.folder / "store")], catch_exceptions=False)


def test_a_sound_version_is_exit_code_0_and_one_line_per_question(place):
    result = verify(place, "flight-delay:1")
    *lines, last = result.output.splitlines()
    assert (result.exit_code, last) == (0, "It is what the registry says.")
    assert len(lines) == 7
    assert all(line.startswith("ok    ") for line in lines)


def test_without_a_number_the_champion_is_meant(place):
    told = json.loads(verify(place, "flight-delay", "--json", "--no-data", "--no-replay").output)
    assert (told["version"], told["sound"], len(told["findings"])) == (1, True, 5)


def test_a_broken_one_is_exit_code_1(place):
    for file in (place.folder / "lake").iterdir():
        file.write_bytes(b"other")
    result = verify(place, "flight-delay:champion")
    assert (result.exit_code, result.output.splitlines()[-1]) == (1, "It is not.")
    assert "FAIL  the data it learned from" in result.output
