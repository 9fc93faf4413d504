from datetime import timedelta

import pytest

import samples
from hooks.airspace import MODEL, Airspace, Hand, Killed, answers, doomed_pilot, unreachable
from taxiway.core import BlueGreen, BusinessMetric, Canary, Judge, Service, Shadow
from taxiway.core.counts import Counts
from taxiway.core.errors import BackendError, Conflict, GateRefused, SpecError
from taxiway.core.rollouts import Action, Tally
from taxiway.core.serving import Phase

MINUTE = timedelta(minutes=1)
CANARY = Service("delays", Canary(5, 25, 100, bake=MINUTE), deadline=60 * MINUTE)
ROLLOUTS = [Service("delays"), Service("delays", BlueGreen(MINUTE)), CANARY]
WORSE = {"v1": answers(), "v2": answers(failed=100)}


def weights(space):
    return [(state.phase.value, state.weight) for state in space.history()]


class TestAGoodCandidate:
    def test_goes_live_step_by_step(self):
        space = Airspace(CANARY)
        end = space.fly()
        assert (end.live.number, end.phase, end.last_good.number) == (2, Phase.LIVE, 1)
        assert weights(space)[2:] == [("starting", 0), ("trial", 5), ("trial", 25), ("trial", 100), ("live", 0)]
        assert space.champion() == 2

    def test_goes_live_at_once_where_it_is_the_first(self):
        space = Airspace(CANARY, live=False)
        assert space.fly().live.number == 1
        assert weights(space) == [("starting", 0), ("live", 0)]

    def test_needs_no_traffic_to_go_live_directly(self):
        space = Airspace(Service("delays"))
        assert space.fly(v1=Counts()).live.number == 2

    def test_that_is_live_already_changes_nothing(self):
        space = Airspace(CANARY)
        space.fly()
        before = space.history()
        assert space.fly("run-2") == before[-1]
        assert space.history() == before

    def test_went_live_whatever_is_the_champion_when_its_task_is_tried_again(self):
        space = Airspace(CANARY)
        space.fly()
        space.promote(1)
        again = space.pilot()
        assert again.begin().live.number == again.course.candidate == 2


class TestAWorseCandidate:
    @pytest.mark.parametrize("service", ROLLOUTS[1:], ids=["blue/green", "canary"])
    def test_is_given_up_and_the_champion_is_what_serves(self, service):
        space = Airspace(service)
        end = space.fly(**WORSE)
        assert (end.live.number, end.candidate, end.phase) == (1, None, Phase.ROLLED_BACK)
        assert "of its requests failed" in end.reason
        assert space.champion() == 1
        assert space.platform.reverted[-1] == end
        why = space.registry.history(MODEL)[-1].by.why
        assert why.startswith("version 2 was given up: 25.00% of its requests failed")

    def test_does_not_start_again_when_its_task_is_tried_again(self):
        space = Airspace(CANARY)
        end = space.fly(**WORSE)
        space.promote(2)
        assert space.pilot().begin() == end

    def test_is_still_the_one_that_was_given_up_when_its_task_is_tried_again(self):
        space = Airspace(CANARY)
        end = space.fly(**WORSE)
        assert space.champion() == 1
        again = space.pilot()
        assert again.begin() == end
        assert again.course.candidate == 2

    def test_that_predicts_nan_is_given_up(self):
        space = Airspace(CANARY)
        assert "make no sense" in space.fly(v1=answers(), v2=answers(invalid=100)).reason

    def test_that_is_ten_times_slower_is_given_up(self):
        space = Airspace(CANARY)
        assert "p95" in space.fly(v1=answers(), v2=answers(seconds={"0.168": 400})).reason

    def test_that_refuses_good_requests_is_given_up(self):
        space = Airspace(CANARY)
        wrong_schema = answers(answers={"refused": 400}, seconds={}, predictions={})
        assert "100.00% of its requests failed" in space.fly(v1=answers(), v2=wrong_schema).reason

    def test_of_a_first_version_leaves_nothing(self):
        space = Airspace(CANARY, live=False)
        space.platform.failed = "version 1: integrity"
        end = space.fly()
        assert (end.live, end.candidate) == (None, None)
        assert space.champion() == 1


