"""A model that is watched under the real scheduler, while somebody kills every task that he sees."""

import contextlib
import time
from datetime import timedelta

import polars as pl
import psutil
import pytest

from runtime.monitoring_kit import START, rows
from slack_server import serving
from system.standalone import Standalone, until
from taxiway.core.drift import DriftReport
from taxiway.core.incidents import Phase
from taxiway.hooks.store import TaxiwayHook
from taxiway.stores.journal import Journal
from taxiway.stores.monitoring import Reports
from taxiway.stores.objects import open_store

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(1500)]

TRAINING, MONITORING = "watched.training", "watched.monitoring"


class WatchedAirflow(Standalone):
    ready_when = f"/api/v2/dags/{TRAINING}"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    history = folder / "lake" / "history"
    history.mkdir(parents=True)
    rows(4_000).write_parquet(history / "rows.parquet")
    with serving() as slack, WatchedAirflow(folder, None, slack=slack) as found:
        yield found


def write(running, n, data):
    folder = running.folder / "lake" / "production" / f"{START + timedelta(hours=n):%Y%m%d%H}"
    folder.mkdir(parents=True)
    for name, part in (("a", data[: data.height // 2]), ("b", data[data.height // 2 :])):
        part.write_parquet(folder / f"{name}.parquet")


def look(running, n):
    """Starts a run for the window of hour `n`."""
    span = {"start": (START + timedelta(hours=n)).isoformat(), "end": (START + timedelta(hours=n + 1)).isoformat()}
    body = {"logical_date": None, "conf": span}
    answer = running.call("POST", f"/api/v2/dags/{MONITORING}/dagRuns", body)
    assert answer.is_success, answer.text
    return answer.json()["dag_run_id"]


def tasks(running, dag, run):
    return running.call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances").json()["task_instances"]


def killed(running, run, seconds=400):
    """Kills each task of a run once, as soon as it is seen at work, until the run has ended; gives their names."""
    done, ends_at = set(), time.monotonic() + seconds
    while True:
        family = psutil.Process(running.process.pid).children(recursive=True)
        titles = {title(process): process for process in family}
        for task in tasks(running, MONITORING, run):
            name = (task["task_id"], task["map_index"])
            process = titles.get(f"airflow worker -- {task['id']}")
            if process is not None and name not in done:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
                    done.add(name)
        state = running.call("GET", f"/api/v2/dags/{MONITORING}/dagRuns/{run}").json()["state"]
        if state in {"success", "failed"}:
            assert state == "success", running.states(MONITORING, run)
            return done
        assert time.monotonic() < ends_at, f"{running.states(MONITORING, run)}\n{running.tail()}"
        time.sleep(0.05)


def title(process):
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline()).strip()
    return ""


def runs_of(running, dag):
    return running.call("GET", f"/api/v2/dags/{dag}/dagRuns").json()["dag_runs"]


def test_a_broken_sensor_is_one_incident_and_one_retraining_whoever_is_killed(running, monkeypatch):
    first = running.trigger(TRAINING)
    assert running.finish(TRAINING, first) == "success", running.states(TRAINING, first)
    assert running.states(TRAINING, first)["registry.retrained"] == "skipped"
    store = open_store((running.folder / "taxiway").as_uri())
    journal = Journal(store, "watched", "all")
    write(running, 0, rows(2000, 1))
    run = look(running, 0)
    assert running.finish(MONITORING, run) == "success", running.states(MONITORING, run)
    assert journal.watched().phase is Phase.WATCH
    deaths = set()
    for n in (1, 2, 3):
        write(running, n, rows(2000, n + 1).with_columns(delay=pl.lit(0.0)))
        deaths |= killed(running, look(running, n))
    assert len(deaths) >= 3, deaths
    entries = journal.replayed()
    hours = [
        entry for entry in entries if entry.event.event == "observation" and entry.event.window.start >= "2026-01-05"
    ]
    assert len(hours) == 4
    assert entries[-1].watched.incidents == 1
    assert [entry.ask.number for entry in entries if entry.ask] == [1]
    assert len(Reports(store, "watched", "all").newest(DriftReport, 9)) >= 4

    def retrained():
        return [one for one in runs_of(running, TRAINING) if one["run_type"] == "asset_triggered"]

    until(retrained, 120, "no retraining was started")
    run = retrained()[0]["dag_run_id"]
    assert running.finish(TRAINING, run) == "success", running.states(TRAINING, run)
    assert running.states(TRAINING, run)["registry.retrained"] == "success"
    time.sleep(5)
    assert len(retrained()) == 1
    last = next(entry for entry in reversed(journal.replayed()) if entry.event.event == "retrained")
    assert last.watched.incident.escalated, "the same data gave the same model, which does not help"
    assert running.states(TRAINING, run)["incident.tell"] == "success"
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", store.uri)
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", running.slack.connection())
    until(
        lambda: not TaxiwayHook().notices().deliver(within_s=60.0).left, 200, "a killed task's turn to speak never ends"
    )
    told = [message for message in running.slack.roots() if "incident" in message["text"]]
    assert [message["text"] for message in told] == ["🔴 watched: incident 1 is escalated"]
