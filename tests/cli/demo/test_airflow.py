import os
import socket
import subprocess
import sys

import psutil
import pytest

from taxiway.cli.demo.airflow import Airflow, free_port, settings, sweep, tail
from taxiway.cli.demo.home import Home
from taxiway.core.errors import BackendError, SpecError

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / ".taxiway")
    with home.held():
        home.clean()
        yield home


def start(code, env):
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    process.stdout.readline()
    process.stdout.close()
    return process


def test_a_port_in_use_is_refused_and_a_free_one_is_free():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SpecError, match="cannot be used"):
            free_port(taken.getsockname()[1])
    port = free_port()
    assert free_port(port) == port


def test_another_airflows_settings_do_not_leak_in(home, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production")
    monkeypatch.setenv("AIRFLOW_CONN_TAXIWAY_DEFAULT", "taxiway://production")
    monkeypatch.setenv("TAXIWAY_STATE", "production")
    assert "production" not in str(settings(home, 1, 2))


def test_everything_stays_on_the_loopback_address_and_in_the_home(home):
    env = settings(home, 4321, 4322)
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:4321/execution/"
    assert env["AIRFLOW_HOME"].startswith(str(home.root))
    assert env["AIRFLOW__API_AUTH__JWT_SECRET"] != settings(home, 4321, 4322)["AIRFLOW__API_AUTH__JWT_SECRET"]


def test_whatever_carries_the_homes_mark_is_ended_and_nothing_else(home, tmp_path):
    mine = start(STUBBORN, settings(home, 1, 2))
    other = start(STUBBORN, settings(Home(tmp_path / "other"), 1, 2))
    try:
        assert sweep(home, within_s=1) == 1
        mine.wait(5)
        assert not psutil.pid_exists(mine.pid)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_launcher_is_known_by_its_command_though_its_environment_is_bare(home):
    words = [sys.executable, "-c", "import time; time.sleep(99)", f"{home.jobs}{os.sep}launchers"]
    launcher = subprocess.Popen(words, env={"PATH": os.environ["PATH"]}, start_new_session=True)
    assert sweep(home) == 1
    launcher.wait(5)
    assert not psutil.pid_exists(launcher.pid)


def test_a_component_that_ends_is_reported_with_the_end_of_its_log(home):
    airflow = Airflow(home, 1, 2)
    airflow.log("scheduler").write_text("line one\nthe last words\n")
    airflow._running["scheduler"] = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    airflow._running["scheduler"].wait()
    with pytest.raises(BackendError, match=r"(?s)scheduler ended with exit code 3.*the last words"):
        airflow.check()


def test_stopping_what_never_started_is_quiet(home):
    Airflow(home, 1, 2).stop()
    assert sweep(home) == 0


def test_the_tail_of_a_log_is_its_last_lines(tmp_path):
    (tmp_path / "log").write_text("\n".join(map(str, range(50))))
    assert tail(tmp_path / "log", 2) == "48\n49"
    assert tail(tmp_path / "none") == ""
