from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import samples
from taxiway.core.gates import clear
from taxiway.core.incidents import Incident, Phase, Severity, Watched
from taxiway.core.outcomes import Outcome
from taxiway.core.overview import PAGE, SORTS, Asked, Known, last_verdict, listed, next_training, row, worst_drift
from taxiway.core.registry import RegistryState
from taxiway.core.rulings import Ruling
from taxiway.core.serving import Phase as ServicePhase

LATER = "2026-03-01T00:00:00.000+00:00"
EARLIER = "2026-01-01T00:00:00.000+00:00"


def known(name: str = "flight-delay", **changes: Any) -> Known:
    state = RegistryState(last_number=1, aliases={"champion": samples.target(1)})
    version = samples.model_version(registered_at="2026-02-01T00:00:00.000+00:00")
    return Known(name, number=2, at=LATER, state=state, champion=version, newest=version)._replace(**changes)


def ruling(outcome: Outcome, at: str, letter: str = "b") -> Ruling:
    model = samples.model_ref(letter)
    clearance = clear(model.digest, [samples.verdict(model, outcome)])
    return Ruling(
        model="flight-delay", at=at, by=samples.author(), clearance=clearance, report=f"sha256:{samples.hexes('b')}"
    )


def watched(phase: Phase, severity: Severity = Severity.MINOR) -> Watched:
    incident = Incident(
        model="flight-delay",
        population="all",
        number=1,
        phase=phase,
        severity=severity,
        since=EARLIER,
        changed_at=EARLIER,
        until=LATER,
    )
    return Watched(incidents=1, incident=incident)


def test_a_healthy_model_wants_nothing():
    told = row(known())
    assert (told.champion, told.challenger, told.versions) == (1, None, 1)
    assert (told.metric, told.trained_at[:7], told.attention) == (("roc_auc", 0.8), "2026-02", "")


def test_a_model_of_which_nothing_is_known_is_a_row_all_the_same():
    told = row(Known("new", fault="its log is broken"))
    assert (told.champion, told.metric, told.trained_at, told.verdict, told.drift) == (None, None, "", None, None)
    assert told.attention == "its log cannot be read"


@pytest.mark.parametrize(
    ("at", "letter", "outcome"),
    [(LATER, "b", Outcome.FAIL), (EARLIER, "b", Outcome.PASS), (EARLIER, "a", Outcome.FAIL)],
    ids=["a later refusal", "an earlier one", "one about the same bytes"],
)
def test_the_last_verdict_is_the_newest_decision(at, letter, outcome):
    assert last_verdict(known(ruling=ruling(Outcome.FAIL, at, letter))).outcome is outcome


def test_a_refusal_says_which_gate_and_why():
    verdict = last_verdict(known(newest=None, ruling=ruling(Outcome.FAIL, EARLIER)))
    assert verdict.words.startswith("roc_auc >= 0.7: roc_auc is 0.8")
    assert last_verdict(known(ruling=ruling(Outcome.PASS, LATER))).words == "every gate let it through"


def test_the_worst_population_speaks_for_the_model():
    note = worst_drift(
        {
            "asia": watched(Phase.CONFIRMED, Severity.MINOR),
            "europe": watched(Phase.CONFIRMED, Severity.CRITICAL),
            "all": Watched(),
        }
    )
    assert (note.population, note.severity) == ("europe", Severity.CRITICAL)
    assert worst_drift({"all": Watched()}).phase is Phase.WATCH
    assert worst_drift({}) is None


SERVED = {"delays": samples.service_state()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"watched": {"all": watched(Phase.MITIGATING)}}, "an incident is mitigating"),
        ({"watched": {"all": watched(Phase.SUSPECTED)}}, ""),
        ({"state": RegistryState(last_number=1, services=SERVED, yanked=(1,))}, "a yanked version still serves"),
        ({"ruling": ruling(Outcome.INCONCLUSIVE, LATER)}, "the last candidate was refused"),
        ({"state": RegistryState(last_number=1)}, "nothing is promoted"),
    ],
    ids=["incident", "suspicion", "yanked", "refused", "unpromoted"],
)
def test_what_wants_to_be_looked_at_says_why(changes, words):
    assert row(known(**changes)).attention == words


def rows():
    candidate = samples.service_state(candidate=samples.target(2), weight=25, phase=ServicePhase.TRIAL)
    state = known().state
    return [
        row(known("beta", watched={"all": watched(Phase.CONFIRMED)})),
        row(known("Alpha", state=state.model_copy(update={"services": {"delays": candidate}}))),
        row(known("gamma", state=RegistryState(last_number=7), champion=None, newest=None)),
    ]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (Asked(), ["Alpha", "beta", "gamma"]),
        (Asked(down=True), ["gamma", "beta", "Alpha"]),
        (Asked(text=" ALP"), ["Alpha"]),
        (Asked(only="attention"), ["beta", "gamma"]),
        (Asked(only="rolling"), ["Alpha"]),
        (Asked(only="drift"), ["beta"]),
        (Asked(only="unpromoted"), ["gamma"]),
        (Asked(only="what is this"), ["Alpha", "beta", "gamma"]),
        (Asked(sort="versions", down=True), ["gamma", "Alpha", "beta"]),
        (Asked(sort="drift"), ["beta", "Alpha", "gamma"]),
        (Asked(sort="service"), ["Alpha", "beta", "gamma"]),
        (Asked(sort="verdict", down=True), ["gamma", "Alpha", "beta"]),
        (Asked(sort="nonsense"), ["Alpha", "beta", "gamma"]),
    ],
)
def test_rows_are_found_and_sorted_as_asked(asked, names):
    assert [one.name for one in listed(rows(), asked).rows] == names


@pytest.mark.parametrize("sort", SORTS)
def test_every_column_sorts_both_ways(sort):
    both = [listed(rows(), Asked(sort=sort, down=down)) for down in (False, True)]
    assert {one.name for one in both[0].rows} == {one.name for one in both[1].rows}


def test_pages_are_bounded_and_a_page_that_is_not_there_is_the_nearest_that_is():
    many = [row(known(f"m{number:04}")) for number in range(2 * PAGE + 1)]
    last = listed(many, Asked(page=99))
    assert (last.page, last.pages, last.found, last.of, len(last.rows)) == (3, 3, 201, 201, 1)
    assert listed(many, Asked(page=-1)).rows[0].name == "m0000"
    assert listed((), Asked()).pages == 1


NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "paused", "words"),
    [
        (NOW + timedelta(days=1), False, ""),
        (NOW + timedelta(days=1), True, "paused"),
        (NOW - timedelta(days=3), True, "paused"),
        (NOW - timedelta(minutes=1), False, "due now"),
        (NOW - timedelta(days=3), False, "overdue"),
        (None, False, "by hand or by data"),
    ],
)
def test_the_next_training_is_never_a_moment_that_has_passed(at, paused, words):
    found = next_training("churn.training", at, paused=paused, now=NOW)
    assert found.words == words
    assert (found.at == "") is bool(words)


def test_a_training_that_does_not_come_by_itself_says_what_to_do():
    paused, late = (
        next_training("churn.training", NOW - timedelta(days=3), paused=off, now=NOW) for off in (True, False)
    )
    assert paused.do == "Switch on the DAG churn.training to train again."
    assert "scheduler" in late.do
