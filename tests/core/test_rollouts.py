from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import samples
from taxiway.core import BlueGreen, Canary, Direct, Judge, Service, Shadow
from taxiway.core.counts import Reading
from taxiway.core.errors import Conflict, GateRefused, SpecError
from taxiway.core.judging import Judgement
from taxiway.core.outcomes import Outcome
from taxiway.core.registry import Register, RegistryState, advance
from taxiway.core.rollouts import (
    FLAPS,
    SETTLING,
    Action,
    Sight,
    Tally,
    begin,
    decide,
    given_up,
    promoted,
    rolled_back,
    stages,
)
from taxiway.core.serving import Phase

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
OLD, NEW = samples.target(1), samples.target(2)
MINUTE = timedelta(minutes=1)
CANARY = Service("delays", Canary(5, 25, 100, bake=MINUTE), deadline=60 * MINUTE)
SETTLED, MISSING = Sight(settled=True), Sight(settled=False, detail="1 of 2 replicas is ready")


def judgement(outcome=Outcome.PASS, requests=500):
    return Judgement(outcome=outcome, findings=(), requests=requests, live_requests=500)


def state(generation=2, phase=Phase.STARTING, **changes):
    changes = {"candidate": NEW, "phase": phase, "rollout": "run-1", **changes}
    return samples.service_state(generation, **changes, began_at=NOW.isoformat(), since=NOW.isoformat())


TRIAL = state(phase=Phase.TRIAL, weight=5)


def look(service, at_state, sight=SETTLED, judged=None, tally=None, *, wanted=NEW, at=NOW):
    return decide(service, at_state, sight, judged, tally or Tally(steady=5), wanted=wanted, at=at)


class TestTheStages:
    def test_of_each_rollout(self):
        assert stages(Direct()) == ()
        assert [(s.phase, s.weight) for s in stages(BlueGreen())] == [(Phase.TRIAL, 100)]
        assert [s.weight for s in stages(Canary(1, 100))] == [1, 100]
        shadow = stages(Shadow(requests=9, then=Canary(5, 100)))
        assert [(s.phase, s.weight, s.requests) for s in shadow] == [
            (Phase.SHADOW, 0, 9),
            (Phase.TRIAL, 5, 0),
            (Phase.TRIAL, 100, 0),
        ]


class TestTheBeginning:
    def start(self, now, candidate=NEW, rollout="run-1", at=NOW):
        return begin(CANARY, now, candidate, rollout=rollout, model="flight-delay", at=at)

    def test_the_first_version_of_a_service_starts_its_first_generation(self):
        first = self.start(None)
        assert (first.generation, first.candidate, first.live, first.phase) == (1, NEW, None, Phase.STARTING)
        assert first.began_at == first.since == NOW.isoformat()

    def test_a_new_version_starts_beside_the_live_one(self):
        begun = self.start(samples.service_state(7))
        assert (begun.generation, begun.live, begun.candidate, begun.weight) == (8, OLD, NEW, 0)
        assert (begun.phase, begun.rollout) == (Phase.STARTING, "run-1")

    def test_the_same_rollout_does_not_begin_twice(self):
        assert self.start(TRIAL) is None
        assert self.start(given_up(TRIAL, "worse", NOW)) is None

    def test_a_version_that_is_live_already_needs_no_rollout(self):
        assert self.start(samples.service_state(7), OLD) is None

    def test_another_rollout_under_way_is_a_conflict_that_says_whose_it_is(self):
        with pytest.raises(Conflict, match=r"another rollout.*version 2 on its way since .*, driven by run-1"):
            self.start(TRIAL, samples.target(3), "run-2")

    def test_a_rollout_whose_time_is_over_is_taken_over(self):
        begun = self.start(TRIAL, samples.target(3), "run-2", NOW + CANARY.deadline)
        assert (begun.candidate, begun.weight, begun.rollout) == (samples.target(3), 0, "run-2")

    def test_of_an_abandoned_rollout_only_the_live_version_stays_when_it_is_wanted(self):
        begun = self.start(TRIAL, OLD, "run-2", NOW + CANARY.deadline)
        assert (begun.live, begun.candidate, begun.weight, begun.phase) == (OLD, None, 0, Phase.LIVE)

    def test_a_model_that_was_trained_on_a_sample_does_not_go_live(self):
        trial = samples.model_ref("b", trained_on=samples.dataset_ref(sample_rows=100))
        with pytest.raises(GateRefused, match="trained on a sample"):
            self.start(None, NEW.model_copy(update={"model": trial}))


