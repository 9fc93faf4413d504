import polars as pl
import pytest

import samples
from taxiway.core.drift import ColumnDrift, DriftReport, DriftTest, Fault
from taxiway.core.evaluation import Measure
from taxiway.core.incidents import Mark
from taxiway.core.outcomes import Outcome
from taxiway.core.performance import PerformanceReport
from taxiway.engines import profiles
from taxiway.stores.blobs import Blobs
from taxiway.stores.journal import Journal
from taxiway.stores.monitoring import Reports
from ui import drifts, shelves


def measure(value):
    return Measure(metric="roc_auc", value=value, low=value - 0.02, high=value + 0.02, rows=500)


def report(hour, **changes):
    finding = DriftTest(asks="values", p=0.0001, effect=0.42, outcome=Outcome.FAIL)
    values = {
        "window": drifts.hour(hour),
        "number": 1,
        "reference": "the data that version 1 learned from",
        "profile": None,
        "rows": 500,
        "reference_rows": 1000,
        "outcome": Outcome.FAIL,
        "score": 0.1 * hour,
        "tested": 2,
        "drifted": 1,
        "columns": (ColumnDrift(name="dep_delay", role="input", outcome=Outcome.FAIL, findings=(finding,)),),
        "faults": (Fault(column="origin", what="missing", expected="String"),),
        "estimates": (measure(0.75),),
        "expected": (measure(0.8),),
    }
    return DriftReport(**{**values, **changes})


@pytest.fixture
def watched(store):
    shelves.register(store)
    shelves.promote(store, 1)
    reports = Reports(store, "flight-delay", "all")
    for number in range(4):
        reports.keep(report(number))
        performance = {"window": drifts.hour(number), "number": 1, "rows": 500, "labelled": 400, "coverage": 0.8}
        reports.keep(
            PerformanceReport(
                **performance, measures=(measure(0.74),), estimates=(measure(0.75),), expected=(measure(0.8),)
            )
        )
    drifts.confirm(store)


def test_without_monitoring_the_page_says_what_to_do_next(ask):
    assert "Nothing is watched yet" in ask("/drift").text


def test_what_is_watched_is_listed(ask, watched):
    page = ask("/drift").text
    for said in (
        'href="drift/flight-delay/all"',
        "confirmed",
        "major",
        "nobody's".replace("'", "&#39;"),
        "dep_delay moved",
    ):
        assert said in page, said


def test_a_population_shows_its_incident_its_windows_and_its_columns(ask, watched):
    page = ask("/drift/flight-delay/all").text
    for said in (
        "incident 1: confirmed",
        "incident 1: suspected",
        "roc_auc by window",
        "Of 4 windows in which roc_auc was estimated and later measured, 4 were inside",
        "drift score by window",
        "values: effect 0.42, p 0.0001",
        "origin is missing: expected String, got nothing",
        "1 of 2 columns",
    ):
        assert said in page, said


def test_columns_are_drawn_beside_the_data_that_the_version_learned_from(ask, store):
    before = pl.DataFrame({"dep_delay": [float(n % 40) for n in range(400)]})
    reference = profiles.reference(before.lazy())
    kept = [Blobs(store).put_record(one) for one in (reference, profiles.profile(before.lazy(), reference))]
    shelves.register(store, profile=kept[0])
    Reports(store, "flight-delay", "all").keep(report(0, profile=kept[1]))
    page = ask("/drift/flight-delay/all").text
    assert "dep_delay, reference and window" in page
    assert "missing, window: 0.0%" in page


def test_another_window_can_be_chosen(ask, watched):
    slug = drifts.hour(1).slug
    assert f'value="{slug}" selected' in ask(f"/drift/flight-delay/all?window={slug}").text


def test_reports_without_a_journal_are_shown(ask, store):
    Reports(store, "flight-delay", "all").keep(report(0))
    assert "no journal is kept" in ask("/drift/flight-delay/all").text


def test_quiet_windows_are_quiet(ask, store):
    Journal(store, "flight-delay", "all").record(drifts.observation(0, Mark.GOOD), drifts.RULES)
    page = ask("/drift/flight-delay/all").text
    assert "There was never an incident" in page
    assert "No window was compared yet" in page


@pytest.mark.parametrize("dag", ["flight-delay.monitoring", "flight-delay.training", "flight-delay"])
def test_the_tab_of_a_dag_shows_the_model_that_it_is_about(ask, watched, dag):
    page = ask(f"/dags/{dag}/drift?tab=1").text
    assert "flight-delay, population all" in page
    assert '<nav aria-label="Taxiway">' not in page, "it is a tab in a page with a menu of its own"


def test_the_tab_of_a_dag_of_one_population_shows_that_one(ask, watched, store):
    Journal(store, "flight-delay", "europe").record(
        drifts.observation(0, Mark.GOOD, window=drifts.hour(0, population="europe")), drifts.RULES
    )
    assert "population europe" in ask("/dags/flight-delay.monitoring.europe/drift").text
    assert "population all" in ask("/dags/flight-delay.monitoring/drift").text


def test_the_tab_of_any_other_dag_says_so(ask, watched):
    assert "Nobody watches what this DAG makes" in ask("/dags/something/drift?tab=1").text


def test_a_version_that_is_gone_has_no_reference(ask, store):
    Reports(store, "flight-delay", "all").keep(report(0, number=9, profile=f"sha256:{samples.hexes('1')}"))
    assert ask("/drift/flight-delay/all").status_code == 200


def test_what_evidently_drew_is_shown_in_a_sandbox(ask, store):
    Reports(store, "flight-delay", "all").keep_page(drifts.hour(0), "<html>drawn</html>")
    answer = ask(f"/drift/flight-delay/all/evidently/{drifts.hour(0).slug}")
    assert answer.text == "<html>drawn</html>"
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert ask(f"/drift/flight-delay/all/evidently/{drifts.hour(1).slug}").status_code == 404
    assert ask("/drift/flight-delay/all/evidently/..%2F..%2Fjournal").status_code == 404
