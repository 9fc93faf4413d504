import getpass
import json

import pytest
from typer.testing import CliRunner

import samples
from taxiway.cli.app import app
from taxiway.core.errors import Conflict, GateRefused, SpecError
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry


@pytest.fixture
def registry(tmp_path):
    """Three versions of one model, none of them live."""
    registry = Registry(open_store(tmp_path.as_uri()))
    for letter in "abc":
        model = samples.model_ref(letter)
        verdicts = (samples.verdict(model),)
        registry.register(model, run="run", verdicts=verdicts, metrics={}, report=None, by=samples.author())
    return registry


@pytest.fixture
def run(registry, tmp_path):
    """Runs a command on it."""

    def running(*words):
        result = CliRunner().invoke(app, [*map(str, words), "--store", str(tmp_path)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0
        return result.output

    return running


def test_a_promotion_is_one_commit_with_who_and_why(run, registry):
    said = run("promote", "flight-delay:2", "--why", "the board said so")
    assert said.startswith("Version 2 of flight-delay is the champion: commit 4, by ")
    commit = registry.history("flight-delay")[-1]
    assert commit.by.who.startswith(f"{getpass.getuser()}@")
    assert (commit.by.why, registry.resolve("flight-delay").number) == ("the board said so", 2)


def test_promoting_what_is_live_already_writes_nothing(run, registry):
    run("promote", "flight-delay:2")
    assert run("promote", "flight-delay:2") == "Version 2 of flight-delay is the champion already.\n"
    assert json.loads(run("promote", "flight-delay:2", "--json"))["changed"] is False
    assert len(registry.history("flight-delay")) == 4


def test_a_promotion_that_expected_another_champion_is_refused(run, registry):
    run("promote", "flight-delay:1", "--expected", 0)
    with pytest.raises(Conflict, match="version 1"):
        run("promote", "flight-delay:2", "--expected", 0)
    run("promote", "flight-delay:2", "--expected", 1)


def test_what_was_yanked_is_not_promoted(run, registry):
    registry.yank("flight-delay", 3, by=samples.author())
    with pytest.raises(GateRefused, match="yanked"):
        run("promote", "flight-delay:3")


def test_another_alias_leaves_the_champion_alone_and_can_be_named(run, registry):
    run("promote", "flight-delay:1")
    told = json.loads(run("promote", "flight-delay:3", "--alias", "challenger", "--json"))
    assert told == {"model": "flight-delay", "version": 3, "alias": "challenger", "commit": 5, "changed": True}
    run("promote", "flight-delay:challenger")
    assert registry.resolve("flight-delay").number == 3


def test_a_rollback_goes_to_the_version_before_or_to_one_that_is_named(run, registry):
    for number in (1, 2, 3):
        run("promote", f"flight-delay:{number}")
    assert "Version 2 of flight-delay is again the champion" in run("rollback", "flight-delay", "--why", "slow")
    assert json.loads(run("rollback", "flight-delay", "--to", 1, "--json"))["version"] == 1
    assert registry.history("flight-delay")[-2].by.why == "slow"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["promote", "flight-dealy:1"], "Did you mean 'flight-delay'?"),
        (["rollback", "flight-dealy"], "Did you mean 'flight-delay'?"),
        (["promote", "flight-delay:9"], "there is no version 9"),
        (["promote", "flight-delay:0"], "there is no version 0"),
        (["promote", "flight-delay:champion"], "Say which: flight-delay:1"),
        (["rollback", "flight-delay"], "an alias that was never set"),
        (["promote", "../../etc:1"], "a name must be usable as a path"),
    ],
)
def test_what_is_not_there_is_said(run, words, said):
    with pytest.raises(SpecError) as caught:
        run(*words)
    assert said in str(caught.value)


def test_a_misspelt_alias_is_answered_with_the_nearest_one(run):
    run("promote", "flight-delay:1")
    with pytest.raises(SpecError, match=r"Did you mean 'champion'\?"):
        run("verify", "flight-delay:champoin")