class TestNotKnowing:
    def held(self, space, **traffic):
        end = space.fly(**traffic)
        assert (end.live.number, end.phase) == (1, Phase.ROLLED_BACK)
        assert "was not shown to be good within 1:00:00" in end.reason
        return end

    def test_without_traffic_nothing_is_promoted(self):
        self.held(Airspace(CANARY), v1=Counts())

    def test_without_metrics_nothing_is_promoted(self):
        space = Airspace(CANARY)
        space.platform.deaf = True
        self.held(space)

    def test_when_live_itself_is_ill_nothing_is_promoted(self):
        end = self.held(Airspace(CANARY), v1=answers(failed=100), v2=answers(failed=100))
        assert "looks decided nothing" in end.reason

    def test_a_process_without_the_model_is_never_promoted(self):
        space = Airspace(CANARY)
        space.platform.unready = True
        assert "is at generation 0" in self.held(space).reason

    def test_a_business_metric_that_does_not_answer_is_counted_apart(self, monkeypatch):
        judge = Judge(metrics=(BusinessMetric("bookings", "shop:bookings", at_least=1),))
        space = Airspace(Service("delays", Canary(5, 100, bake=MINUTE), judge=judge, deadline=60 * MINUTE))
        monkeypatch.setattr("taxiway.hooks.rollouts.measure", unreachable)
        assert "at 11" in self.held(space).reason

    def test_a_business_metric_that_fell_costs_the_rollout(self, monkeypatch):
        judge = Judge(metrics=(BusinessMetric("bookings", "shop:bookings", max_drop=0.1),))
        space = Airspace(Service("delays", Canary(5, 100, bake=MINUTE), judge=judge))
        monkeypatch.setattr("taxiway.hooks.rollouts.measure", lambda *given: 100.0 / given[2])
        assert space.fly().reason.startswith("bookings is 50;")


class TestOtherRollouts:
    def test_of_two_rollouts_one_wins_and_the_other_says_so(self):
        space = Airspace(CANARY)
        first = space.pilot("run-1")
        first.begin()
        space.promote(3)
        with pytest.raises(Conflict, match=r"another rollout of this service is under way.*driven by run-1"):
            space.pilot("run-2").begin()

    def test_of_two_that_begin_at_the_same_moment_one_wins_too(self, monkeypatch):
        space = Airspace(CANARY)
        late = space.pilot("run-2")
        read = late._services.registry_state

        def read_then_lose(model):
            known = read(model)
            space.pilot("run-1").begin()
            return known

        monkeypatch.setattr(late._services, "registry_state", read_then_lose)
        with pytest.raises(Conflict, match="the last change is by run-1"):
            late.begin()

    def test_who_was_taken_over_stops(self):
        space = Airspace(CANARY)
        pilot = space.pilot()
        pilot.begin()
        space.pilot("button").roll_back("too slow")
        with pytest.raises(Conflict, match=r"somebody else drives this service now.*Got button: .*too slow"):
            pilot.step(Tally())

    def test_a_second_worker_of_the_same_rollout_goes_on_where_the_first_is(self):
        space = Airspace(Service("delays"))
        one, two = space.pilot(), space.pilot()
        one.begin()
        tally = one.step(two.step(Tally()).tally).tally
        assert one.look(tally).state == two.look(tally).state
        assert [state.generation for state in space.history()] == [1, 2, 3, 4]

    def test_a_champion_that_moves_on_ends_the_rollout_of_the_one_before(self):
        space = Airspace(CANARY)
        pilot = space.pilot()
        pilot.begin()
        space.promote(3)
        decision = pilot.step(Tally())
        pilot.settle(decision.state)
        assert decision.state.reason == "version 3 shall be live now"
        assert space.champion() == 1

    def test_a_version_by_number_does_not_ask_the_alias(self):
        space = Airspace(Service("delays"))
        end = space.fly(pilot=space.pilot(version=3))
        assert (end.live.number, space.champion()) == (3, 2)


