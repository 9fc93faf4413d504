import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import samples
from taxiway.core import BlueGreen, Canary, Direct, Service, Shadow
from taxiway.core.errors import Conflict, GateRefused, SpecError
from taxiway.core.outcomes import Outcome
from taxiway.core.registry import Register, RegistryState, Yank, advance
from taxiway.core.serving import Phase, Serve, ServiceState, arriving, describe, newcomers

MODEL = "flight-delay"


def with_versions(count):
    state = RegistryState()
    for number in range(1, count + 1):
        target = samples.target(number)
        entry = samples.model_version(number, model=target.model, verdicts=(samples.verdict(target.model),))
        state = advance(state, Register(entry=entry), model=MODEL)
    return state


def serve(state, desired, **changes):
    return advance(state, samples.serve(desired).model_copy(update=changes), model=MODEL)


def serving(*generations):
    state = with_versions(3)
    for desired in generations:
        state = serve(state, desired)
    return state


LIVE = samples.service_state(1)
TRIAL = samples.service_state(2, candidate=samples.target(2), weight=5, phase=Phase.TRIAL)


def test_a_registry_says_what_each_of_its_services_shall_serve():
    state = serving(LIVE, TRIAL, samples.service_state(1, service="nights", live=samples.target(3)))
    assert state.services["delays"] == TRIAL
    assert state.services["nights"].live == samples.target(3)


def test_an_old_registry_has_no_services():
    old = {key: value for key, value in with_versions(1).dump().items() if key != "services"}
    assert RegistryState.load({**old, "v": 1}) == with_versions(1)


@pytest.mark.parametrize("generation", [1, 2, 4, 9])
def test_a_generation_that_is_not_the_next_one_is_a_conflict(generation):
    with pytest.raises(Conflict, match=r"Expected generation 3\. Got generation \d; the last change is by flight"):
        serve(serving(LIVE, TRIAL), samples.service_state(generation))


def test_the_first_generation_is_1():
    with pytest.raises(Conflict, match=r"Expected generation 1\. Got generation 2\."):
        serve(with_versions(1), samples.service_state(2))


@pytest.mark.parametrize("verdicts", [(), (samples.verdict(samples.model_ref("a")),)])
def test_bytes_without_a_verdict_about_them_are_not_served(verdicts):
    with pytest.raises(GateRefused, match=r"only bytes that every gate let through.*Got no verdict about them"):
        serve(serving(LIVE), TRIAL, verdicts=verdicts)


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE])
def test_bytes_that_a_gate_did_not_let_through_are_not_served(outcome):
    model = samples.target(2).model
    with pytest.raises(GateRefused, match=f"Got roc_auc >= 0.7: pass; roc_auc >= 0.7: {outcome}"):
        serve(serving(LIVE), TRIAL, verdicts=(samples.verdict(model), samples.verdict(model, outcome)))


def test_what_was_cleared_for_this_service_once_needs_no_verdict_again():
    promoted = samples.service_state(3, live=samples.target(2), earlier=(samples.target(1),))
    state = serve(serving(LIVE, TRIAL), promoted, verdicts=())
    back = samples.service_state(4, phase=Phase.ROLLED_BACK)
    assert serve(state, back, verdicts=()).services["delays"] == back


def test_a_version_of_other_bytes_is_not_the_version_that_was_cleared():
    swapped = samples.service_state(2, live=samples.target(1, "f"))
    with pytest.raises(GateRefused, match="only bytes that every gate let through"):
        serve(serving(LIVE), swapped, verdicts=())


def test_a_yanked_version_does_not_go_live_even_if_it_was_once():
    state = serving(LIVE, samples.service_state(2, live=samples.target(2), earlier=(samples.target(1),)))
    state = advance(state, Yank(number=1), model=MODEL)
    with pytest.raises(GateRefused, match="version 1 was yanked"):
        serve(state, samples.service_state(3))


def test_a_version_that_is_yanked_while_it_is_live_stays_until_it_is_moved():
    state = advance(serving(LIVE), Yank(number=1), model=MODEL)
    assert serve(state, TRIAL).services["delays"].live == samples.target(1)


def test_a_version_that_does_not_exist_is_not_served():
    with pytest.raises(SpecError, match=r"no such version\. Expected 1 to 3\. Got 4"):
        serve(serving(LIVE), samples.service_state(2, live=samples.target(4)))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"weight": 5}, "there is no candidate that could get traffic"),
        ({"shadow": True}, "there is no candidate that could get traffic"),
        ({"live": None, "candidate": samples.target(2), "weight": 5}, "no live version that could answer the rest"),
        ({"candidate": samples.target(2), "weight": 5, "shadow": True}, "a shadow answers nothing"),
        ({"model": "other"}, "it is about model 'other'"),
    ],
)
def test_a_state_without_sense_is_refused(changes, fault):
    with pytest.raises(SpecError, match=f"this cannot be served: .*{fault}"):
        serve(serving(LIVE), samples.service_state(2, **changes))