class TestGettingReady:
    def test_a_candidate_that_is_not_ready_is_waited_for(self):
        decision = look(CANARY, state(), MISSING)
        assert (decision.action, decision.reason) == (Action.HOLD, "1 of 2 replicas is ready")

    def test_a_candidate_must_be_ready_twice_in_a_row(self):
        first = look(CANARY, state(), tally=Tally())
        assert first.action is Action.HOLD
        assert "only just become ready" in first.reason
        again = look(CANARY, state(), MISSING, tally=first.tally)
        assert look(CANARY, state(), tally=again.tally).action is Action.HOLD
        assert look(CANARY, state(), tally=first.tally).action is Action.COMMIT

    def test_a_ready_candidate_gets_the_first_stage(self):
        assert look(CANARY, state()).state.weight == 5
        shadow = look(Service("delays", Shadow(requests=1)), state()).state
        assert (shadow.phase, shadow.shadow, shadow.weight) == (Phase.SHADOW, True, 0)
        assert look(Service("delays", BlueGreen()), state()).state.weight == 100

    def test_a_direct_rollout_promotes_what_is_ready(self):
        assert look(Service("delays"), state()).state.live == NEW

    def test_the_first_version_of_a_service_has_nobody_to_be_compared_with(self):
        first = look(CANARY, state(1, live=None)).state
        assert (first.live, first.candidate, first.phase, first.earlier) == (NEW, None, Phase.LIVE, ())

    def test_a_candidate_that_can_never_be_ready_is_given_up_at_once(self):
        decision = look(CANARY, state(), Sight(settled=False, failed="version 2: integrity"))
        assert decision.state.phase is Phase.ROLLED_BACK
        assert decision.reason == "it cannot be made ready: version 2: integrity"


class TestBeingJudged:
    def test_a_good_candidate_moves_on_when_it_was_watched_long_enough(self):
        assert look(CANARY, TRIAL, judged=judgement()).action is Action.HOLD
        decision = look(CANARY, TRIAL, judged=judgement(), at=NOW + MINUTE)
        assert (decision.action, decision.state.weight) == (Action.COMMIT, 25)
        assert decision.state.since == (NOW + MINUTE).isoformat()
        assert decision.state.began_at == NOW.isoformat()
        assert decision.tally == Tally()

    def test_after_the_last_stage_it_is_promoted_and_the_old_one_remembered(self):
        whole = state(phase=Phase.TRIAL, weight=100)
        done = look(CANARY, whole, judged=judgement(), at=NOW + MINUTE).state
        assert (done.live, done.candidate, done.weight, done.last_good) == (NEW, None, 0, OLD)
        assert (done.phase, done.shadow) == (Phase.LIVE, False)

    def test_a_shadow_needs_its_number_of_requests(self):
        service = Service("delays", Shadow(requests=501, then=Canary(5, 100)))
        shadow = state(phase=Phase.SHADOW, shadow=True)
        held = look(service, shadow, judged=judgement(requests=500))
        assert (held.action, held.reason.endswith("for 501 requests")) == (Action.HOLD, True)
        assert look(service, shadow, judged=judgement(requests=501)).state.weight == 5

    def test_a_worse_candidate_is_given_up_before_its_time_is_over(self):
        decision = look(CANARY, TRIAL, judged=judgement(Outcome.FAIL))
        assert (decision.action, decision.state.phase) == (Action.COMMIT, Phase.ROLLED_BACK)
        assert (decision.state.live, decision.state.candidate, decision.state.weight) == (OLD, None, 0)

    def test_a_broken_limit_may_be_forgiven_but_not_for_ever(self):
        service = Service("delays", Canary(5, 100), judge=Judge(failures=1))
        first = look(service, TRIAL, judged=judgement(Outcome.FAIL))
        assert (first.action, first.tally.failures) == (Action.HOLD, 1)
        assert look(service, TRIAL, judged=judgement(Outcome.FAIL), tally=first.tally).action is Action.COMMIT
        mended = look(service, TRIAL, judged=judgement(), tally=first.tally)
        assert look(service, TRIAL, judged=judgement(Outcome.FAIL), tally=mended.tally).action is Action.HOLD

    def test_what_is_undecided_is_held_and_counted(self):
        decision = look(CANARY, TRIAL, judged=judgement(Outcome.INCONCLUSIVE), at=NOW + 30 * MINUTE)
        assert (decision.action, decision.tally.undecided, decision.tally.failures) == (Action.HOLD, 1, 0)

    def test_metrics_that_do_not_answer_are_counted_apart_from_broken_limits(self):
        late = NOW + 30 * MINUTE
        for sight, judged in ((SETTLED, None), (Sight(settled=True, unreachable=("pod-1",)), judgement(Outcome.FAIL))):
            decision = look(CANARY, TRIAL, sight, judged, at=late)
            assert decision.action is Action.HOLD
            assert (decision.tally.unreachable, decision.tally.failures) == (1, 0)
            assert decision.reason.startswith("no metrics from")

    def test_while_replicas_are_missing_nobody_judges(self):
        assert look(CANARY, TRIAL, MISSING, judgement(Outcome.FAIL)).action is Action.HOLD

    @pytest.mark.parametrize("judged", [None, judgement(Outcome.INCONCLUSIVE), judgement()])
    def test_at_the_deadline_what_was_not_shown_to_be_good_is_given_up(self, judged):
        decision = look(CANARY, TRIAL, judged=judged, at=NOW + CANARY.deadline)
        assert decision.state.phase is Phase.ROLLED_BACK
        assert "was not shown to be good within 1:00:00" in decision.reason

    def test_a_changed_recipe_goes_on_from_the_nearest_stage(self):
        other = Service("delays", Canary(10, 50, 100, bake=MINUTE))
        between = state(phase=Phase.TRIAL, weight=25)
        assert look(other, between, judged=judgement(), at=NOW + MINUTE).state.weight == 50
        assert look(other, TRIAL, judged=judgement(), at=NOW + MINUTE).state.weight == 10
        whole = state(phase=Phase.TRIAL, weight=100)
        assert look(Service("delays"), TRIAL, judged=judgement(), at=NOW).state.phase is Phase.LIVE
        assert look(Service("delays", BlueGreen(MINUTE)), whole, judged=judgement(), at=NOW).action is Action.HOLD


