import asyncio
import json
import time
from datetime import timedelta

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

import airflow_home
import samples
from hooks.airspace import MODEL, Airspace, answers, unreachable
from taxiway.core import Canary, Service
from taxiway.core.errors import BackendError
from taxiway.core.rollouts import Tally
from taxiway.core.serving import Phase, ServiceState
from taxiway.factories import deployment_dag, service_asset
from taxiway.hooks.serving import Field
from taxiway.operators.serving import DeployOperator, GiveUpOperator, RollbackServiceOperator
from taxiway.stores.objects import open_store
from taxiway.triggers.rollouts import RolloutTrigger

SECOND = timedelta(seconds=1)
SERVICE = Service("delays", Canary(5, 100, bake=30 * SECOND), every=0.05 * SECOND, deadline=timedelta(hours=1))


@pytest.fixture
def space(store, monkeypatch):
    """Version 1 is live and version 2 the champion, in the store that tasks find; platform and clock are the test's."""
    made = Airspace(SERVICE, store=open_store(store))
    fly = Field.pilot

    def pilot(field, *args, **kwargs):
        flown = fly(field, *args, **kwargs)
        flown._clock = made.clock
        return flown

    monkeypatch.setattr(Field, "platform", lambda _: made.platform)
    monkeypatch.setattr(Field, "pilot", pilot)
    return made


def deploy(dag, **changes):
    return DeployOperator(task_id="deploy", model=MODEL, service=SERVICE, dag=dag, **changes)


def flown(space, task, context, **traffic):
    """Runs a deferrable task as Airflow would: while it waits, its trigger looks on, and time and traffic go by."""
    traffic, event = traffic or {"v1": answers(), "v2": answers()}, None
    for _ in range(50):
        try:
            return task.resume(context, event) if event else task.execute(context)
        except TaskDeferred as waiting:
            space.platform.serve(**traffic)
            space.clock.go(31)
            event = fired(waiting.trigger)
    raise AssertionError(space.history()[-1])


def fired(trigger):
    path, arguments = trigger.serialize()
    assert path == "taxiway.triggers.rollouts.RolloutTrigger"
    again = RolloutTrigger(**json.loads(json.dumps(arguments)))

    async def first():
        return (await anext(aiter(again.run()))).payload

    return json.loads(json.dumps(asyncio.run(asyncio.wait_for(first(), 10))))


def test_a_champion_is_taken_live_and_its_event_says_so(space, dag):
    task = deploy(dag, outlets=[service_asset("delays")])
    context = airflow_home.context(task)
    state = ServiceState.load(flown(space, task, context))
    assert (state.live.number, state.phase, space.champion()) == (2, Phase.LIVE, 2)
    assert state.rollout == f"{dag.dag_id}/manual__1/deploy/-1/0"
    assert context["outlet_events"][service_asset("delays")].extra == state.dump()
    by = space.registry.history(MODEL)[-1].by
    assert (by.who, by.run_id, by.why) == (f"airflow:{dag.dag_id}.deploy", "manual__1", state.reason)


def test_the_worker_can_wait_itself(space, dag, monkeypatch):
    def time_goes_by(seconds):
        space.platform.serve(v1=answers(), v2=answers())
        space.clock.go(31)

    monkeypatch.setattr("taxiway.operators.serving.time.sleep", time_goes_by)
    task = deploy(dag, deferrable=False)
    assert ServiceState.load(task.execute(airflow_home.context(task))).live.number == 2


def test_a_worse_version_fails_the_task_without_a_retry_and_the_champion_is_what_serves(space, dag):
    task = deploy(dag)
    with pytest.raises(
        AirflowFailException, match=r"version 2 was given up: 25.00% of its requests failed.*version 1 ser"
    ):
        flown(space, task, airflow_home.context(task), v1=answers(), v2=answers(failed=100))
    assert space.champion() == space.history()[-1].live.number == 1


