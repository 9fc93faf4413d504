import json
import os
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

import samples
from taxiway.cli.app import app
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry

HIDE = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name in {hidden}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hide())
sys.argv = {argv}
from taxiway.cli import main
main()
"""
BREAK = """
from taxiway.core.errors import BackendError
from taxiway.stores.registry import Registry
def models(self):
    raise BackendError("the store did not answer")
Registry.models = models
"""


def command(*words, hidden=(), broken=False):
    code = (BREAK if broken else "") + HIDE.format(hidden=set(hidden) or {""}, argv=["taxiway", *words])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("hidden", ["typer", "rich"])
def test_without_its_extra_the_command_says_what_to_install(hidden):
    done = command("models", "list", hidden=[hidden])
    assert done.returncode == 1
    assert done.stderr == "The taxiway command needs two more packages. Run: pip install 'taxiway[cli]'\n"


def test_the_command_is_there_without_airflow_and_data_libraries():
    done = command("--help", hidden=["airflow", "polars", "sklearn", "numpy", "pandera"])
    assert done.returncode == 0
    assert "prove why" in done.stdout


def test_an_error_is_one_sentence_and_exit_code_1():
    done = command("models", "list", "--store", "ftp://nowhere/")
    assert done.returncode == 1
    assert "ftp" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_is_json_where_json_was_asked_for():
    done = command("models", "show", "x", "--json", "--store", "s4://nowhere/")
    told = json.loads(done.stdout)["error"]
    assert (done.returncode, done.stderr, told["kind"], told["retryable"]) == (1, "", "SpecError", False)
    assert told["message"].startswith(told["where"])


def test_what_may_succeed_later_is_exit_code_3():
    done = command("models", "list", "--store", "memory://broken/", broken=True)
    assert (done.returncode, done.stderr) == (3, "the store did not answer.\n")


@pytest.mark.parametrize(
    "words",
    [["land"], ["models"], ["models", "sow"], ["models", "compare", "m", "0", "1"], ["demo", "--port", "70000"]],
)
def test_what_is_not_understood_is_exit_code_2(words):
    assert CliRunner().invoke(app, words).exit_code == 2


def test_every_command_says_what_it_does():
    single = [[command.name or command.callback.__name__] for command in app.registered_commands]
    for words in ([], *single, ["contract"], ["contract", "infer"], ["models"], ["models", "compare"]):
        result = CliRunner().invoke(app, [*words, "--help"])
        assert result.exit_code == 0
        assert len(result.output.splitlines()) > 5


@pytest.fixture
def complete(tmp_path):
    """What the shell offers for words that were typed."""
    model = samples.model_ref()
    registry = Registry(open_store(tmp_path.as_uri()))
    registry.register(model, run="r", verdicts=(samples.verdict(model),), metrics={}, report=None, by=samples.author())
    env = {**os.environ, "AIRFLOW__TAXIWAY__STORE": tmp_path.as_uri(), "_TAXIWAY_COMPLETE": "complete_bash"}

    def completing(*words):
        typed = {"COMP_WORDS": " ".join(["taxiway", *words]), "COMP_CWORD": str(len(words))}
        call = ["-c", "import sys; sys.argv = ['taxiway']; from taxiway.cli import main; main()"]
        done = subprocess.run(
            [sys.executable, *call], env={**env, **typed}, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout.split()

    return completing


def test_the_shell_completes_commands_and_the_names_of_models(complete):
    assert complete("re") == ["reproduce"]
    assert complete("verify", "fl") == ["flight-delay"]
    assert complete("models", "show", "x") == []


def test_every_command_speaks_json():
    def leaves(command, name):
        for part, inner in getattr(command, "commands", {}).items():
            yield from leaves(inner, f"{name} {part}")
        if not hasattr(command, "commands"):
            yield name, [word for option in command.params for word in option.opts]

    found = dict(leaves(typer.main.get_command(app), "taxiway"))
    assert len(found) == 13
    assert [name for name, words in found.items() if "--json" not in words] == []