class TestAShadowNobodyAsks:
    SERVICE = Service("delays", Shadow(requests=1))
    SHADOW = state(phase=Phase.SHADOW, shadow=True)

    def silent(self, live=0):
        silence = judgement(Outcome.INCONCLUSIVE, requests=live)
        return silence.model_copy(update={"live_requests": live})

    def test_gets_logged_requests_after_a_while(self):
        late = NOW + 3 * self.SERVICE.every
        assert look(self.SERVICE, self.SHADOW, judged=self.silent()).action is Action.HOLD
        assert look(self.SERVICE, self.SHADOW, judged=self.silent(), at=late).action is Action.REPLAY

    def test_gets_them_once(self):
        late, again = NOW + 3 * self.SERVICE.every, Tally(steady=5, replayed=True)
        assert look(self.SERVICE, self.SHADOW, judged=self.silent(), tally=again, at=late).action is Action.HOLD

    def test_does_not_get_them_when_somebody_asks_or_it_is_no_shadow(self):
        late = NOW + 3 * self.SERVICE.every
        assert look(self.SERVICE, self.SHADOW, judged=self.silent(live=3), at=late).action is Action.HOLD
        assert look(CANARY, TRIAL, judged=self.silent(), at=late).action is Action.HOLD


class TestOtherPeople:
    def test_when_another_version_shall_be_live_the_candidate_is_given_up(self):
        decision = look(CANARY, TRIAL, judged=judgement(), wanted=samples.target(3), at=NOW + MINUTE)
        assert (decision.state.phase, decision.reason) == (Phase.ROLLED_BACK, "version 3 shall be live now")
        assert look(CANARY, TRIAL, wanted=None).reason == "no version shall be live now"


class TestReadinessThatFlaps:
    def seen(self, ready, started=1.0, name="pod-1"):
        digests = {"candidate": NEW.model.digest} if ready else {}
        return Sight(settled=ready, readings=(Reading(replica=name, started=started, ready=digests),))

    def test_a_replica_that_loses_its_candidate_again_and_again_costs_the_rollout(self):
        tally, decision = Tally(), None
        for _ in range(FLAPS):
            for ready in (True, False):
                decision = look(CANARY, state(), self.seen(ready), tally=tally)
                tally = decision.tally
        assert decision.state.phase is Phase.ROLLED_BACK
        assert "its readiness flaps: it was lost 3 times" in decision.reason

    def test_a_replica_that_starts_again_and_again_does_too(self):
        tally, decision = Tally(), None
        for started in range(FLAPS + 1):
            decision = look(CANARY, TRIAL, self.seen(ready=True, started=float(started)), tally=tally)
            tally = decision.tally
        assert "its readiness flaps" in decision.reason

    def test_replicas_that_come_and_go_do_not(self):
        tally = Tally()
        for number in range(10):
            decision = look(CANARY, TRIAL, self.seen(ready=True, name=f"pod-{number}"), tally=tally)
            tally = decision.tally
        assert (decision.action, tally.flaps) == (Action.HOLD, 0)