def test_a_retry_of_a_task_that_died_after_its_decision_says_the_same(space, dag):
    task = deploy(dag)
    context = airflow_home.context(task)
    for _ in range(2):
        with pytest.raises(AirflowFailException, match=r"version 2 was given up.*version 1 ser"):
            flown(space, task, context, v1=answers(), v2=answers(failed=100))
    assert [state.phase for state in space.history()].count(Phase.ROLLED_BACK) == 1


def test_a_retry_goes_on_where_the_task_died(space, dag, monkeypatch):
    task = deploy(dag)
    context = airflow_home.context(task)
    with monkeypatch.context() as away:
        away.setattr(space.platform, "observe", unreachable)
        with pytest.raises(BackendError):
            task.execute(context)
    begun = space.history()
    with pytest.raises(TaskDeferred):
        task.execute(context)
    assert space.history() == begun


def test_a_cleared_task_begins_another_rollout(space, dag):
    task = deploy(dag, retries=2)
    with pytest.raises(AirflowFailException):
        flown(space, task, airflow_home.context(task), v1=answers(), v2=answers(failed=100))
    space.promote(2)
    context = airflow_home.context(task, tries_granted=3)
    assert ServiceState.load(flown(space, task, context)).rollout.endswith("/deploy/-1/1")


def test_a_version_by_its_number_is_rendered_from_a_parameter(space, dag):
    task = deploy(dag, version="{{ params.version or '' }}")
    context = airflow_home.context(task) | {"params": {"version": 3}}
    task.render_template_fields(context)
    assert ServiceState.load(flown(space, task, context, v1=answers(), v3=answers())).live.number == 3


def test_of_two_deployments_one_wins_and_the_other_says_so(space, dag):
    task = deploy(dag)
    with pytest.raises(TaskDeferred):
        task.execute(airflow_home.context(task))
    with pytest.raises(AirflowFailException, match="another rollout of this service is under way"):
        task.execute(airflow_home.context(task, run_id="manual__2"))


def test_a_deployment_whose_service_was_rolled_back_meanwhile_says_so(space, dag):
    task = deploy(dag)
    context = airflow_home.context(task)
    with pytest.raises(TaskDeferred) as waiting:
        task.execute(context)
    button = RollbackServiceOperator(task_id="back", model=MODEL, service=SERVICE, reason="too slow", dag=dag)
    button.execute(airflow_home.context(button))
    with pytest.raises(AirflowFailException, match="somebody else drives this service now"):
        task.resume(context, fired(waiting.value.trigger))


def test_nothing_is_deployed_in_a_backfill(space, dag):
    task = deploy(dag)
    with pytest.raises(AirflowSkipException, match="nothing goes live"):
        task.execute(airflow_home.context(task, run_type="backfill"))
    assert len(space.history()) == 2


def test_a_connection_that_is_not_there_is_named(space, dag, monkeypatch):
    from taxiway.core import Everybody, KubernetesServers

    monkeypatch.undo()
    service = Service("delays", on=KubernetesServers("image", Everybody(), conn_id="no_such_cluster"))
    task = DeployOperator(task_id="deploy", model=MODEL, service=service, dag=dag)
    with pytest.raises(AirflowFailException, match="there is no connection 'no_such_cluster'"):
        task.execute(airflow_home.context(task))


