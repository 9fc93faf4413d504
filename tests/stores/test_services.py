from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import samples
from taxiway.core.errors import Conflict, GateRefused, IntegrityError, SpecError
from taxiway.core.serving import Phase, ServiceState
from taxiway.core.training import Target
from taxiway.stores.log import Log
from taxiway.stores.objects import ObjectStore
from taxiway.stores.registry import Registry
from taxiway.stores.services import Services

MODEL = "flight-delay"
BY = samples.author()


@pytest.fixture
def services(store: ObjectStore) -> Services:
    """Services of a model with versions 1 to 3."""
    registry = Registry(store)
    for number in (1, 2, 3):
        ref = samples.target(number).model
        registry.register(ref, run="r", verdicts=(samples.verdict(ref),), metrics={}, report=None, by=BY)
    return Services(store)


def trial(generation: int, number: int, **changes: Any) -> ServiceState:
    changes = {"candidate": samples.target(number), "weight": 5, "phase": Phase.TRIAL, **changes}
    return samples.service_state(generation, **changes)


def test_nothing_is_known_of_a_service_that_was_never_served(services: Services) -> None:
    assert services.state("delays") is None
    assert services.model("delays") is None
    assert services.names() == []


def test_what_was_said_last_holds(services: Services) -> None:
    for state in (samples.service_state(1), trial(2, 2), samples.service_state(1, service="nights")):
        services.serve(state, by=BY)
    assert services.state("delays") == trial(2, 2)
    assert services.model("delays") == MODEL
    assert services.names() == ["delays", "nights"]


def test_saying_the_same_again_gives_the_same_commit(services: Services) -> None:
    first = services.serve(samples.service_state(1), by=BY)
    services.serve(samples.service_state(1, service="nights"), by=BY)
    assert services.serve(samples.service_state(1), by=BY) == first


def test_of_two_rollouts_from_the_same_generation_one_wins_and_the_other_says_so(services: Services) -> None:
    services.serve(samples.service_state(1), by=BY)

    def roll(number: int) -> str:
        try:
            services.serve(trial(2, number, rollout=f"run-{number}"), by=BY)
        except Conflict as error:
            return str(error)
        return "won"

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(roll, (2, 3)))
    won = answers.index("won") + 2
    lost = 5 - won
    assert f"the last change is by run-{won}" in answers[lost - 2]
    state = services.state("delays")
    assert state == trial(2, won, rollout=f"run-{won}")


def test_the_log_carries_the_verdicts_that_cleared_the_bytes(services: Services) -> None:
    commit = services.serve(samples.service_state(1), by=BY)
    assert commit.change.verdicts == (samples.verdict(samples.target(1).model),)
    assert services.serve(samples.service_state(2, phase=Phase.ROLLED_BACK), by=BY).change.verdicts == ()


@pytest.mark.parametrize(
    ("target", "got"),
    [(samples.target(1, "f"), "bytes that were never registered"), (samples.target(2, "a"), "version 1")],
)
def test_a_digest_that_was_not_gated_under_this_number_is_refused(services: Services, target: Target, got: str) -> None:
    with pytest.raises(GateRefused, match=f"only registered versions are served.*Got {got}"):
        services.serve(samples.service_state(1, live=target), by=BY)
    assert services.state("delays") is None


def test_a_yanked_version_is_refused(store: ObjectStore, services: Services) -> None:
    Registry(store).yank(MODEL, 2, by=BY)
    with pytest.raises(GateRefused, match="version 2 was yanked"):
        services.serve(samples.service_state(1, live=samples.target(2)), by=BY)


def test_a_service_serves_one_model_for_ever(services: Services) -> None:
    services.serve(samples.service_state(1), by=BY)
    with pytest.raises(SpecError, match=r"a service serves one model for ever.*Got model 'other'"):
        services.serve(samples.service_state(2, model="other"), by=BY)


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"model": 3}', b"{}"])
def test_a_service_whose_pointer_is_broken_is_named(store: ObjectStore, services: Services, data: bytes) -> None:
    store.replace("services/delays.json", data)
    with pytest.raises(IntegrityError, match=r"services/delays\.json"):
        services.state("delays")


def test_a_hostile_name_does_not_leave_the_store(services: Services) -> None:
    with pytest.raises(SpecError):
        services.state("../../etc")


def test_the_history_with_services_is_proved_like_any_other(store: ObjectStore, services: Services) -> None:
    services.serve(samples.service_state(1), by=BY)
    services.serve(trial(2, 2), by=BY)
    commits = Registry(store).history(MODEL)
    assert [commit.state.services.get("delays") for commit in commits[3:]] == [samples.service_state(1), trial(2, 2)]
    head = Log(store, MODEL).tip().state
    assert head == services.registry_state(MODEL) == commits[-1].state
