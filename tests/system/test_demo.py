"""The demo, as a person starts it: with a real scheduler, dag-processor, triggerer and API server."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from taxiway.cli.demo.airflow import sweep
from taxiway.cli.demo.home import Home

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / ".taxiway")
    yield home
    sweep(home)


def start(home, *words, **kwargs):
    command = [sys.executable, "-m", "taxiway.cli", "demo", "--home", str(home.root), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)


def wait_for(what, within_s=240):
    ends_at = time.monotonic() + within_s
    while not (found := what()):
        assert time.monotonic() < ends_at
        time.sleep(0.5)
    return found


def test_the_demo_lives_the_whole_life_of_a_model_and_leaves_nothing_running(home):
    with start(home, "--exit", "--json") as process:
        out, err = process.communicate(timeout=1400)
    assert process.returncode == 0, err
    told = json.loads(out)
    assert (told["outcome"], told["champion"]) == ("ok", 2)
    assert [version["number"] for version in told["versions"]] == [1, 2, 3]
    assert told["scored_rows"] == 27_020
    assert {verdict["outcome"] for verdict in told["verdicts"]} == {"pass", "fail"}
    first, second, _ = (version["metrics"]["roc_auc"]["value"] for version in told["versions"])
    assert 0.7 < first < second
    served = told["service"]
    assert [(one["version"], one["live"]) for one in served["rollouts"]] == [(1, True), (2, True), (3, False)]
    assert "distributed otherwise" in served["rollouts"][2]["reason"]
    assert (served["live"], served["failed"]) == (2, 0)
    assert served["requests"] > 100
    watched = told["monitoring"]
    assert [window["mark"] for window in watched["windows"]] == ["good", "good", "good", "bad", "bad"]
    assert [(one["number"], one["escalated"]) for one in watched["incidents"]] == [(1, True)]
    assert [len(thread) for thread in watched["threads"]] == [3]
    assert [one["refused"] for one in watched["retrainings"]] == [True]
    assert home.told.read_text().count("incident 1 is escalated") == 1
    assert len(list(home.store.rglob("evidently/*.html"))) == 2
    assert sweep(home) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_told_to_stop_takes_everything_with_it(home, number):
    with start(home) as process:
        wait_for((home.logs / "scheduler.log").exists)
        time.sleep(3)
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert sweep(home) == 0


def test_what_a_killed_demo_left_behind_is_ended_by_the_next_one(home):
    with start(home) as process:
        wait_for((home.logs / "scheduler.log").exists)
        left = [child.pid for child in psutil.Process(process.pid).children()]
        process.kill()
    assert all(psutil.pid_exists(pid) for pid in left)
    with start(home) as second:
        wait_for(lambda: not any(psutil.pid_exists(pid) for pid in left), 60)
        wait_for(lambda: home.notes().get("pid") == second.pid, 30)
        second.send_signal(signal.SIGINT)
        second.communicate(timeout=60)


def test_a_second_demo_at_the_same_time_is_sent_to_the_first(home):
    with start(home) as first:
        wait_for(lambda: home.notes().get("url") if home.root.exists() and any(home.root.iterdir()) else None)
        with start(home, "--exit") as second:
            _, err = second.communicate(timeout=60)
        assert second.returncode == 1
        assert f"process {first.pid}" in err.replace("\n", " ")
        os.kill(first.pid, signal.SIGINT)
        first.communicate(timeout=60)
