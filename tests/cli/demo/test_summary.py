import io

import pytest
from rich.console import Console

import samples
from cli.demo.story import watched
from taxiway.cli.demo.service import Passengers
from taxiway.cli.demo.story import Told
from taxiway.cli.demo.summary import failed, serving, show, summarize
from taxiway.core import BeatsChampion, Threshold
from taxiway.core.errors import BackendError
from taxiway.core.gates import clear, decide
from taxiway.core.scoring import BatchScores
from taxiway.core.serving import Phase

PLACES = {"ui": "http://127.0.0.1:1", "store": "file:///store/", "logs": "logs", "told": "told.txt", "seconds": 123.4}
GATES = (Threshold("roc_auc", at_least=0.7), BeatsChampion("roc_auc"))


class Answering:
    url = "http://127.0.0.1:2"

    def __init__(self, version=2, failed=0, predictions=(True,)):
        self.said = {"version": version, "predictions": list(predictions)}
        self.passengers = Passengers(1234, failed)

    def answer(self):
        return self.said

    def curl(self):
        return f"curl {self.url}/predict"


def act(title, report, number=None, phase=Phase.LIVE):
    clearance = clear(report.model.digest, [decide(report, gate) for gate in GATES])
    version = samples.model_version(number) if number else None
    scores = BatchScores(
        model="flight-delay",
        number=number or 1,
        model_digest=report.model.digest,
        dataset=samples.dataset_ref(),
        manifest="file:///predictions/manifest.json",
        files=(),
        rows=27_020,
    )
    service = samples.service_state(number, phase=phase, reason="it is so") if number else None
    return Told(title, "http://127.0.0.1:1/run", report, clearance, version, scores if number else None, service)


def story():
    first, second = act("1. First", samples.report(), 1), act("2. Second", samples.report_against_champion(0.02), 2)
    third = act("3. Third", samples.report_against_champion(-0.3))
    return [first, second, third, act("4. Fourth", samples.report_against_champion(0.2), 3, Phase.ROLLED_BACK)]


def told(story, champion=2, seen=None, **answering):
    return summarize(story, seen or watched(), champion, serving(story, Answering(**answering)), PLACES)


def test_a_story_that_ends_as_it_has_to_is_ok():
    summary = told(story())
    assert (summary["outcome"], summary["champion"], summary["scored_rows"]) == ("ok", 2, 27_020)
    assert [version["number"] for version in summary["versions"]] == [1, 2, 3]
    assert summary["versions"][0]["metrics"]["roc_auc"] == {"value": 0.8, "low": 0.79, "high": 0.81}
    assert [one["outcome"] for one in summary["verdicts"]][:6] == ["pass", "pass", "pass", "pass", "pass", "fail"]
    assert "worse than version 1 by 0.3" in summary["refused"][0]["why"][0]
    assert (summary["seconds"], summary["ui"]) == (123.4, "http://127.0.0.1:1")


def test_what_serves_is_told():
    served = told(story())["service"]
    assert (served["live"], served["requests"], served["failed"], served["late"]) == (2, 1234, 0, True)
    assert [(one["version"], one["live"]) for one in served["rollouts"]] == [(1, True), (2, True), (3, False)]


def test_a_story_that_ends_otherwise_is_not():
    assert told(story(), champion=1)["outcome"] == "failed"
    assert told(story()[:1])["outcome"] == "failed"
    assert told(story(), failed=1)["outcome"] == "failed"
    assert told(story(), version=3)["outcome"] == "failed"
    assert told(story(), seen=watched(incidents=2))["outcome"] == "failed"


def test_an_endpoint_without_a_prediction_is_a_fault():
    with pytest.raises(BackendError, match="the endpoint gave no prediction"):
        serving(story(), Answering(predictions=()))


def test_a_story_that_breaks_off_has_the_same_keys_and_says_why():
    broken = failed("the scheduler ended", PLACES)
    assert broken["error"] == "the scheduler ended"
    assert set(told(story())) <= set(broken)


def test_a_person_sees_the_numbers_the_answers_and_where_to_click():
    console = Console(file=io.StringIO(), width=80)
    show(console, story(), told(story()) | {"seconds": 61})
    text = console.file.getvalue()
    for part in (
        "0.8000",
        "0.790 to 0.810",
        "refused",
        "fail",
        "27,020",
        "http://127.0.0.1:1",
        "61 s",
        "rolled back",
        "told.txt",
    ):
        assert part in text
    assert "Version 2 answers at http://127.0.0.1:2; 0 of 1,234 requests failed meanwhile." in " ".join(text.split())
    assert "curl http://127.0.0.1:2/predict" in text
