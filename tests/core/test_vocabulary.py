"""What `from taxiway.core import …` gives, and what it costs."""

import json
import subprocess
import sys

import pytest

from taxiway import core

LOADED = "import json, sys, taxiway.factories; print(json.dumps([name for name in sys.modules]))"


@pytest.mark.parametrize("name", core.__all__)
def test_every_word_is_found(name):
    assert getattr(core, name).__name__ == name
    assert name in dir(core)


def test_a_word_that_is_not_there_is_missed_as_python_does_it():
    with pytest.raises(ImportError, match="cannot import name 'Datset'"):
        from taxiway.core import Datset  # noqa: F401


def test_a_dag_file_that_serves_nothing_does_not_pay_for_serving():
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "taxiway.core.specs.training" in loaded
    assert not {"taxiway.core.specs.serving", "taxiway.core.specs.targets", "taxiway.core.specs.monitoring"} & {*loaded}
