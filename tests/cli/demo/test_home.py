import subprocess
import sys

import pytest

from taxiway.cli.demo.home import Home
from taxiway.core.errors import Conflict, SpecError

HOLD = """
import sys, time
from pathlib import Path
from taxiway.cli.demo.home import Home
home = Home(Path(sys.argv[1]))
with home.held():
    home.note(pid=1234, url="http://127.0.0.1:1")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / ".taxiway")


def test_a_second_demo_in_the_same_folder_is_sent_to_the_first(home):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(home.root)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(Conflict, match=r"process 1234 at http://127\.0\.0\.1:1"), home.held():
            pass
        first.kill()
    with home.held():
        assert home.notes()["pid"] == 1234


def test_a_folder_that_holds_something_else_is_left_alone(home):
    home.root.mkdir()
    (home.root / "thesis.txt").write_text("mine")
    with pytest.raises(SpecError, match="this folder holds something else"), home.held():
        pass
    assert (home.root / "thesis.txt").read_text() == "mine"


def test_a_file_is_no_folder(home):
    home.root.write_text("mine")
    with pytest.raises(SpecError, match="the demo cannot write here"), home.held():
        pass


def test_a_demo_starts_from_nothing_but_the_source_data(home):
    with home.held():
        home.source.mkdir()
        (home.source / "flights").write_text("kept")
        for _ in range(2):
            home.clean()
            (home.store / "old").write_text("gone")
            home.told.write_text("gone")
        home.clean()
    assert (home.source / "flights").read_text() == "kept"
    assert list(home.store.iterdir()) == []
    assert not home.told.exists()


def test_notes_that_were_never_written_are_empty(home):
    with home.held():
        assert home.notes() == {}
