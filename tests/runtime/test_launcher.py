import json
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

import samples
from contract.runner import ended, everything, request, result
from taxiway.core.specs.jobs import LocalJob
from taxiway.runners.local import LocalRunner
from taxiway.runtime import process
from taxiway.runtime.folder import private
from taxiway.runtime.launch import early, end_launchers
from taxiway.runtime.launcher import Packages

pytestmark = pytest.mark.skipif(not process.LINUX, reason="only Linux tells about processes: run the tests on Linux")


@pytest.fixture
def store(tmp_path):
    return (tmp_path / "store").as_uri()


@pytest.fixture
def state():
    """A state folder of the test's own, where a socket's path has room: it may have 107 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "state")
        end_launchers(Path(folder, "state"))


def launchers(state: Path) -> list[process.Relative]:
    """Who listens, or did, in a state folder."""
    notes = sorted((state / "launchers").glob("*/process"))
    return [process.Relative(*json.loads(note.read_text())[:4]) for note in notes]


def attempt(number: int, function: str = "echo", store: str = "", **params):
    return request(function, store, key=samples.job_key(attempt=number), **params)


def hang_up(listener: socket.socket) -> None:
    listener.settimeout(60)
    listener.accept()[0].close()


def done(runner: LocalRunner, asked) -> str:
    """What a job printed, after it has succeeded."""
    handle = runner.launch(asked)
    assert ended(runner, handle).failure is None
    assert result(asked).failure is None
    return everything(runner, handle)


def test_one_launcher_starts_job_after_job(state, store):
    runner = LocalRunner(state=state)
    done(runner, attempt(1, store=store))
    (first,) = launchers(state)
    done(runner, attempt(2, store=store))
    assert launchers(state) == [first]
    assert process.look(first.pid) is not None


def test_a_launcher_without_work_ends(state, store):
    done(LocalRunner(state=state, warm_s=0.2), attempt(1, store=store))
    assert process.gone(launchers(state), 5)


def test_a_launcher_stays_while_a_job_runs(state, store, tmp_path):
    runner = LocalRunner(state=state, warm_s=0.1)
    handle = runner.launch(attempt(1, "mark", store, file=str(tmp_path / "runs"), seconds=0.7))
    time.sleep(0.4)
    assert process.look(launchers(state)[0].pid) is not None
    ended(runner, handle)
    assert process.gone(launchers(state), 5)


def test_ending_the_launchers_leaves_their_jobs_alone(state, store, tmp_path):
    runner = LocalRunner(state=state)
    asked = attempt(1, "mark", store, file=str(tmp_path / "runs"), seconds=0.5)
    handle = runner.launch(asked)
    end_launchers(state)
    assert process.gone(launchers(state), 0)
    assert ended(runner, handle).failure is None
    assert result(asked).failure is None


def test_what_is_read_at_an_interpreters_start_gets_a_launcher_of_its_own(state, store):
    done(LocalRunner(LocalJob(env={"OMP_NUM_THREADS": "1"}), state=state), attempt(1, store=store))
    done(LocalRunner(LocalJob(env={"OMP_NUM_THREADS": "2"}), state=state), attempt(2, store=store))
    done(LocalRunner(LocalJob(env={"COLOUR": "green", "OMP_NUM_THREADS": "2"}), state=state), attempt(3, store=store))
    assert len(launchers(state)) == 2


def test_the_environment_of_a_job_is_its_own_not_the_launchers(state, store):
    done(LocalRunner(LocalJob(env={"COLOUR": "green"}), state=state), attempt(1, "surroundings", store))
    said = done(LocalRunner(LocalJob(env={"COLOUR": "blue"}), state=state), attempt(2, "surroundings", store))
    assert said.startswith("blue")
    said = done(LocalRunner(state=state), attempt(3, "surroundings", store))
    assert said.startswith("None")


def test_two_jobs_of_a_launcher_draw_different_random_numbers(state, store):
    runner = LocalRunner(state=state)
    assert done(runner, attempt(1, "draws", store)) != done(runner, attempt(2, "draws", store))


def test_a_launcher_whose_packages_changed_is_replaced(state, store, tmp_path, monkeypatch):
    shelf = tmp_path / "site-packages"
    shelf.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(shelf))
    runner = LocalRunner(state=state)
    done(runner, attempt(1, store=store))
    (first,) = launchers(state)
    (shelf / "polars-99.dist-info").mkdir()
    done(runner, attempt(2, store=store))
    (second,) = launchers(state)
    assert second != first
    assert process.gone([first], 5)


def test_a_launcher_that_hangs_up_costs_its_warmth_and_a_line_in_the_log(state, store, caplog):
    runner, asked = LocalRunner(state=state), attempt(1, store=store)
    private(state)
    private(state / "launchers")
    home = private(Path(runner.plan(asked)["launcher"]))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "socket"))
        listener.listen()
        rude = threading.Thread(target=hang_up, args=(listener,))
        rude.start()
        with caplog.at_level(logging.WARNING):
            done(runner, asked)
        rude.join(60)
    assert "starts without a warm launcher" in caplog.text


def test_a_socket_without_a_launcher_is_replaced(state, store):
    runner = LocalRunner(state=state)
    done(runner, attempt(1, store=store))
    (first,) = launchers(state)
    os.kill(first.pid, signal.SIGKILL)
    assert process.gone([first], 5)
    done(runner, attempt(2, store=store))
    assert launchers(state) != [first]


def test_a_caller_who_says_nonsense_does_no_harm(state, store):
    runner = LocalRunner(state=state)
    done(runner, attempt(1, store=store))
    (first,) = launchers(state)
    (home,) = (state / "launchers").iterdir()
    for nonsense in (b"", b"\n", b"{}\n", b"\xff\n", b'{"folder": 1}\n'):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(home / "socket"))
            caller.sendall(nonsense)
            caller.shutdown(socket.SHUT_WR)
            caller.recv(1000)
    done(runner, attempt(2, store=store))
    assert launchers(state) == [first]


def test_a_state_folder_may_be_deeper_than_a_sockets_name_is_long(tmp_path, store):
    state = tmp_path / ("d" * 100) / ("e" * 100)
    runner = LocalRunner(state=state)
    done(runner, attempt(1, store=store))
    assert len(launchers(state)) == 1
    end_launchers(state)


def test_only_what_is_read_early_tells_launchers_apart():
    assert early({"OMP_NUM_THREADS": "1", "AIRFLOW__CORE__FERNET_KEY": "secret", "PYTHONPATH": "/x"}) == {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": "/x",
    }


def test_packages_are_unchanged_until_one_is_installed(tmp_path, monkeypatch):
    shelf = tmp_path / "site-packages"
    shelf.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(shelf)])
    packages = Packages()
    packages.remember()
    assert not packages.changed()
    os.utime(shelf, ns=(1, 1))
    assert packages.changed()
