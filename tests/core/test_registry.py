import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import samples
from taxiway.core.errors import Conflict, GateRefused, SpecError
from taxiway.core.outcomes import Outcome
from taxiway.core.registry import REMEMBERED, Point, Register, RegistryState, Yank, advance, rollback_target

MODEL = "flight-delay"


def bytes_of(number):
    return samples.model_ref("0123456789abcdef"[number % 16])


def register(state, number=None, **changes):
    number = number or state.last_number + 1
    model = bytes_of(number)
    entry = samples.model_version(number).model_copy(update={"model": model, "verdicts": (samples.verdict(model),)})
    return advance(state, Register(entry=entry.model_copy(update=changes)), model=MODEL)


def point(state, to, expected=None, alias="champion", rollback=False):
    now = state.aliases[alias].number if alias in state.aliases else 0
    expected = now if expected is None else expected
    change = Point(alias=alias, to=to, model=bytes_of(to), expected=expected, rollback=rollback)
    return advance(state, change, model=MODEL)


def yank(state, number):
    return advance(state, Yank(number=number), model=MODEL)


def with_versions(count):
    state = RegistryState()
    for _ in range(count):
        state = register(state)
    return state


def champion(state):
    return state.aliases["champion"].number


def test_numbers_follow_each_other():
    assert with_versions(3).last_number == 3


@pytest.mark.parametrize("number", [1, 2, 4, 9])
def test_a_number_that_is_not_the_next_one_is_a_conflict(number):
    with pytest.raises(Conflict, match=rf"Expected version 3\. Got version {number}\."):
        register(with_versions(2), number)


def test_a_change_leaves_the_state_before_it_alone():
    before = with_versions(2)
    point(before, 2)
    assert before == with_versions(2)


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE])
def test_a_model_that_a_gate_did_not_let_through_gets_no_number(outcome):
    refused = (samples.verdict(bytes_of(1)), samples.verdict(bytes_of(1), outcome, reason="it is too bad"))
    with pytest.raises(GateRefused, match=f"Got roc_auc >= 0.7: {outcome}, it is too bad"):
        register(RegistryState(), verdicts=refused)


def test_a_model_without_a_verdict_gets_no_number():
    with pytest.raises(GateRefused, match="no verdict at all"):
        register(RegistryState(), verdicts=())


def test_a_verdict_about_other_bytes_gives_no_number():
    with pytest.raises(GateRefused, match="a verdict is about other bytes"):
        register(RegistryState(), verdicts=(samples.verdict(bytes_of(2)),))


def test_an_alias_moves_from_where_it_is_said_to_be():
    state = point(point(with_versions(2), 1, expected=0), 2, expected=1)
    assert champion(state) == 2


@pytest.mark.parametrize("expected", [0, 2, 3])
def test_an_alias_that_is_elsewhere_is_a_conflict(expected):
    with pytest.raises(Conflict, match="Got version 1"):
        point(point(with_versions(3), 1), 2, expected=expected)


def test_an_alias_that_was_never_set_is_nowhere():
    with pytest.raises(Conflict, match=r"Expected version 1\. Got no version"):
        point(with_versions(2), 2, expected=1)


def test_an_alias_that_was_set_meanwhile_is_a_conflict():
    with pytest.raises(Conflict, match=r"Expected no version\. Got version 1"):
        point(point(with_versions(2), 1), 2, expected=0)


def test_pointing_where_it_points_already_changes_nothing():
    state = point(with_versions(1), 1)
    assert point(state, 1) == state


def test_a_version_that_does_not_exist_cannot_be_pointed_at_or_yanked():
    with pytest.raises(SpecError, match=r"no such version\. Expected 1 to 2\. Got 3"):
        point(with_versions(2), 3)
    with pytest.raises(SpecError, match=r"no such version\. Expected 1 to 2\. Got 3"):
        yank(with_versions(2), 3)


def test_a_yanked_version_cannot_be_pointed_at():
    with pytest.raises(GateRefused, match="version 1 was yanked"):
        point(yank(with_versions(2), 1), 1)


