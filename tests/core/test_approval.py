from datetime import timedelta

import samples
from taxiway.core import Approval
from taxiway.core.approval import answer, evidence
from taxiway.core.outcomes import Outcome

APPROVAL = Approval(("ann",), timedelta(hours=1))


def said(**changes):
    subject = samples.model_ref().digest
    return answer(APPROVAL, **{"subject": subject, "shown": "the form", "yes": True, "person": "ann", **changes})


def test_a_yes_is_a_verdict_with_the_name_the_reason_and_what_was_shown():
    verdict = said(comment=" looks right ")
    assert (verdict.outcome, verdict.decided_by) == (Outcome.PASS, "ann")
    assert verdict.reason == "ann said yes: looks right"
    assert verdict.evidence != said(shown="another form").evidence


def test_a_no_and_a_silence_fail():
    assert said(yes=False).outcome is Outcome.FAIL
    silence = said(person=None)
    assert (silence.outcome, silence.decided_by) == (Outcome.FAIL, "taxiway")
    assert silence.reason == "nobody answered within 1:00:00"


def test_the_form_shows_numbers_and_verdicts():
    report = samples.report_against_champion(0.02)
    body = evidence(report, (samples.verdict(report.model),))
    assert "against version 1, on 1,000 rows of flights" in body
    assert "| roc\\_auc | 0.8 | 0.78 |" in body
    assert "**PASS** roc\\_auc" in body


def test_hostile_text_is_shown_and_not_obeyed():
    report = samples.report()
    reason = "<img src=x onerror=alert(1)> [click](http://evil) | *x*\n# title"
    body = evidence(report, (samples.verdict(report.model, reason=reason),))
    assert "<img" not in body
    assert "[click](" not in body
    assert "\n# title" not in body


def test_the_form_stays_short_however_much_there_is_to_say():
    report = samples.report()
    verdicts = (samples.verdict(report.model, reason="x" * 5000),) * 200
    assert len(evidence(report, verdicts)) < 8_200
