"""Series: a jump in the newest value, and a trend that carries all of them.

A jump is judged by what is usual: the median of the values before, and their median distance from it. A trend is judged
by Kendall's rank correlation with time (the test of Mann and Kendall), its probability considering that neighbouring
values resemble each other, and its size by the line of Theil and Sen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from taxiway.core.anomalies import Anomaly, Change
from taxiway.core.series import Values, is_worse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST_SUDDEN, FEWEST_GRADUAL = 8, 12
"""So many values must come before a jump, and so many make a trend."""
_FAR = 5.0
_NORMAL = 1.4826
_ALPHA = 0.001
_LEAST, _LEAST_OF_COUNTS = 0.01, 0.2
"""The smallest change that is told, in the unit of the series; of counts, as a share of what is usual."""
_COUNTS = frozenset({"rows"})


def anomalies(series: Mapping[str, Values]) -> tuple[Anomaly, ...]:
    """What is remarkable about each series now: at most one anomaly each, a jump before a trend."""
    found = [_sudden(name, values) or _gradual(name, values) for name, values in series.items()]
    return tuple(one for one in found if one is not None)


def _sudden(name: str, values: Values) -> Anomaly | None:
    import numpy as np

    if not values or values[-1] is None:
        return None
    before = np.array([value for value in values[:-1] if value is not None])
    if len(before) < FEWEST_SUDDEN:
        return None
    usual = float(np.median(before))
    spread = _NORMAL * float(np.median(np.abs(before - usual)))
    by = values[-1] - usual
    if abs(by) < _least(name, usual) or abs(by) <= _FAR * spread:
        return None
    return Anomaly(series=name, change=Change.SUDDEN, by=by, usual=usual, worse=is_worse(name, by))


def _gradual(name: str, values: Values) -> Anomaly | None:
    import numpy as np
    from scipy import stats

    known = [(n, value) for n, value in enumerate(values) if value is not None]
    if len(known) < FEWEST_GRADUAL:
        return None
    when, what = np.array(known, dtype=np.float64).T
    if np.ptp(what) == 0.0:
        return None
    line = stats.theilslopes(what, when)
    by = float(line.slope * (when[-1] - when[0]))
    if abs(by) < _least(name, float(line.intercept)) or _chance(when, what, float(line.slope)) >= _ALPHA:
        return None
    usual = float(line.intercept + line.slope * when[0])
    return Anomaly(series=name, change=Change.GRADUAL, by=by, usual=usual, worse=is_worse(name, by))


def _chance(when: Floats, what: Floats, slope: float) -> float:
    """How often values without a trend, each like the one before it, are ordered like these."""
    from scipy import stats

    p = float(stats.kendalltau(when, what).pvalue)
    alike = _resemblance(what - slope * when)
    fewer = math.sqrt((1 - alike) / (1 + alike))
    return 2 * float(stats.norm.sf(stats.norm.isf(p / 2) * fewer))


def _resemblance(rest: Sequence[float] | Floats) -> float:
    """The correlation of neighbours, 0 to 0.9."""
    import numpy as np

    away = np.asarray(rest) - np.mean(rest)
    total = float(away @ away)
    return min(0.9, max(0.0, float(away[1:] @ away[:-1]) / total)) if total > 0 else 0.0


def _least(name: str, usual: float) -> float:
    return _LEAST_OF_COUNTS * abs(usual) if name in _COUNTS else _LEAST