class TestTheEnd:
    def test_it_is_over_when_the_replicas_have_followed(self):
        live = promoted(TRIAL, "good", NOW)
        assert look(CANARY, live, MISSING).action is Action.HOLD
        done = look(CANARY, live)
        assert (done.action, done.state, done.reason) == (Action.DONE, live, "good")

    def test_replicas_that_never_follow_are_not_waited_for_for_ever(self):
        done = look(CANARY, promoted(TRIAL, "good", NOW), MISSING, at=NOW + SETTLING)
        assert done.action is Action.DONE
        assert "the replicas did not follow in time: 1 of 2 replicas is ready" in done.reason

    def test_what_is_no_candidate_cannot_be_promoted(self):
        with pytest.raises(SpecError, match="no candidate to promote"):
            promoted(samples.service_state(), "", NOW)


class TestRollingBack:
    def back(self, now, rollout="button-1", yanked=()):
        return rolled_back(now, rollout=rollout, reason="too slow", at=NOW, yanked=yanked)

    def test_a_candidate_is_given_up_and_the_live_version_stays(self):
        back = self.back(TRIAL)
        assert (back.live, back.candidate, back.weight, back.phase) == (OLD, None, 0, Phase.ROLLED_BACK)

    def test_without_a_candidate_the_last_good_version_is_live_again(self):
        back = self.back(promoted(TRIAL, "good", NOW))
        assert (back.live, back.earlier, back.reason) == (OLD, (), "too slow")

    def test_twice_by_the_same_run_is_once(self):
        assert self.back(self.back(promoted(TRIAL, "good", NOW))) is None

    def test_twice_by_two_runs_goes_two_steps(self):
        third = state(3, phase=Phase.LIVE, live=samples.target(3), candidate=None, earlier=(NEW, OLD))
        assert self.back(self.back(third), "button-2").live == OLD

    def test_a_yanked_version_is_passed_over(self):
        third = state(3, phase=Phase.LIVE, live=samples.target(3), candidate=None, earlier=(NEW, OLD))
        assert self.back(third, yanked=(2,)).live == OLD

    @pytest.mark.parametrize("now", [samples.service_state(), samples.service_state(live=None, phase=Phase.LIVE)])
    def test_without_an_earlier_version_there_is_nothing_to_go_back_to(self, now):
        with pytest.raises(SpecError, match="no earlier version to go back to"):
            self.back(now)


LOOKS = st.tuples(
    st.sampled_from([SETTLED, SETTLED, SETTLED, MISSING, Sight(settled=True, unreachable=("pod-1",))]),
    st.sampled_from([None, *(judgement(outcome) for outcome in Outcome), judgement(), judgement()]),
    st.integers(0, 300),
)
ROLLOUTS = st.sampled_from(
    [
        Direct(),
        BlueGreen(MINUTE),
        Canary(5, 25, 100, bake=MINUTE),
        Shadow(requests=400, then=Canary(50, 100, bake=MINUTE)),
    ]
)


@settings(max_examples=300, deadline=None)
@given(rollout=ROLLOUTS, looks=st.lists(LOOKS, min_size=1, max_size=60), live=st.booleans())
def test_whatever_is_seen_every_rollout_ends_and_none_promotes_on_ignorance(rollout, looks, live):
    """Every state is accepted by the registry; each stage was passed by the judge; the end comes by the deadline."""
    service = Service("delays", rollout, deadline=20 * MINUTE)
    registry = RegistryState()
    for number in (1, 2):
        version = samples.model_version(number, model=samples.target(number).model)
        version = version.model_copy(update={"verdicts": (samples.verdict(version.model),)})
        registry = advance(registry, Register(entry=version), model="flight-delay")
    first = samples.service_state(1, live=OLD) if live else None
    if first:
        registry = advance(registry, samples.serve(first), model="flight-delay")
    at, tally = NOW, Tally()
    now = begin(service, first, NEW, rollout="run", model="flight-delay", at=at)
    registry = advance(registry, samples.serve(now), model="flight-delay")
    for sight, judged, seconds in [*looks, *[(SETTLED, None, 600)] * 3]:
        at += timedelta(seconds=seconds)
        decision = decide(service, now, sight, judged, tally, wanted=NEW, at=at)
        if decision.action is Action.COMMIT:
            if decision.state.phase is not Phase.ROLLED_BACK and now.phase is not Phase.STARTING:
                assert judged is not None
                assert judged.outcome is Outcome.PASS
                assert not sight.unreachable
            registry = advance(registry, samples.serve(decision.state), model="flight-delay")
        now, tally = decision.state, decision.tally
        assert now.candidate is None or at < NOW + service.deadline
        assert now.live == (NEW if now.phase is Phase.LIVE else first and OLD)
    assert now.phase in (Phase.LIVE, Phase.ROLLED_BACK)
    assert decision.action is Action.DONE
