"""Gates: decisions about bytes. A verdict names the digest it is about, the number, the limit and the evidence."""

from collections.abc import Iterable

from taxiway.core.errors import SpecError
from taxiway.core.evaluation import EvaluationReport, Measure, Slice, quantile
from taxiway.core.metrics import metric
from taxiway.core.names import Digest
from taxiway.core.outcomes import Outcome, worst
from taxiway.core.records import Record
from taxiway.core.specs.gates import BeatsChampion, MaxRegression, MeasuredGate, Threshold, describe


class Verdict(Record):
    """One decision about one model's bytes.

    Attributes:
        subject: digest of the model.
        gate: the gate in words.
        outcome: nothing but PASS lets it through.
        measured: the number that decided; none when it was not measured.
        limit: what it was held against.
        reason: one sentence a person understands.
        evidence: digest of the evaluation report; for an approval, of what the person was shown.
        decided_by: `taxiway`, or the person.
    """

    subject: Digest
    gate: str
    outcome: Outcome
    measured: float | None
    limit: float | None
    reason: str
    evidence: Digest
    decided_by: str = "taxiway"


class Clearance(Record):
    """All verdicts about one model, and what they say together."""

    subject: Digest
    outcome: Outcome
    verdicts: tuple[Verdict, ...]


def decide(report: EvaluationReport, gate: MeasuredGate) -> Verdict:
    """What a gate says about a report. What was not measured never passes."""
    if isinstance(gate, Threshold):
        return _threshold(report, gate)
    return _against_champion(report, gate)


def clear(subject: str, verdicts: Iterable[Verdict]) -> Clearance:
    """All verdicts together; without a single one the answer is INCONCLUSIVE.

    Raises:
        SpecError: a verdict is about other bytes.
    """
    verdicts = tuple(verdicts)
    for verdict in verdicts:
        if verdict.subject != subject:
            raise SpecError(
                "a verdict is about another model",
                where=f"gate {verdict.gate!r}",
                expected=subject,
                got=verdict.subject,
                do="Evaluate and judge the same candidate.",
            )
    return Clearance(subject=subject, outcome=worst(v.outcome for v in verdicts), verdicts=verdicts)


def _verdict(
    report: EvaluationReport,
    gate: MeasuredGate,
    outcome: Outcome,
    reason: str,
    numbers: tuple[float | None, float | None] = (None, None),
) -> Verdict:
    return Verdict(
        subject=report.model.digest,
        gate=describe(gate),
        outcome=outcome,
        measured=numbers[0],
        limit=numbers[1],
        reason=reason,
        evidence=report.fingerprint(),
    )


def _missing(report: EvaluationReport, name: str) -> str:
    have = ", ".join(m.metric for m in report.measures) or "none"
    return f"{name} was not measured; the report has {have}. Add it to Evaluation.metrics."


def _threshold(report: EvaluationReport, gate: Threshold) -> Verdict:
    places = _places(report, gate)
    limit = gate.at_least if gate.at_least is not None else gate.at_most
    if not places:
        what = f"no level of {gate.slice!r} was measured" if gate.slice else _missing(report, gate.metric)
        return _verdict(report, gate, Outcome.INCONCLUSIVE, what, (None, limit))
    answers = [(_reaches(measure, gate), where, measure) for where, measure in places]
    overall = worst(answer for answer, _, _ in answers)
    _, where, measure = _telling(answers, overall, gate)
    if overall is Outcome.INCONCLUSIVE:
        why = measure.note if measure.value is None else f"only {measure.rows} rows, {gate.min_rows} are needed"
        return _verdict(report, gate, overall, f"{gate.metric}{where}: {why or 'not a number'}", (measure.value, limit))
    word = {Outcome.PASS: "reaches", Outcome.FAIL: "misses"}[overall]
    reason = f"{gate.metric}{where} is {measure.value:.4g} and {word} {limit:g} ({measure.rows} rows)"
    return _verdict(report, gate, overall, reason, (measure.value, limit))


def _places(report: EvaluationReport, gate: Threshold) -> list[tuple[str, Measure]]:
    if gate.slice is None:
        whole = report.measure(gate.metric)
        return [("", whole)] if whole else []
    levels: list[Slice] = [level for level in report.slices if level.column == gate.slice]
    return [
        (f" for {level.column}={level.level}", measure)
        for level in levels
        for measure in level.measures
        if measure.metric == gate.metric
    ]