class TestWhatMustNotGoLive:
    def test_a_digest_that_was_not_gated(self, monkeypatch):
        space = Airspace(CANARY)
        pilot = space.pilot()
        monkeypatch.setattr(pilot, "_wanted", lambda _: samples.target(2, "f"))
        with pytest.raises(GateRefused, match="only registered versions are served"):
            pilot.begin()

    def test_a_yanked_version(self):
        space = Airspace(CANARY)
        space.registry.yank(MODEL, 2, by=samples.author())
        with pytest.raises(GateRefused, match="version 2 was yanked"):
            space.pilot().begin()

    def test_anything_on_a_platform_that_cannot_do_it(self):
        space = Airspace(CANARY)
        space.platform.refuses = SpecError("a canary needs KServe 0.21")
        before = space.history()
        with pytest.raises(SpecError, match=r"KServe 0\.21"):
            space.pilot().begin()
        assert space.history() == before

    def test_a_model_without_a_champion(self):
        space = Airspace(Service("delays", alias="best"), live=False)
        with pytest.raises(SpecError, match="no version of the model is 'best'"):
            space.pilot().begin()


class TestRollingBack:
    def test_goes_to_the_version_that_was_live_before(self):
        space = Airspace(Service("delays"))
        space.fly()
        back = space.pilot("button-1")
        state = back.roll_back("too slow at noon")
        back.settle(state)
        assert (state.live.number, state.reason, space.champion()) == (1, "too slow at noon", 1)
        assert space.platform.reverted[-1] == state

    def test_twice_by_the_same_run_is_once_and_by_two_runs_says_that_nothing_is_left(self):
        space = Airspace(Service("delays"))
        space.fly()
        assert space.pilot("button-1").roll_back("x") == space.pilot("button-1").roll_back("x")
        with pytest.raises(SpecError, match="there is no earlier version to go back to"):
            space.pilot("button-2").roll_back("x")

    def test_needs_no_metrics_no_candidate_and_no_artefact(self):
        space = Airspace(CANARY)
        space.pilot().begin()
        space.platform.deaf = True
        for info in list(space.store.list("blobs/")) + list(space.store.list("windows/")):
            space.store.delete(info.path)
        state = space.pilot("button").roll_back("the candidate is gone")
        assert (state.live.number, state.candidate) == (1, None)

    def test_of_what_was_never_served_says_so(self):
        space = Airspace(CANARY, live=False)
        with pytest.raises(SpecError, match="nothing was ever served under this name"):
            space.pilot("button").roll_back("x")
        assert space.pilot("button").give_up("x") is None

    def test_a_rollout_gives_up_its_own_candidate_only(self):
        space = Airspace(CANARY)
        space.pilot("run-1").begin()
        assert space.pilot("run-2").give_up("its task failed").candidate is not None
        given = space.pilot("run-1").give_up("its task failed")
        assert (given.candidate, given.reason) == (None, "its task failed")
        assert space.pilot("run-1").give_up("its task failed") == given

    def test_somebody_who_is_faster_is_waited_for(self, monkeypatch):
        space = Airspace(Service("delays"))
        space.fly()
        button = space.pilot("button")
        serve, lost = button._services.serve, []

        def slow(desired, *, by):
            if not lost:
                lost.append(space.pilot("other", version=3).begin())
            return serve(desired, by=by)

        monkeypatch.setattr(button._services, "serve", slow)
        assert (button.roll_back("x").live.number, button.roll_back("x").candidate) == (2, None)

    def test_somebody_who_is_always_faster_is_named(self, monkeypatch):
        space = Airspace(Service("delays"))
        space.fly()
        button = space.pilot("button")

        def lose(desired, *, by):
            raise Conflict("somebody else changed the service first")

        monkeypatch.setattr(button._services, "serve", lose)
        with pytest.raises(Conflict):
            button.roll_back("x")


