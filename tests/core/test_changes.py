import samples
from taxiway.core.changes import in_words, version_rows
from taxiway.core.registry import Commit, Point, Register, RegistryState, Yank, advance
from taxiway.core.serving import Phase


def log(*changes):
    """The commits of these changes."""
    state, made = RegistryState(), []
    for number, change in enumerate(changes, start=1):
        state = advance(state, change, model="flight-delay")
        made.append(
            Commit(
                number=number,
                id=str(number),
                model="flight-delay",
                at=f"2026-01-0{number}T00:00:00.000+00:00",
                by=samples.author(),
                change=change,
                previous=None,
                state=state,
            )
        )
    return made


def point(to, expected, **changes):
    return Point(alias="champion", to=to, model=samples.target(to).model, expected=expected, **changes)


FIRST, SECOND = (Register(entry=samples.model_version(number, letter)) for number, letter in ((1, "a"), (2, "b")))


def test_each_change_has_its_words():
    state = samples.service_state(candidate=samples.target(2), weight=25, phase=Phase.TRIAL)
    changes = (FIRST, point(1, 0), point(1, 2, rollback=True), Yank(number=2), samples.serve(state))
    assert [in_words(change) for change in changes] == [
        "version 1 was registered",
        "champion is version 1",
        "champion went back to version 1",
        "version 2 was yanked",
        "service delays: version 1 serves; version 2 answers 25 % (trial)",
    ]


def test_a_log_tells_what_became_of_each_version():
    serving = samples.service_state(1, live=None, candidate=samples.target(1), phase=Phase.STARTING)
    commits = log(
        FIRST,
        point(1, 0),
        SECOND,
        point(2, 1),
        Yank(number=1),
        Yank(number=1),
        samples.serve(samples.service_state(1, live=samples.target(2))),
    )
    second, first = version_rows(commits)
    assert (second.aliases, second.serving, second.yanked) == (("champion",), ("delays",), None)
    assert (first.aliases, first.yanked, first.promoted) == ((), commits[4], commits[1])
    assert second.by == commits[2]
    assert version_rows(log(FIRST, samples.serve(serving)))[0].serving == ("delays",)


def test_an_empty_log_tells_nothing():
    assert version_rows(()) == ()
