"""A life under the real scheduler, triggerer and dag-processor, over sqlite and over PostgreSQL."""

import contextlib
import importlib.util
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from slack_server import serving
from system.standalone import Standalone, postgresql, until
from taxiway.core.jobs import Cause, JobKey
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def airflow_of_its_own(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        with serving() as slack, Standalone(folder, None, slack=slack) as running:
            yield running
        return
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("there is no PostgreSQL: apt-get install postgresql, then pytest tests/system -m system")
    if not all(map(importlib.util.find_spec, ("psycopg2", "asyncpg"))):
        pytest.skip("Airflow cannot talk to PostgreSQL: pip install psycopg2-binary asyncpg")
    with postgresql() as url, serving() as slack, Standalone(folder, url, slack=slack) as running:
        yield running


def store(running):
    return open_store((running.folder / "taxiway").as_uri())


def lines(running, name):
    file = running.folder / f"{name}.starts"
    return file.read_text().splitlines() if file.exists() else []


def title(process):
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline()).strip()
    return ""


def task_process(running, task):
    """The process in which Airflow runs a task, told by the name it gives it; None before there is one."""
    name = f"airflow worker -- {running.call('GET', task).json()['id']}"
    family = psutil.Process(running.process.pid).children(recursive=True)
    return next((each for each in family if title(each) == name), None)


def told(running, dag_id):
    """The message about the runs of a DAG, and the lines of its thread; there is never another."""
    roots = [one for one in running.slack.roots() if f"run.{dag_id}" in str(one["metadata"])]
    assert len(roots) <= 1
    lines = [reply["blocks"][0]["text"]["text"] for root in roots for reply in running.slack.replies(root)]
    return (roots[0]["text"], lines) if roots else ("", [])


@pytest.fixture
def hold(airflow_of_its_own):
    """Holds the training of a model until it is told to go on, or the test ends."""
    held = []

    def holding(name):
        held.append(airflow_of_its_own.folder / f"{name}.hold")
        held[-1].touch()
        return held[-1]

    yield holding
    for file in held:
        file.unlink(missing_ok=True)


def test_a_deferred_life_with_an_approval_ends_in_predictions(airflow_of_its_own):
    running = airflow_of_its_own
    run = running.trigger("approved.training")
    task = running.task("approved.training", run, "decision.approve")

    def approved():
        # Airflow asks again when the answer comes before its scheduler has noticed that the task waits; no person is so
        # quick, and this waits a little longer each time.
        if running.states("approved.training", run)["decision.approve"] == "awaiting_input":
            shown.append(running.call("GET", f"{task}/-1/hitlDetails").json()["body"])
            time.sleep(5 * len(shown))
            answer = {"chosen_options": ["Approve"], "params_input": {"comment": "looks right"}}
            running.call("PATCH", f"{task}/-1/hitlDetails", answer)
        return running.states("approved.training", run)["decision.approve"] == "success"

    shown: list[str] = []
    until(approved, 240, "it was not approved")
    assert "roc\\_auc" in shown[0]
    asked = next(call for call in running.slack.calls if call.params.get("text", "").startswith("🔵 May approved"))
    assert f"{running.url}/dags/approved.training/runs/" in str(asked.params["blocks"])
    assert running.finish("approved.training", run) == "success", running.states("approved.training", run)
    text, lines = until(lambda: told(running, "approved.training"), 60, "")
    assert text == "🟢 Version 1 of approved is live"
    assert ["approved" in lines[-2], "live" in lines[-1]] == [True, True], lines
    by = Registry(store(running)).history("approved")[-1].by
    assert by.why.endswith("said yes: looks right")
    runs = lambda: running.call("GET", "/api/v2/dags/approved.scoring/dagRuns").json()["dag_runs"]  # noqa: E731
    scoring = until(runs, 60, "the champion's asset started nothing")[0]["dag_run_id"]
    assert running.finish("approved.scoring", scoring) == "success"
    assert list((running.folder / "lake" / "predictions").rglob("*.parquet"))


def test_a_killed_worker_costs_no_second_training(airflow_of_its_own, hold):
    running = airflow_of_its_own
    held = hold("held")
    run = running.trigger("held.training")
    until(lambda: lines(running, "held"), 120, running.tail())
    train = running.task("held.training", run, "candidate.train")
    worker = until(lambda: task_process(running, train), 60, "no process of the task is seen")
    os.kill(worker.pid, signal.SIGKILL)
    until(lambda: running.call("GET", train).json()["try_number"] == 2, 120, str(running.states("held.training", run)))
    held.unlink()
    assert running.finish("held.training", run) == "success"
    assert len(lines(running, "held")) == 1


def test_a_task_that_is_killed_for_good_is_told_from_the_dag_processor(airflow_of_its_own, hold):
    running = airflow_of_its_own
    hold("killed")
    run = running.trigger("killed.training")
    until(lambda: lines(running, "killed"), 120, running.tail())
    train = running.task("killed.training", run, "candidate.train")
    worker = until(lambda: task_process(running, train), 60, "no process of the task is seen")
    os.kill(worker.pid, signal.SIGKILL)
    assert running.finish("killed.training", run) == "failed"
    text, _ = until(lambda: found if (found := told(running, "killed.training"))[0] else None, 120, running.tail())
    assert text.startswith("🔴 killed.training failed")
    until(lambda: not list(store(running).list("notices-waiting/")), 60, "something waits")


def test_a_person_who_fails_a_deferred_task_ends_its_job(airflow_of_its_own, hold):
    running = airflow_of_its_own
    hold("held-deferred")
    run = running.trigger("held-deferred.training")
    (job,) = until(lambda: lines(running, "held-deferred"), 120, running.tail())
    train = running.task("held-deferred.training", run, "candidate.train")
    until(lambda: running.call("GET", train).json()["triggerer_job"], 60, "no triggerer took it")
    time.sleep(5)  # it was assigned, and may not run yet; before that Airflow has nobody who could end the job
    assert running.call("PATCH", train, {"new_state": "failed"}).is_success
    until(lambda: not psutil.pid_exists(int(job)), 60, "the job goes on")
    key = JobKey(dag_id="held-deferred.training", run_id=run, task_id="candidate.train")
    assert Mailbox(store(running)).result(key).failure.cause is Cause.CANCELLED


def test_clearing_a_task_trains_again(airflow_of_its_own):
    running = airflow_of_its_own
    run = running.trigger("cleared.training")
    assert running.finish("cleared.training", run) == "success"
    body = {"dry_run": False, "task_ids": ["candidate.train"], "dag_run_id": run, "only_failed": False}
    assert running.call("POST", "/api/v2/dags/cleared.training/clearTaskInstances", body).is_success
    until(lambda: len(lines(running, "cleared")) == 2, 120, running.tail())
    assert running.finish("cleared.training", run) == "success"
