"""The judge: is the candidate as good as the live version, by what both answered in the same window?

Every limit is asked of an interval, not of a number: kept when the whole interval keeps it, broken when the whole
interval breaks it, and undecided in between. Too few requests, or a live version that is ill itself, decide nothing.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate
from statistics import NormalDist

from taxiway.core.counts import Counts
from taxiway.core.outcomes import Outcome, worst
from taxiway.core.records import Record
from taxiway.core.specs.serving import BusinessMetric, Judge
from taxiway.core.traffic import PREDICTION_EDGES, SECONDS_EDGES

_PERCENTILES = ((0.95, 0), (0.99, 1000))
"""Which percentiles of the latency are compared, and from how many requests on."""
_MOST_BINS = 20
Span = tuple[float, float, float]
"""A value and the ends of its interval."""


class Finding(Record):
    """What one check said.

    Attributes:
        check: its name.
        outcome: PASS when the limit is kept, FAIL when it is broken, INCONCLUSIVE when that cannot be said.
        measured: the number; none when it could not be measured.
        low: lower end of its interval.
        high: upper end.
        limit: what it was held against.
        reason: one sentence.
    """

    check: str
    outcome: Outcome
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    reason: str


class Judgement(Record):
    """What all checks together say about a candidate.

    Attributes:
        outcome: any FAIL fails; else anything undecided is INCONCLUSIVE.
        findings: one per check.
        requests: that the candidate answered in the window.
        live_requests: that the live version answered in it.
    """

    outcome: Outcome
    findings: tuple[Finding, ...]
    requests: int
    live_requests: int

    @property
    def reason(self) -> str:
        """Why, in one sentence: what the telling checks found."""
        telling = [finding.reason for finding in self.findings if finding.outcome is self.outcome]
        return "; ".join(telling) if self.outcome is not Outcome.PASS else "it is as good as the live version"


def judge(
    limits: Judge, candidate: Counts, live: Counts | None, *, shadow: bool = False, others: Iterable[Finding] = ()
) -> Judgement:
    """What the window says.

    Args:
        limits: what the candidate is held against.
        candidate: what it answered.
        live: what the live version answered in the same window; None when it had no traffic in it and there is nothing
            from before: then the candidate is held against a version that never fails.
        shadow: the candidate was sent copies, so that the answers can be compared one by one.
        others: what was found elsewhere, such as a business metric.
    """
    findings = [_enough(limits, candidate, live), _errors(limits, candidate, live or Counts())]
    findings.append(_invalid(limits, candidate, live or Counts()))
    if live is not None:
        findings += [_well(limits, live), *_latencies(limits, candidate, live), *_distance(limits, candidate, live)]
    if shadow and limits.max_disagreement is not None:
        findings.append(_disagreement(limits, limits.max_disagreement, candidate))
    findings += others
    return Judgement(
        outcome=worst(finding.outcome for finding in findings),
        findings=tuple(findings),
        requests=candidate.requests,
        live_requests=live.requests if live else 0,
    )


def business(metric: BusinessMetric, candidate: float | None, live: float | None) -> Finding:
    """What a business metric says; without a number, or one to compare it with, nothing is decided."""
    known = candidate is not None and math.isfinite(candidate)
    if not known or candidate is None:
        return Finding(check=metric.name, outcome=Outcome.INCONCLUSIVE, reason=f"{metric.name} was not measured")
    limits = {"at least": metric.at_least, "at most": metric.at_most}
    if metric.max_drop is not None:
        if live is None or not math.isfinite(live):
            reason = f"{metric.name} of the live version was not measured"
            return Finding(check=metric.name, outcome=Outcome.INCONCLUSIVE, measured=candidate, reason=reason)
        limits["no less than the live version allows,"] = live - abs(live) * metric.max_drop
    broken = [
        (word, limit)
        for word, limit in limits.items()
        if limit is not None and (candidate > limit if word == "at most" else candidate < limit)
    ]
    word, limit = (broken or [(word, limit) for word, limit in limits.items() if limit is not None])[0]
    return Finding(
        check=metric.name,
        outcome=Outcome.FAIL if broken else Outcome.PASS,
        measured=candidate,
        limit=limit,
        reason=f"{metric.name} is {candidate:g}; wanted is {word} {limit:g}",
    )


def share_interval(part: int, of: int, confidence: float) -> Span:
    """A share and Wilson's interval of it; anything between 0 and 1 when there is nothing to share."""
    if of <= 0:
        return (0.0, 0.0, 1.0)
    z = _z(confidence)
    share = min(part, of) / of
    centre = (share + z * z / (2 * of)) / (1 + z * z / of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return (share, max(0.0, centre - reach), min(1.0, centre + reach))


def difference_interval(a: Span, b: Span) -> Span:
    """The difference of two shares and Newcombe's interval of it, from theirs."""
    difference = a[0] - b[0]
    low = difference - math.hypot(a[0] - a[1], b[2] - b[0])
    high = difference + math.hypot(a[2] - a[0], b[0] - b[1])
    return (difference, low, high)


def quantile_interval(bins: Mapping[str, int], q: float, confidence: float) -> Span | None:
    """A quantile of a histogram, and the interval in which that of the whole lies; None without anything in it.

    The upper end is infinite when there are too few values to say.
    """
    number = sum(bins.values())
    if not number:
        return None
    reach = _z(confidence) * math.sqrt(q * (1 - q) / number)
    low, high = max(0.0, q - reach), q + reach
    return (_quantile(bins, q), _quantile(bins, low), _quantile(bins, high) if high < 1 else math.inf)


def distance(a: Mapping[str, int], b: Mapping[str, int]) -> float:
    """How far apart two histograms are beyond what chance shows: total variation less its expectation, 0 to 1.

    The bins are put together until each holds about a twentieth of both histograms.
    """
    pairs = _pooled(a, b)
    n, m = sum(x for x, _ in pairs), sum(y for _, y in pairs)
    if not n or not m:
        return 0.0
    raw = sum(abs(x / n - y / m) for x, y in pairs) / 2
    shares = [(x + y) / (n + m) for x, y in pairs]
    chance = sum(math.sqrt(2 / math.pi * p * (1 - p) * (1 / n + 1 / m)) for p in shares) / 2
    return max(0.0, raw - chance)


def _enough(limits: Judge, candidate: Counts, live: Counts | None) -> Finding:
    counted = {"the candidate": candidate.requests} | ({"the live version": live.requests} if live is not None else {})
    short = [f"{number} to {who}" for who, number in counted.items() if number < limits.min_requests]
    return Finding(
        check="requests",
        outcome=Outcome.INCONCLUSIVE if short else Outcome.PASS,
        measured=min(counted.values()),
        limit=limits.min_requests,
        reason=f"too few requests: {' and '.join(short)}, {limits.min_requests} are needed" if short else "enough",
    )


def _well(limits: Judge, live: Counts) -> Finding:
    """Whether the live version is well enough to be compared with."""
    _, low, high = span = share_interval(live.faults, live.requests, limits.confidence)
    ill = low > limits.max_live_errors
    reason = f"the live version itself fails: {span[0]:.1%} of {live.requests} requests" if ill else "live is well"
    outcome = Outcome.INCONCLUSIVE if ill else Outcome.PASS
    return Finding(
        check="live", outcome=outcome, measured=span[0], low=low, high=high, limit=limits.max_live_errors, reason=reason
    )


def _errors(limits: Judge, candidate: Counts, live: Counts) -> Finding:
    a = share_interval(candidate.errors, candidate.requests, limits.confidence)
    b = _or_none(share_interval(live.errors, live.requests, limits.confidence), live.requests)
    what = f"{a[0]:.2%} of its requests failed, {b[0]:.2%} of the live version's"
    return _held("errors", difference_interval(a, b), limits.max_error_increase, what)


def _invalid(limits: Judge, candidate: Counts, live: Counts) -> Finding:
    a, b = _invalid_share(limits, candidate), _or_none(_invalid_share(limits, live), live.rows)
    what = f"{a[0]:.2%} of its predictions make no sense, {b[0]:.2%} of the live version's"
    return _held("invalid", difference_interval(a, b), limits.max_invalid_increase, what)


def _invalid_share(limits: Judge, counts: Counts) -> Span:
    """The share of rows predicted as nothing that makes sense; rows of one request count as one for the interval."""
    bad = counts.invalid
    if limits.out_of_range:
        low, high = limits.out_of_range
        for edge, number in counts.predictions.items():
            below = _edge_below(PREDICTION_EDGES, float(edge), -math.inf)
            bad += number if below >= high or float(edge) < low else 0
    rows = counts.rows
    effective = min(rows, counts.requests) if counts.requests else rows
    scaled = round(bad / rows * effective) if rows else 0
    return share_interval(max(scaled, 1) if bad else 0, effective, limits.confidence)


def _latencies(limits: Judge, candidate: Counts, live: Counts) -> Iterable[Finding]:
    for q, fewest in _PERCENTILES:
        if min(candidate.requests, live.requests) >= fewest:
            yield _latency(limits, candidate, live, q)


def _latency(limits: Judge, candidate: Counts, live: Counts, q: float) -> Finding:
    check = f"p{round(q * 100)}"
    a = quantile_interval(candidate.seconds, q, limits.confidence)
    b = quantile_interval(live.seconds, q, limits.confidence)
    if a is None or b is None:
        reason = f"{check} was not measured"
        return Finding(check=check, outcome=Outcome.INCONCLUSIVE, limit=limits.max_latency_ratio, reason=reason)
    a, b = ((v, max(low, limits.slow_s), max(high, limits.slow_s)) for v, low, high in (a, b))
    ratio = max(a[0], limits.slow_s) / max(b[0], limits.slow_s)
    span = (ratio, a[1] / b[2], a[2] / b[1])
    what = f"{check} is {a[0] * 1000:.3g} ms, the live version's {b[0] * 1000:.3g} ms"
    return _held(check, span, limits.max_latency_ratio, what)


def _distance(limits: Judge, candidate: Counts, live: Counts) -> Iterable[Finding]:
    if limits.max_distance is None:
        return
    labelled = bool(candidate.labels or live.labels)
    a, b = (counts.labels if labelled else counts.predictions for counts in (candidate, live))
    n, m = (min(sum(bins.values()), counts.requests) for bins, counts in ((a, candidate), (b, live)))
    if not n or not m:
        reason = "the distribution of the predictions was not measured"
        yield Finding(check="distance", outcome=Outcome.INCONCLUSIVE, limit=limits.max_distance, reason=reason)
        return
    apart = distance(a, b)
    reach = _z(limits.confidence) * math.sqrt(1 / n + 1 / m) / 2
    what = f"its predictions are distributed otherwise by {apart:.3g}"
    yield _held("distance", (apart, max(0.0, apart - reach), min(1.0, apart + reach)), limits.max_distance, what)


def _disagreement(limits: Judge, limit: float, candidate: Counts) -> Finding:
    span = share_interval(candidate.disagreements, candidate.compared, limits.confidence)
    what = f"it answers {span[0]:.2%} of {candidate.compared} copied requests otherwise"
    return _held("disagreement", span, limit, what)


def _held(check: str, span: Span, limit: float, what: str) -> Finding:
    value, low, high = span
    outcome = Outcome.PASS if high <= limit else Outcome.FAIL if low > limit else Outcome.INCONCLUSIVE
    verb = {Outcome.PASS: "at most", Outcome.FAIL: "more than", Outcome.INCONCLUSIVE: "perhaps more than"}[outcome]
    ends = f"[{low:.3g}, {high:.3g}]"
    return Finding(
        check=check,
        outcome=outcome,
        measured=_finite(value),
        low=_finite(low),
        high=_finite(high),
        limit=limit,
        reason=f"{what}: {verb} {limit:g} {ends}",
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_none(span: Span, number: int) -> Span:
    """The interval of a share; of nothing at all: that of a version that never fails."""
    return span if number else (0.0, 0.0, 0.0)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _quantile(bins: Mapping[str, int], q: float) -> float:
    """Within a bin by a straight line from the edge below it."""
    edges = sorted((float(edge), number) for edge, number in bins.items() if number)
    upto = list(accumulate(number for _, number in edges))
    wanted = q * upto[-1]
    at = min(bisect_left(upto, wanted), len(edges) - 1)
    edge, number = edges[at]
    below = max(edges[at - 1][0] if at else 0.0, _edge_below(SECONDS_EDGES, edge, 0.0))
    inside = max(0.0, wanted - (upto[at] - number)) / number
    return below + (edge - below) * inside if math.isfinite(edge) else edge


def _edge_below(edges: tuple[float, ...], edge: float, lowest: float) -> float:
    at = bisect_left(edges, edge)
    return edges[at - 1] if at else lowest


def _pooled(a: Mapping[str, int], b: Mapping[str, int]) -> list[tuple[int, int]]:
    """Both histograms over the same bins, neighbours put together until each bin holds enough."""
    keys = sorted({*a, *b}, key=_order)
    enough = (sum(a.values()) + sum(b.values())) / _MOST_BINS
    pooled, x, y = [], 0, 0
    for key in keys:
        x, y = x + a.get(key, 0), y + b.get(key, 0)
        if x + y >= enough:
            pooled.append((x, y))
            x = y = 0
    return [*pooled, (x, y)] if x or y else pooled


def _order(key: str) -> tuple[float, str]:
    try:
        value = float(key)
    except ValueError:
        return (math.inf, key)
    return (math.inf, key) if math.isnan(value) else (value, "")
