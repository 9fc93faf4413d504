"""What of a window is drawn: its columns beside their reference, and how a metric went before it."""

from collections.abc import Iterable, Iterator, Sequence

from taxiway.core.drift import DriftReport
from taxiway.core.evaluation import Measure
from taxiway.core.metrics import metric as known
from taxiway.core.performance import PerformanceReport, values
from taxiway.core.profiles import ColumnProfile, Levels, Profile
from taxiway.core.windows import moment
from taxiway.engines.charts import Distribution, Series

_MOST_LEVELS = 10


def distributions(reference: Profile, window: Profile, names: Sequence[str]) -> list[Distribution]:
    """The columns of these names, in this order, as shares of the rows; those that are counted nowhere are left out.

    What is `missing` is a bar of its own, so that a column without values is seen to have none.
    """
    before = {one.name: one for one in reference.columns}
    now = {one.name: one for one in window.columns}
    pairs = [(before[name], now[name]) for name in dict.fromkeys(names) if name in before and name in now]
    return [one for one in (_distribution(*pair) for pair in pairs) if one is not None]


def series(
    reports: Sequence[DriftReport | PerformanceReport], metric: str, *, max_drop: float, since: str, until: str
) -> Series | None:
    """A metric over windows, oldest first, with the limit of its fall, and the windows of an incident shaded.

    None where fewer than two windows have a number.
    """
    numbers = [values(_told(report)).get(metric) for report in reports]
    if sum(number is not None for number in numbers) < 2:  # noqa: PLR2004 - a point is no line
        return None
    expected = next((values(one.expected).get(metric) for one in reversed(reports) if one.expected), None)
    fall = -max_drop if known(metric).higher_is_better else max_drop
    bad = [n for n, one in enumerate(reports) if one.window.start >= since and one.window.end <= until]
    return Series(
        title=metric,
        times=[f"{moment(one.window.start):%d %b %H:%M}" for one in reports],
        values=numbers,
        limit=None if expected is None else expected + fall,
        fault=(bad[0], bad[-1]) if bad else None,
    )


def _told(report: DriftReport | PerformanceReport) -> Iterable[Measure]:
    return report.estimates if isinstance(report, DriftReport) else report.measures


def _distribution(before: ColumnProfile, now: ColumnProfile) -> Distribution | None:
    if before.bins and now.bins:
        labels = ["less", *(f"{edge:.3g}" for edge in before.bins.edges)]
        counts = [*before.bins.counts], [*now.bins.counts]
    elif before.levels and now.levels:
        labels = [*_levels(before.levels, now.levels)]
        counts = _counted(before, labels), _counted(now, labels)
        labels.append("others")
    else:
        return None
    return Distribution(before.name, [*labels, "missing"], _shares(before, counts[0]), _shares(now, counts[1]))


def _shares(column: ColumnProfile, counts: Sequence[int]) -> list[float]:
    return [count / max(1, column.rows) for count in (*counts, column.rows - column.values)]


def _levels(before: Levels, now: Levels) -> Iterator[str]:
    """The most frequent ones of both sides; those that are new are among them."""
    found = {**before.counts, **now.fresh}
    most = sorted(found, key=lambda name: (-max(before.counts.get(name, 0), _count(now, name)), name))
    yield from most[:_MOST_LEVELS]


def _counted(column: ColumnProfile, labels: Sequence[str]) -> list[int]:
    levels = column.levels or Levels(counts={}, buckets=())
    counts = [_count(levels, name) for name in labels]
    return [*counts, max(0, column.values - sum(counts))]


def _count(levels: Levels, name: str) -> int:
    return levels.counts.get(name, 0) or levels.fresh.get(name, 0)