def test_the_last_good_version_is_the_newest_of_the_earlier_ones():
    assert LIVE.last_good is None
    assert samples.service_state(earlier=(samples.target(3), samples.target(2))).last_good == samples.target(3)


def test_who_arrives_is_who_has_a_new_place_and_a_newcomer_was_never_there():
    promoted = samples.service_state(3, live=samples.target(2), candidate=samples.target(3), earlier=(LIVE.live,))
    assert arriving(TRIAL, promoted) == (samples.target(2), samples.target(3))
    assert newcomers(TRIAL, promoted) == (samples.target(3),)
    assert newcomers(None, promoted) == arriving(None, promoted) == (samples.target(2), samples.target(3))
    assert arriving(promoted, promoted) == ()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (LIVE, "version 1 serves (live)"),
        (samples.service_state(phase=Phase.ROLLED_BACK), "version 1 serves (rolled back)"),
        (TRIAL, "version 1 serves; version 2 answers 5 % (trial)"),
        (
            samples.service_state(live=None, candidate=samples.target(2), phase=Phase.STARTING),
            "nothing serves; version 2 answers 0 % (starting)",
        ),
        (
            samples.service_state(candidate=samples.target(2), shadow=True, phase=Phase.SHADOW),
            "version 1 serves; version 2 is asked in its shadow (shadow)",
        ),
    ],
)
def test_a_state_in_words(state, words):
    assert describe(state) == words


def test_a_canary_gathers_its_weights():
    assert Canary(5, 25, 100) == Canary(weights=(5, 25, 100))
    assert Canary().weights == (5, 25, 100)


@pytest.mark.parametrize("weights", [(5, 25), (25, 5, 100), (5, 5, 100)])
def test_the_weights_of_a_canary_rise_to_100(weights):
    with pytest.raises(SpecError, match=r"^Canary\.weights: the weights of a canary rise to 100"):
        Canary(*weights)


@pytest.mark.parametrize("make", [lambda: Canary(0, 100), lambda: Canary(101), lambda: Canary(5, weights=(100,))])
def test_weights_without_sense_are_refused(make):
    with pytest.raises(SpecError, match=r"^Canary\.weights"):
        make()


def test_a_shadow_that_compares_nothing_is_refused():
    with pytest.raises(SpecError, match=r"Shadow: a shadow lasts for a time or for a number of requests"):
        Shadow()


@pytest.mark.parametrize("rollout", [Canary, BlueGreen])
def test_a_time_in_the_past_is_refused(rollout):
    with pytest.raises(SpecError, match=r"\.bake: a time must not be negative"):
        rollout(bake=-BlueGreen().bake)


def test_a_service_needs_some_time():
    with pytest.raises(SpecError, match=r"Service\.deadline: a time must be more than nothing"):
        Service("delays", deadline=Shadow(requests=1).duration)


def test_a_service_goes_live_at_once_unless_it_says_otherwise():
    assert Service("delays").rollout == Direct()


class ServiceLife(RuleBasedStateMachine):
    """Any sequence of changes of a service, right or wrong."""

    def __init__(self):
        super().__init__()
        self.state = with_versions(4)
        self.made = []

    @rule(
        generation=st.integers(0, 2),
        live=st.integers(0, 5),
        candidate=st.integers(0, 5),
        weight=st.sampled_from([0, 5, 100]),
        shadow=st.booleans(),
        cleared=st.booleans(),
    )
    def serve(self, generation, live, candidate, weight, shadow, cleared):
        desired = ServiceState(
            service="delays",
            model=MODEL,
            generation=max(1, len(self.made) + generation),
            live=samples.target(live) if live else None,
            candidate=samples.target(candidate) if candidate else None,
            weight=weight,
            shadow=shadow,
            phase=Phase.LIVE,
        )
        change = samples.serve(desired) if cleared else Serve(state=desired)
        try:
            self.state = advance(self.state, change, model=MODEL)
        except (Conflict, GateRefused, SpecError):
            return
        self.made.append(desired)

    @rule(number=st.integers(1, 4))
    def yank(self, number):
        self.state = advance(self.state, Yank(number=number), model=MODEL)

    @invariant()
    def generations_have_no_gap_and_what_has_traffic_exists(self):
        assert [state.generation for state in self.made] == list(range(1, len(self.made) + 1))
        for state in self.made:
            assert state.candidate or not (state.weight or state.shadow)
            assert all(target.number <= 4 for target in (state.live, state.candidate) if target)

    @invariant()
    def the_state_is_the_last_one_that_was_let_through(self):
        assert self.state.services.get("delays") == (self.made[-1] if self.made else None)


TestServiceLife = ServiceLife.TestCase