def _reaches(measure: Measure, gate: Threshold) -> Outcome:
    if measure.value is None or measure.rows < gate.min_rows:
        return Outcome.INCONCLUSIVE
    good = measure.value >= gate.at_least if gate.at_least is not None else measure.value <= (gate.at_most or 0.0)
    return Outcome.PASS if good else Outcome.FAIL


def _telling(
    answers: list[tuple[Outcome, str, Measure]], overall: Outcome, gate: Threshold
) -> tuple[Outcome, str, Measure]:
    sign = 1 if gate.at_least is not None else -1
    same = [answer for answer in answers if answer[0] is overall]
    return min(same, key=lambda answer: sign * (answer[2].value if answer[2].value is not None else 0.0))


def _against_champion(report: EvaluationReport, gate: BeatsChampion | MaxRegression) -> Verdict:
    limit = gate.by if isinstance(gate, BeatsChampion) else 0.0 - gate.by
    unknown = _unknown(report, gate)
    if unknown:
        return _verdict(report, gate, Outcome.INCONCLUSIVE, unknown, (None, limit))
    if report.champion is None:
        outcome = Outcome.PASS if gate.first_model == "pass" else Outcome.FAIL
        reason = f"there is no champion yet and first_model={gate.first_model!r}"
        return _verdict(report, gate, outcome, reason, (None, limit))
    difference = report.difference(gate.metric)
    tail = (1 - gate.confidence) / 2
    low, high = (quantile(difference, p) for p in (tail, 1 - tail)) if difference else (None, None)
    if difference is None or difference.value is None or low is None or high is None:
        why = f"{gate.metric}: the difference to the champion could not be measured"
        return _verdict(report, gate, Outcome.INCONCLUSIVE, why, (None, limit))
    gain, worst_case, best_case = difference.value, low, high
    if not metric(gate.metric).higher_is_better:
        gain, worst_case, best_case = -difference.value, -high, -low
    return _weigh(report, gate, (gain, worst_case, best_case), limit)


def _unknown(report: EvaluationReport, gate: BeatsChampion | MaxRegression) -> str:
    """Why nothing can be said of this metric of the candidate, even without a champion; empty when it was measured."""
    measure = report.measure(gate.metric)
    if measure is None:
        return _missing(report, gate.metric)
    if measure.value is None:
        return f"{gate.metric}: {measure.note or 'not a number'}"
    return f"only {measure.rows} rows, {gate.min_rows} are needed" if measure.rows < gate.min_rows else ""


def _span(report: EvaluationReport, gate: BeatsChampion | MaxRegression, gain: tuple[float, float, float]) -> str:
    """The gain in words: `better than version 1 by 0.01 [0.008, 0.012]; more than 0 is needed`."""
    number = report.champion.number if report.champion else 0
    value, low, high = gain
    word = "better"
    if value < 0:
        word, value, low, high = "worse", -value, -high, -low
    if isinstance(gate, MaxRegression):
        rule = f"at most {gate.by:g} worse is allowed"
    else:
        rule = f"at least {gate.by:g} better is needed" if gate.by else "any better is enough"
    return f"{word} than version {number} by {value:.4g} [{low:.4g}, {high:.4g}]; {rule}"


def _weigh(
    report: EvaluationReport,
    gate: BeatsChampion | MaxRegression,
    gain: tuple[float, float, float],
    limit: float,
) -> Verdict:
    value, low, high = gain
    span = _span(report, gate, gain)
    strict = isinstance(gate, BeatsChampion) and limit == 0
    if low > limit or (low == limit and not strict):
        return _verdict(report, gate, Outcome.PASS, f"{gate.metric} is {span}", (value, limit))
    if high < limit or (strict and high == limit):
        return _verdict(report, gate, Outcome.FAIL, f"{gate.metric} is {span}", (value, limit))
    reason = f"{gate.metric} is {span}: not enough evidence either way"
    return _verdict(report, gate, Outcome.INCONCLUSIVE, reason, (value, limit))
