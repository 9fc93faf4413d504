"""Approval: what a person is shown before a model goes live, and the verdict that their answer is."""

import re
from collections.abc import Iterator

from taxiway.core.evaluation import EvaluationReport, Measure
from taxiway.core.gates import Verdict
from taxiway.core.names import sha256
from taxiway.core.outcomes import Outcome
from taxiway.core.specs.gates import Approval, describe

_LONGEST_BODY = 8000


def answer(
    approval: Approval, *, subject: str, shown: str, yes: bool, person: str | None, comment: str = ""
) -> Verdict:
    """The verdict of a person about some bytes: only a yes that somebody said passes.

    Args:
        approval: who was asked.
        subject: digest of the model.
        shown: the text that the person had before their eyes.
        yes: whether they said so.
        person: who answered; none when nobody did before the time was over.
        comment: why, in their words.
    """
    said = f"{person} said {'yes' if yes else 'no'}" if person else f"nobody answered within {approval.timeout}"
    return Verdict(
        subject=subject,
        gate=describe(approval),
        outcome=Outcome.PASS if yes and person else Outcome.FAIL,
        measured=None,
        limit=None,
        reason=f"{said}: {comment.strip()}" if comment.strip() else said,
        evidence=sha256(shown.encode()),
        decided_by=person or "taxiway",
    )


def evidence(report: EvaluationReport, verdicts: tuple[Verdict, ...]) -> str:
    """What the person is shown: the verdicts, and the measures beside the champion's; Markdown, bounded."""
    body = "\n".join(_lines(report, verdicts))
    return body if len(body) <= _LONGEST_BODY else f"{body[:_LONGEST_BODY]}\n\n… (the whole report is in the store)"


def _lines(report: EvaluationReport, verdicts: tuple[Verdict, ...]) -> Iterator[str]:
    rival = f"version {report.champion.number}" if report.champion else "no champion yet"
    rows = f"{report.rows:,} rows of {_plain(report.evaluated_on.name)}"
    yield f"**{_plain(report.model.name)}** against {rival}, on {rows}"
    yield ""
    yield f"`{report.model.digest}`, trained on `{report.model.trained_on.digest}`"
    yield ""
    for verdict in verdicts:
        yield f"- **{verdict.outcome.upper()}** {_plain(verdict.gate)}: {_plain(verdict.reason)}"
    yield ""
    yield "| metric | candidate | champion |"
    yield "|---|---|---|"
    champion = {measure.metric: measure for measure in report.champion_measures}
    for measure in report.measures:
        yield f"| {_plain(measure.metric)} | {_number(measure)} | {_number(champion.get(measure.metric))} |"


def _number(measure: Measure | None) -> str:
    if measure is None or measure.value is None:
        return _plain(measure.note) if measure and measure.note else "not measured"
    span = f" [{measure.low:.4g}, {measure.high:.4g}]" if measure.low is not None and measure.high is not None else ""
    return f"{measure.value:.4g}{span}"


def _plain(text: str) -> str:
    """The text with nothing in it that Markdown or HTML would act on."""
    one_line = " ".join(text.split())[:300].replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~>])", r"\\\1", one_line)
