"""Which code a function is of, as its run's record says it."""

import importlib
import subprocess
import sys

import pytest

from taxiway.runtime.environment import environment, own_version


def git(folder, *words):
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A committed package without a .gitignore, in a clone."""
    made = tmp_path / "src" / "committed_delays"
    (made / "deep").mkdir(parents=True)
    (made / "__init__.py").write_text("def train(data, params, run):\n    return None\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "Train")
    monkeypatch.syspath_prepend(tmp_path / "src")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    yield made
    sys.modules.pop("committed_delays", None)


def test_the_bytecode_of_the_import_itself_is_no_change_of_the_code(package):
    train = importlib.import_module("committed_delays").train
    assert (package / "__pycache__").is_dir()
    (package / "deep" / "__pycache__").mkdir()
    (package / "deep" / "__pycache__" / "step.cpython-311.pyc").write_bytes(b"")
    assert environment(train).code == git(package, "rev-parse", "HEAD")


@pytest.mark.parametrize("file", ["__init__.py", "new.py"])
def test_code_that_nobody_committed_is_said_to_be_changed(package, file):
    train = importlib.import_module("committed_delays").train
    (package / file).write_text("# changed\n")
    assert environment(train).code == f"{git(package, 'rev-parse', 'HEAD')}+dirty"


def test_a_checkout_that_was_never_installed_has_no_version(monkeypatch):
    assert own_version()
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "site-packages" not in path])
    assert own_version() is None
