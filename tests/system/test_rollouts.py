"""Rollouts under a whole Airflow, with a server of this machine, constant load, and processes that are killed."""

import contextlib
import itertools
import os
import signal
import time

import psutil
import pytest

from contract.target import Load
from runtime.serving.kit import Airfield
from samples import author
from system.standalone import HERE, Parts, free_port, until
from taxiway.core.serving import Phase
from taxiway.core.specs.targets import LocalServer
from taxiway.runtime import keeper
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry
from taxiway.stores.services import Services
from taxiway.targets.local import LocalPlatform

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]
MODEL, DEPLOYMENT, BUTTON = "flight-delay", "flight-delay.deployment", "flight-delay.rollback"


class Deploying(Parts):
    """An Airflow whose DAGs deploy, and what the tests ask of it."""

    ready_when = f"/api/v2/dags/{DEPLOYMENT}"

    def __init__(self, folder):
        self.serving = free_port()
        folders = {"AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "services"), "TAXIWAY_TEST_PORT": str(self.serving)}
        super().__init__(folder, None, **folders)
        place = folder / "models"
        place.mkdir()
        self.field = Airfield.in_store(place, open_store((folder / "taxiway").as_uri()))
        self.registry = Registry(self.field.place.store)
        self.platform = LocalPlatform(MODEL, LocalServer(port=self.serving), self.field.uri, state=folder / "jobs")
        self.numbers = itertools.count()

    def __exit__(self, *_):
        super().__exit__(*_)
        for kept in (self.folder / "jobs").glob("services/*"):
            keeper.end(kept, 15)

    def state(self):
        return Services(self.field.place.store).state(MODEL)

    def history(self):
        changes = [commit.change for commit in self.registry.history(MODEL)]
        return [change.state for change in changes if change.change == "serve"]

    def told(self, run):
        """What a run wrote about the service, a line for each step."""
        mine = [state for state in self.history() if f"/{run}/" in state.rollout]
        return [(state.phase.value, state.weight, state.reason) for state in mine]

    def promote(self, **mood):
        """A version that is the champion now; the event of the champion's asset starts its deployment."""
        version = self.field.moody(name=next(self.numbers), **mood)
        self.registry.promote(MODEL, version.number, by=author())
        before = {run["dag_run_id"] for run in self.runs()}
        (asset,) = self.call("GET", f"/api/v2/assets?name_pattern={MODEL}.champion").json()["assets"]
        assert self.call("POST", "/api/v2/assets/events", {"asset_id": asset["id"], "extra": version.dump()}).is_success
        new = lambda: [run["dag_run_id"] for run in self.runs() if run["dag_run_id"] not in before]  # noqa: E731
        return version.number, until(new, 120, f"the event started nothing\n{self.tail()}")[0]

    def runs(self):
        return self.call("GET", f"/api/v2/dags/{DEPLOYMENT}/dagRuns").json()["dag_runs"]

    def ask(self):
        odd = next(self.numbers) % 2 == 0
        body = f'{{"rows": [{{"delay": 0.5, "hour": {100 if odd else 7}}}]}}'.encode()
        return self.platform.ask("/predict", body)

    def trial(self, number):
        """Waits until a version answers requests on trial."""

        def tried():
            state = self.state()
            return state.candidate and state.candidate.number == number and state.phase is Phase.TRIAL

        until(tried, 180, f"{self.state()}\n{self.tail()}")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Deploying(tmp_path_factory.mktemp("airflow")) as airflow:
        number, run = airflow.promote()
        assert airflow.finish(DEPLOYMENT, run) == "success"
        assert airflow.state().live.number == number
        yield airflow


@pytest.fixture
def load(running):
    """Somebody who asks all the time; nobody may have failed in the end, whatever went wrong."""
    until(lambda: running.state().candidate is None, 300, f"{running.state()}")
    with Load(running.ask) as asking:
        yield asking
    assert asking.asked > 0
    assert asking.failed == []


def test_a_new_champion_goes_live_through_a_canary_under_load(running, load):
    before = running.state().live
    number, run = running.promote()
    assert running.finish(DEPLOYMENT, run, 300) == "success", running.state()
    assert (running.state().live.number, running.state().last_good) == (number, before)
    mine = [state for state in running.history() if f"/{run}/" in state.rollout]
    assert [(state.phase, state.weight) for state in mine] == [
        (Phase.STARTING, 0), (Phase.TRIAL, 50), (Phase.TRIAL, 100), (Phase.LIVE, 0)
    ]  # fmt: skip


def test_a_worse_champion_is_rolled_back_and_is_the_champion_no_longer(running, load):
    before = running.state().live
    _, run = running.promote(then="fail")
    assert running.finish(DEPLOYMENT, run, 300) == "failed", (running.states(DEPLOYMENT, run), running.told(run))
    state = running.state()
    assert (state.live, state.candidate, state.phase) == (before, None, Phase.ROLLED_BACK)
    assert "of its requests failed" in state.reason
    assert running.registry.resolve(MODEL).number == before.number
    assert running.states(DEPLOYMENT, run) == {"deploy": "failed", "give_up": "success"}
    phases = [phase for phase, _, _ in running.told(run)]
    assert phases == [Phase.STARTING, Phase.TRIAL, Phase.ROLLED_BACK], "a decision is not tried again"


def test_a_triggerer_that_is_killed_in_the_middle_is_replaced_by_the_next(running, load):
    number, run = running.promote()
    running.trial(number)
    running.kill("triggerer")
    time.sleep(2)
    running.start("triggerer")
    assert running.finish(DEPLOYMENT, run, 400) == "success", running.tail()
    assert running.state().live.number == number
    assert len({state.rollout for state in running.history() if f"/{run}/" in state.rollout}) == 1


def test_a_task_that_is_killed_in_the_middle_goes_on_in_its_next_try(running, load):
    version = running.field.moody(name=next(running.numbers))
    running.registry.promote(MODEL, version.number, by=author())
    run = running.trigger("waiting")
    running.trial(version.number)
    task = running.call("GET", running.task("waiting", run, "deploy")).json()
    worker = next(each for each in family(running) if title(each) == f"airflow worker -- {task['id']}")
    os.kill(worker.pid, signal.SIGKILL)
    assert running.finish("waiting", run, 400) == "success", running.tail()
    assert running.state().live.number == version.number
    mine = [state for state in running.history() if f"/{run}/" in state.rollout]
    assert [state.weight for state in mine] == [0, 50, 100, 0]


def test_the_button_takes_the_last_good_version_live_again_and_keeps_the_reason(running, load):
    _, run = running.promote()
    assert running.finish(DEPLOYMENT, run, 300) == "success"
    before = running.state().last_good
    body = {"logical_date": None, "conf": {"why": "too slow at noon"}}
    pressed = running.call("POST", f"/api/v2/dags/{BUTTON}/dagRuns", body)
    assert running.finish(BUTTON, pressed.json()["dag_run_id"]) == "success"
    assert (running.state().live, running.state().reason) == (before, "too slow at noon")
    assert running.registry.resolve(MODEL).number == before.number
    assert not running.call("POST", f"/api/v2/dags/{BUTTON}/dagRuns", {"logical_date": None}).is_success


def test_a_person_who_fails_the_waiting_task_gives_the_candidate_up(running, load):
    before = running.state().live
    number, run = running.promote()
    running.trial(number)
    task = running.task(DEPLOYMENT, run, "deploy")
    until(lambda: running.call("GET", task).json()["triggerer_job"], 60, "no triggerer took it")
    time.sleep(3)  # it was assigned, and may not run yet
    assert running.call("PATCH", task, {"new_state": "failed"}).is_success
    until(lambda: running.state().candidate is None, 120, str(running.state()))
    assert running.state().live == before
    running.finish(DEPLOYMENT, run)


def family(running):
    for part in running.running.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            yield from psutil.Process(part.pid).children(recursive=True)


def title(process):
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline()).strip()
    return ""
