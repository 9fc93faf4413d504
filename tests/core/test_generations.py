import math

import samples
from core.test_changes import FIRST, SECOND, log, point
from taxiway.core.counts import Counts, Origin, Reading
from taxiway.core.generations import counted, generations
from taxiway.core.serving import Phase


def steps():
    began = samples.service_state(1, live=samples.target(1), candidate=samples.target(2), phase=Phase.STARTING)
    trial = began.model_copy(update={"generation": 2, "phase": Phase.TRIAL, "weight": 25})
    live = samples.service_state(3, live=samples.target(2), earlier=(samples.target(1),))
    other = samples.service_state(1, service="other")
    return generations(log(FIRST, SECOND, point(1, 0), *map(samples.serve, (began, trial, live, other))), "delays")


def origin(generation, **counts):
    return Origin(generation=generation, readings=(Reading(replica="a", started=1.0, counts=counts),))


def test_the_steps_of_one_service_are_its_own():
    assert [step.state.generation for step in steps()] == [1, 2, 3]


def test_what_was_counted_in_a_step_is_the_difference_of_its_ends():
    before = origin(2, **{"1": Counts(answers={"ok": 10}), "2": Counts()})
    answered = Counts(answers={"ok": 3, "failed": 1}, seconds={"0.1": 4}, compared=4, disagreements=1)
    after = origin(3, **{"1": Counts(answers={"ok": 110}, seconds={"0.01": 50, "inf": 50}), "2": answered})
    started, trial, live = counted(steps(), {2: before, 3: after})
    assert (started.live, live.live) == (None, None)
    assert (trial.live.version, trial.live.requests, trial.live.errors) == (1, 100, 0.0)
    assert trial.live.p95_s == math.inf
    assert (trial.candidate.errors, trial.candidate.disagreements, trial.candidate.compared) == (0.25, 1, 4)
    assert 0 < trial.candidate.p50_s <= 0.1


def test_a_version_that_nobody_asked_has_no_share_of_errors():
    ends = {2: origin(2, **{"2": Counts()}), 3: origin(3, **{"2": Counts()})}
    trial = counted(steps(), ends)[1]
    assert (trial.live, trial.candidate.requests, trial.candidate.errors, trial.candidate.p50_s) == (
        None,
        0,
        None,
        None,
    )


def test_nothing_was_counted_where_nobody_noted_an_end():
    assert [step.live for step in counted(steps(), {})] == [None, None, None]
