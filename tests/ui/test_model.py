import pytest

import samples
from taxiway.core.evaluation import Measure, Slice
from taxiway.stores.blobs import Blobs
from ui import shelves


@pytest.fixture
def two(store):
    """Two versions, the second live, with the history of their runs."""
    for letter in "ab":
        shelves.train(store, letter=letter, params={"depth": 3 if letter == "a" else 5})
        shelves.register(store, letter=letter, metrics={"roc_auc": 0.8 if letter == "a" else 0.85})
    shelves.promote(store, 1)
    shelves.promote(store, 2, who="ann", why="it is better on every slice")
    shelves.refuse(store)


def test_a_model_shows_who_did_what_and_why(ask, two):
    page = ask("/models/flight-delay").text
    for said in (
        "roc_auc by version",
        'href="flight-delay/versions/2"',
        "it is better on every slice",
        "roc_auc is 0.6 and misses 0.7",
        "champion is version 2",
        'href="flight-delay/runs/flight-delay.a"',
        'href="../data/flights/manifest-sha256%3A',
    ):
        assert said in page, said


def test_a_version_shows_its_way_and_its_evidence(ask, two, store):
    model = samples.model_ref("c")
    level = Slice(column="carrier", level="AA", rows=400, measures=(Measure(metric="roc_auc", value=0.7),))
    report = Blobs(store).put_record(samples.report(model=model, slices=(level,)))
    shelves.register(store, letter="c", report=report)
    page = ask("/models/flight-delay/versions/3").text
    for said in ("a snapshot of flights, 1,000 rows", "every gate let it through", "carrier = AA", "dep_delay", "0.79"):
        assert said in page, said
    assert "is not in the store" in page, "nobody kept the history of this run"


def test_a_version_without_its_report_is_shown_all_the_same(ask, store):
    shelves.register(store, report=None)
    answer = ask("/models/flight-delay/versions/1")
    assert answer.status_code == 200
    assert "The evaluation report is not in the store." in answer.text


def test_a_run_shows_its_curves_and_its_cost(ask, two):
    page = ask("/models/flight-delay/runs/flight-delay.a").text
    for said in (
        "loss by step",
        "depth",
        "numpy==2.3.0",
        "12.5 s, 256.0 MiB",
        'href="../../../models/flight-delay/versions/1"',
    ):
        assert said in page, said


def test_two_versions_or_runs_are_compared(ask, two):
    page = ask("/models/flight-delay/compare").text
    assert "version 1" in page
    assert ">3<" in page
    assert ">5<" in page
    page = ask("/models/flight-delay/compare", params={"a": "run flight-delay.a", "b": "version 2"}).text
    assert "loss" in page


@pytest.mark.parametrize(
    "path",
    [
        "/models/nobody",
        "/models/flight-delay/versions/9",
        "/models/flight-delay/runs/nothing",
        "/models/flight-delay/compare?a=version+9",
        "/models/flight-delay/compare?a=run+x",
        "/models/other/runs/flight-delay.a",
        "/models/..%2f..%2fsecrets",
        "/models/flight-delay/runs/..%2f..%2fsecrets",
        "/data/nothing",
        "/data/flights/manifest-sha256:00",
        "/data/flights/..%2f..%2f..%2fx",
        "/services/nothing",
        "/drift/nobody/all",
    ],
)
def test_what_is_not_there_is_said(ask, two, path):
    answer = ask(path)
    assert answer.status_code == 404, answer.text
    assert "<h1>" in answer.text


def test_an_address_that_makes_no_sense_is_said(ask):
    assert ask("/models/flight-delay/versions/zero").status_code == 422


def test_the_card_says_what_the_model_may_be_trusted_with(ask, two):
    page = ask("/models/flight-delay/versions/2/card").text
    assert "1 gate let these very bytes through" in page
    assert "It was not measured by slices" in page


def test_a_log_that_was_tampered_with_is_no_page_but_a_warning(ask, two, store):
    entry = f"models/flight-delay/log/{2:020}.json"
    store.replace(entry, store.get(entry).replace(b"ann", b"eve"))
    answer = ask("/models/flight-delay")
    assert answer.status_code == 500
    assert "chain of the registry" in answer.text