class TestTheTrigger:
    @pytest.fixture
    def waiting(self, space, dag):
        task = deploy(dag)
        with pytest.raises(TaskDeferred) as deferred:
            task.execute(airflow_home.context(task))
        space.clock.go(1)
        deferred.value.trigger.ends_at = time.time() + 3600
        return deferred.value.trigger

    def test_carries_no_secret_and_what_was_seen(self, waiting):
        text = json.dumps(waiting.serialize())
        assert '"candidate": 2' in text
        assert Tally.load(waiting.tally).looks == 1

    def test_fires_when_there_is_something_to_do(self, space, waiting):
        space.clock.go(31)
        assert fired(waiting)["course"]["candidate"] == 2

    def test_waits_while_there_is_not(self, space, waiting):
        space.platform.unready = True
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(anext(aiter(waiting.run())), 0.5))
        assert len(space.history()) == 3

    def test_fires_by_the_clock_whatever_it_sees(self, space, waiting, monkeypatch):
        monkeypatch.setattr(space.platform, "observe", unreachable)
        waiting.ends_at = 0
        assert fired(waiting)["tally"]["looks"] == 1

    def test_a_store_that_is_away_does_not_end_it(self, space, waiting, monkeypatch):
        seen = []

        def away_once(state):
            seen.append(state)
            if len(seen) == 1:
                unreachable()
            return type(space.platform).observe(space.platform, state)

        monkeypatch.setattr(space.platform, "observe", away_once)
        assert fired(waiting)
        assert len(seen) >= 2

    def test_when_a_person_ends_the_task_the_candidate_is_given_up(self, space, waiting):
        asyncio.run(waiting.on_kill())
        assert (space.history()[-1].candidate, space.history()[-1].reason) == (
            None,
            "the task was cleared or marked by a person",
        )


class TestGivingUp:
    def give_up(self, dag):
        task = GiveUpOperator(task_id="give_up", model=MODEL, service=SERVICE, of="deploy", dag=dag)
        return task.execute(airflow_home.context(task))

    def test_a_failed_deployment_leaves_no_candidate_and_the_champion_is_what_serves(self, space, dag):
        task = deploy(dag)
        with pytest.raises(TaskDeferred):
            task.execute(airflow_home.context(task))
        state = ServiceState.load(self.give_up(dag))
        assert (state.candidate, state.reason) == (None, "its deployment failed before it was decided")
        assert space.champion() == 1

    def test_a_deployment_that_succeeded_is_left_alone(self, space, dag):
        task = deploy(dag)
        end = flown(space, task, airflow_home.context(task))
        assert self.give_up(dag) == end
        assert space.champion() == 2

    @pytest.mark.usefixtures("store")
    def test_what_was_never_served_is_nothing(self, dag, monkeypatch):
        monkeypatch.setattr(Field, "platform", lambda _: None)
        assert self.give_up(dag) is None


class TestTheButton:
    def press(self, dag, run_id="manual__1", reason="too slow at noon"):
        task = dag.task_dict.get("back") or RollbackServiceOperator(
            task_id="back", model=MODEL, service=SERVICE, reason=reason, dag=dag
        )
        return ServiceState.load(task.execute(airflow_home.context(task, run_id=run_id)))

    def test_goes_back_to_the_last_good_version_and_says_why(self, space, dag):
        flown(space, deploy(dag), airflow_home.context(deploy_of(dag)))
        state = self.press(dag)
        assert (state.live.number, state.reason, space.champion()) == (1, "too slow at noon", 1)

    def test_twice_in_one_run_is_once_and_in_another_run_nothing_is_left(self, space, dag):
        flown(space, deploy(dag), airflow_home.context(deploy_of(dag)))
        assert self.press(dag) == self.press(dag)
        with pytest.raises(AirflowFailException, match="no earlier version to go back to"):
            self.press(dag, run_id="manual__2")

    def test_says_something_even_if_nobody_gave_a_reason(self, space, dag):
        flown(space, deploy(dag), airflow_home.context(deploy_of(dag)))
        assert self.press(dag, reason="").reason == "a rollback was asked for"


def deploy_of(dag):
    return dag.task_dict["deploy"]


def test_a_whole_deployment_dag_runs_in_airflow(airflow, space, monkeypatch):
    """Airflow itself runs the deferrable task, its trigger, and the teardown behind it."""
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", space.store.uri)
    service = Service("delays", every=0.2 * SECOND)
    made = deployment_dag(model=MODEL, service=service, schedule=None)
    run = airflow_home.run(made)
    assert airflow_home.states(run) == {"deploy": "success", "give_up": "success"}
    assert ServiceState.load(airflow_home.value(run, "deploy")).live == samples.target(2)
