import pytest

import samples
from taxiway.core import happenings
from taxiway.core.gates import clear
from taxiway.core.notices import Severity
from taxiway.core.outcomes import Outcome

AT = "2026-01-03T04:00:00+00:00"
MOMENT = happenings.Moment(
    "flight-delay.training", "manual__1", "decision.gate", -1, 2, AT, "https://airflow.example/x"
)
RUN = MOMENT._replace(task_id="", try_number=0, page="")


def facts(notice):
    return {fact.label: fact.value for fact in notice.facts}


def test_a_failure_names_the_task_the_try_and_the_cause_and_asks_for_a_person():
    notice = happenings.failed(MOMENT, "ValueError: no rows")
    assert notice.thread == "run/flight-delay.training/manual__1"
    assert notice.title == "flight-delay.training failed: task decision.gate"
    assert (notice.text, notice.severity, notice.closes) == ("ValueError: no rows", Severity.CRITICAL, False)
    assert facts(notice) == {"run": "manual__1", "tries": "2"}
    assert notice.asks == "failed decision.gate -1 2"
    assert notice.links[0].url == "https://airflow.example/x"


def test_a_task_that_was_killed_said_nothing():
    assert happenings.failed(MOMENT, "").text.startswith("It ended without a word")


def test_a_run_fails_as_a_whole():
    notice = happenings.failed(RUN, "task_failure")
    assert notice.title == "flight-delay.training failed: the run"
    assert facts(notice) == {"run": "manual__1"}
    assert notice.links == ()


def test_the_secret_in_a_cause_is_hidden_before_it_is_kept():
    notice = happenings.failed(MOMENT, "could not log in with password=hunter2 as ann@example.com")
    assert notice.text == "could not log in with password=[hidden] as [hidden]"


def test_another_try_is_another_notice_of_the_same_thread():
    again = MOMENT._replace(try_number=3)
    assert happenings.failed(again, "x").thread == happenings.failed(MOMENT, "x").thread
    assert happenings.failed(again, "x").key != happenings.failed(MOMENT, "x").key
    assert happenings.mended(again).closes


def test_a_late_run_says_by_when_it_was_due():
    assert happenings.late(RUN, AT).text == f"Its run was due by {AT}."


def test_a_refusal_shows_what_was_against_it_first():
    model = samples.model_ref()
    verdicts = [samples.verdict(model), samples.verdict(model, Outcome.FAIL, gate="log_loss", reason="it is worse")]
    notice = happenings.refused(MOMENT, "flight-delay", clear(model.digest, verdicts))
    assert notice.title == "flight-delay may not go live"
    assert next(iter(facts(notice).items())) == ("log_loss", "FAIL, it is worse")
    assert notice.text == "1 of 2 gates did not let it through."
    assert notice.closes


def test_what_a_gate_that_passed_says_is_not_taken_for_a_password():
    model = samples.model_ref()
    said = samples.verdict(model, reason="roc_auc is 0.9 and reaches 0.7")
    against = samples.verdict(model, Outcome.FAIL, gate="log_loss")
    notice = happenings.refused(MOMENT, "flight-delay", clear(model.digest, [said, against]))
    assert facts(notice)["roc_auc >= 0.7"] == "PASS, roc_auc is 0.9 and reaches 0.7"


@pytest.mark.parametrize(("champion", "said"), [(True, "version 1"), (False, "no champion yet")])
def test_a_person_who_is_asked_sees_what_was_measured(champion, said):
    report = samples.report_against_champion(0.02) if champion else samples.report()
    notice = happenings.asked(MOMENT, report, (samples.verdict(report.model),))
    assert notice.text == f"Measured against {said}, on 1,000 rows of flights."
    assert facts(notice)["roc_auc"] == ("0.8 (champion 0.78)" if champion else "0.8")
    assert facts(notice)["roc_auc >= 0.7"].startswith("PASS")
    assert notice.asks == "approval"


def test_a_yes_is_told_with_the_name_and_the_reason():
    model = samples.model_ref()
    verdicts = [samples.verdict(model), samples.verdict(model, decided_by="ann", reason="ann said yes: good")]
    assert happenings.approved(MOMENT, "flight-delay", clear(model.digest, verdicts)).text == "ann said yes: good"


def test_what_goes_live_is_told_with_its_numbers():
    notice = happenings.promoted(MOMENT, samples.model_version(3, metrics={"roc_auc": 0.81234, "lift": None}))
    assert notice.title == "Version 3 of flight-delay is live"
    assert facts(notice) == {"roc_auc": "0.8123", "lift": "not measured"}
    assert (notice.text, notice.severity, notice.closes) == ("Every gate let it through.", Severity.GOOD, True)


def test_what_is_rolled_back_is_told_with_the_reason():
    notice = happenings.rolled_back(MOMENT, samples.model_version(2), "it was wrong")
    assert (notice.title, notice.text) == ("flight-delay is rolled back to version 2", "it was wrong")