def test_yanking_twice_is_yanking_once_and_the_numbers_are_in_order():
    assert yank(yank(yank(with_versions(3), 3), 1), 3).yanked == (1, 3)


def test_yanking_the_champion_leaves_it_until_it_is_moved():
    state = yank(point(with_versions(2), 2), 2)
    assert champion(state) == 2


def test_a_rollback_goes_back_one_step_at_a_time():
    state = with_versions(3)
    for number in (1, 2, 3):
        state = point(state, number)
    for expected in (2, 1):
        target = rollback_target(state, "champion", model=MODEL)
        assert target.number == expected
        state = point(state, target.number, rollback=True)
    with pytest.raises(SpecError, match="nothing usable before it"):
        rollback_target(state, "champion", model=MODEL)


def test_a_rollback_leaves_out_what_was_yanked():
    state = with_versions(3)
    for number in (1, 2, 3):
        state = point(state, number)
    assert rollback_target(yank(state, 2), "champion", model=MODEL).number == 1


def test_a_rollback_to_a_version_that_was_never_live_forgets_nothing():
    state = point(point(with_versions(3), 1), 2)
    rolled = point(state, 3, rollback=True)
    assert rolled.earlier == state.earlier


def test_an_alias_that_was_never_set_has_nothing_to_go_back_to():
    with pytest.raises(SpecError, match="an alias that was never set"):
        rollback_target(with_versions(1), "champion", model=MODEL)


def test_a_rollback_after_going_there_and_back_does_not_stay_where_it_is():
    state = point(point(point(with_versions(2), 1), 2), 1)
    assert rollback_target(state, "champion", model=MODEL).number == 2


def test_aliases_do_not_disturb_each_other():
    state = point(point(with_versions(2), 1), 2, alias="challenger")
    assert {alias: target.number for alias, target in state.aliases.items()} == {"champion": 1, "challenger": 2}


@given(moves=st.lists(st.integers(1, 4), min_size=1, max_size=40))
def test_the_state_remembers_a_bounded_number_of_earlier_targets(moves):
    state = with_versions(4)
    for to in moves:
        state = point(state, to)
    assert champion(state) == moves[-1]
    assert len(state.earlier["champion"]) <= REMEMBERED


class RegistryLife(RuleBasedStateMachine):
    """Any sequence of changes, right or wrong."""

    def __init__(self):
        super().__init__()
        self.state = RegistryState()

    @rule()
    def register(self):
        self.state = register(self.state)

    @rule(to=st.integers(1, 6), expected=st.integers(0, 6) | st.none(), rollback=st.booleans())
    def point(self, to, expected, rollback):
        allowed = to <= self.state.last_number and to not in self.state.yanked
        now = champion(self.state) if self.state.aliases else 0
        allowed = allowed and expected in (None, now)
        try:
            self.state = point(self.state, to, expected, rollback=rollback)
        except (Conflict, GateRefused, SpecError):
            assert not allowed
        else:
            assert allowed
            assert champion(self.state) == to

    @rule(number=st.integers(1, 6))
    def yank(self, number):
        if number <= self.state.last_number:
            self.state = yank(self.state, number)
            assert number in self.state.yanked

    @rule()
    def rollback(self):
        try:
            target = rollback_target(self.state, "champion", model=MODEL)
        except SpecError:
            return
        assert target.number not in self.state.yanked
        assert target.number != champion(self.state)
        depth = len(self.state.earlier["champion"])
        self.state = point(self.state, target.number, rollback=True)
        assert len(self.state.earlier["champion"]) < depth

    @invariant()
    def every_alias_points_at_a_version_that_exists(self):
        assert all(target.number <= self.state.last_number for target in self.state.aliases.values())

    @invariant()
    def a_state_comes_back_from_json(self):
        assert RegistryState.load(self.state.dump()) == self.state


TestRegistryLife = RegistryLife.TestCase
