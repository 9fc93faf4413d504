import samples
from core.test_changes import FIRST, SECOND, log, point
from taxiway.core.changes import version_rows
from taxiway.core.dossier import Side, contrast, way
from taxiway.core.evaluation import Measure, Slice
from taxiway.core.outcomes import Outcome
from taxiway.core.registry import Yank
from taxiway.core.training import Environment, TrainingRun


def run(**changes):
    values = {
        "run": "flight-delay.a",
        "model": samples.model_ref(),
        "params": {"depth": 3},
        "metrics": {"loss": 0.5},
        "environment": Environment(python="3.11", platform="linux", packages={"numpy": "2.0"}),
        "seed": 0,
        "seconds": 1.0,
        "peak_memory_bytes": 1,
    }
    return TrainingRun(**{**values, **changes})


def test_the_way_of_a_version_leads_from_its_data_to_what_serves_it():
    served = samples.serve(samples.service_state(1, live=samples.target(2), candidate=None))
    commits = log(FIRST, point(1, 0), SECOND, point(2, 1), served, Yank(number=2))
    second, first = version_rows(commits)
    stops = way(second, commits, samples.report_against_champion(0.02))
    assert [stop.what for stop in stops] == [
        "data", "training", "evaluation", "gates", "registered", "alias", "service", "yanked",
    ]  # fmt: skip
    assert stops[0].words == "a snapshot of flights, 1,000 rows"
    assert stops[2].words.endswith("beside version 1")
    assert (stops[6].why, stops[7].refused) == ("it is as good as version 1", True)
    assert [stop.what for stop in way(first, commits, None)] == ["data", "training", "gates", "registered", "alias"]


def test_people_who_decided_are_named_and_rows_that_nobody_counted_are_not():
    model = samples.model_ref(trained_on=samples.dataset_ref(rows=None))
    approved = samples.verdict(model, Outcome.PASS, decided_by="ann", reason="ann said yes")
    entry = samples.model_version(model=model, verdicts=(approved,))
    row = version_rows(log(FIRST.model_copy(update={"entry": entry})))[0]
    stops = way(row, (), samples.report())
    assert (stops[0].words, stops[3].who) == ("a snapshot of flights", "ann")
    assert stops[2].words.endswith("without a champion to beat")


def test_two_sides_show_what_differs():
    level = Slice(column="carrier", level="AA", rows=9, measures=(Measure(metric="roc_auc", value=0.7),))
    other = Environment(python="3.12", platform="linux", packages={"numpy": "2.1"})
    a = Side("version 1", run(), {"roc_auc": 0.8}, (level,), samples.dataset_ref())
    b = Side("run x", run(params={"depth": 4}, environment=other), {"loss": 0.1}, data=samples.dataset_ref(rows=7))
    found = contrast(a, b)
    assert found.metrics == {"loss": (None, 0.1), "roc_auc": (0.8, None)}
    assert found.slices == {("carrier", "AA", "roc_auc"): (0.7, None)}
    assert found.params == {"depth": (3, 4)}
    assert found.packages == {"numpy": ("2.0", "2.1")}
    assert found.data == {"rows": (1000, 7)}
    assert found.environment == {"python": ("3.11", "3.12")}


def test_without_a_history_nothing_is_said_of_what_it_would_show():
    found = contrast(Side("a", run(), {}), Side("b", None, {}))
    assert (found.params, found.packages, found.environment, found.data) == ({}, {}, {}, {})