class TestAShadowWithoutTraffic:
    SERVICE = Service("delays", Shadow(requests=50), judge=Judge(min_requests=50), deadline=60 * MINUTE)

    def test_gets_logged_requests_once_and_is_judged_by_them(self, monkeypatch):
        space = Airspace(self.SERVICE)
        sent = []

        def send(platform, store, state, now, service):
            sent.append(state.generation)
            platform.serve(v1=answers(), v2=answers())
            return Counts(compared=400, disagreements=1)

        monkeypatch.setattr("taxiway.hooks.rollouts.replay", send)
        end = space.fly(v1=Counts())
        assert (end.live.number, sent) == (2, [4])

    def test_disagreements_of_the_replay_count(self, monkeypatch):
        judge = Judge(min_requests=50, max_disagreement=0.1)
        space = Airspace(Service("delays", Shadow(requests=50), judge=judge))

        def send(platform, store, state, now, service):
            platform.serve(v1=answers(), v2=answers())
            return Counts(compared=400, disagreements=200)

        monkeypatch.setattr("taxiway.hooks.rollouts.replay", send)
        assert "it answers 50.00% of 400 copied requests otherwise" in space.fly(v1=Counts()).reason


def test_what_was_lost_of_the_platform_is_made_again():
    space = Airspace(CANARY)
    space.platform.remove()
    space.pilot().tend()
    assert space.platform.applied == [space.history()[-1]]
    Airspace(CANARY, live=False).pilot().tend()


def test_a_store_that_is_away_is_a_fault_that_passes(monkeypatch):
    space = Airspace(CANARY)
    pilot = space.pilot()
    pilot.begin()
    monkeypatch.setattr(space.store, "read", unreachable)
    with pytest.raises(BackendError):
        pilot.look(Tally())
    monkeypatch.undo()
    assert pilot.look(Tally()).action is Action.HOLD


def told(space):
    """What the log says in the end, without when."""
    return [state.model_copy(update={"since": "", "began_at": ""}) for state in space.history()]


@pytest.mark.parametrize("service", ROLLOUTS, ids=["direct", "blue/green", "canary"])
@pytest.mark.parametrize("traffic", [{}, WORSE], ids=["good", "worse"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_pilot_killed_at_any_change_is_continued_by_the_next_one(service, traffic, after):
    """Cut at every point: the log then says the same as if nobody had been killed, and the platform is as it says."""
    whole = Airspace(service)
    whole.fly(**traffic)
    cuts = 0
    for at in range(1, 200):
        space, hand = Airspace(service), Hand(at, after)
        try:
            space.fly(pilot=doomed_pilot(space, hand), **traffic)
        except Killed:
            cuts += 1
            space.fly(**traffic)
        else:
            break
        assert told(space) == told(whole), f"killed at change {at}"
        assert space.platform.applied[-1] == space.history()[-1]
        assert space.champion() == whole.champion()
    assert cuts >= 6


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_rollback_killed_at_any_change_is_continued_by_the_next_one(after):
    cuts = 0
    for at in range(1, 50):
        space, hand = Airspace(Service("delays")), Hand(at, after)
        space.fly()
        try:
            button = doomed_pilot(space, hand)
            button.settle(button.roll_back("x"))
        except Killed:
            cuts += 1
            button = space.pilot()
            button.settle(button.roll_back("x"))
        else:
            break
        assert space.history()[-1].live.number == space.champion() == 1
        assert len(space.history()) == 5
    assert cuts >= 5
