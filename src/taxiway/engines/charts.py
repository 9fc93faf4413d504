"""Charts as PNG, for messages: what the data looked like and look like now, and how a metric went."""

import io
import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from taxiway.core.errors import SpecError
from taxiway.core.privacy import hide
from taxiway.core.words import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

_BEFORE, _NOW, _LIMIT, _INK = "#8796a5", "#d9480f", "#343a40", "#343a40"
"""Told apart by people who see few colours, and in grey."""
_MOST_PANELS, _IN_A_ROW, _MOST_BARS = 6, 3, 40
_MOST_LETTERS, _MOST_SLANTED = 110, 36
"""How many letters, or slanted names, fit under the whole width of a chart."""
_WIDTH_IN, _ROW_IN, _DPI = 9.0, 2.5, 110


class Distribution(NamedTuple):
    """A column, then and now.

    Attributes:
        title: the column.
        labels: the name of each bin or level, in order; never a personal value. Those beyond the fortieth are drawn
            together as `others`.
        reference: the share of rows in each, 0 to 1, in what the model was trained on.
        window: the same in the window.
    """

    title: str
    labels: Sequence[str]
    reference: Sequence[float]
    window: Sequence[float]


class Series(NamedTuple):
    """A metric over windows.

    Attributes:
        title: the metric.
        times: the name of each window, in order.
        values: the metric in each; none, NaN and infinities are gaps.
        limit: what it should not cross; none for no line.
        fault: the first and the last window of the incident, by position, to shade; none for none.
    """

    title: str
    times: Sequence[str]
    values: Sequence[float | None]
    limit: float | None = None
    fault: tuple[int, int] | None = None


def draw(distributions: Sequence[Distribution], series: Series | None = None) -> bytes:
    """A PNG of up to six columns, side by side, with the metric under them; about 1000 pixels wide.

    Raises:
        SpecError: there is nothing to draw, or labels and numbers do not go together.
    """
    shown = [_checked(one) for one in distributions[:_MOST_PANELS]]
    if not shown and series is None:
        raise SpecError("there is nothing to draw", where="draw", do="Pass a distribution or a series.")
    figure = _figure(math.ceil(len(shown) / _IN_A_ROW) + (series is not None))
    above = math.ceil(len(shown) / _IN_A_ROW)
    grid = figure.add_gridspec(above + (series is not None), 6)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a name may be in any script
        _distributions(figure, grid, shown)
        if series is not None:
            _series(figure.add_subplot(grid[above, :]), series)
        data = io.BytesIO()
        figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()


def describe(distributions: Sequence[Distribution], series: Series | None = None) -> str:
    """What is to be seen, for those who cannot: `Shares of dep_delay, carrier; roc_auc over 24 windows`."""
    parts = []
    if distributions:
        names = ", ".join(_said(one.title) for one in distributions[:_MOST_PANELS])
        parts.append(f"Shares of {names}, reference and window")
    if series is not None:
        parts.append(f"{_said(series.title)} over {len(series.times)} windows")
    return "; ".join(parts)


def _figure(rows: int) -> "Figure":
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise SpecError("charts need matplotlib", where="draw", do="pip install 'taxiway[charts]'") from None
    figure = Figure(figsize=(_WIDTH_IN, _ROW_IN * rows), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _checked(one: Distribution) -> Distribution:
    if not len(one.labels) == len(one.reference) == len(one.window):
        raise SpecError(
            "a distribution has a number for each label",
            where=f"Distribution({one.title!r})",
            expected=f"{len(one.labels)} numbers",
            got=f"{len(one.reference)} and {len(one.window)}",
            do="Count both over the same bins.",
        )
    if len(one.labels) <= _MOST_BARS:
        return one
    rest = slice(_MOST_BARS - 1, None)
    labels = [*one.labels[: _MOST_BARS - 1], "others"]
    reference = [*one.reference[: _MOST_BARS - 1], sum(one.reference[rest])]
    return Distribution(one.title, labels, reference, [*one.window[: _MOST_BARS - 1], sum(one.window[rest])])


def _distributions(figure: "Figure", grid: "GridSpec", shown: Sequence[Distribution]) -> None:
    across = min(len(shown), _IN_A_ROW)
    for index, one in enumerate(shown):
        row, left = index // _IN_A_ROW, index % _IN_A_ROW * 6 // across
        axes = figure.add_subplot(grid[row, left : left + 6 // across])
        places = range(len(one.labels))
        axes.bar([at - 0.21 for at in places], one.reference, width=0.42, color=_BEFORE, label="reference")
        axes.bar([at + 0.21 for at in places], one.window, width=0.42, color=_NOW, label="window")
        _ticks(axes, one.labels, across)
        axes.yaxis.set_major_formatter(_percent())
        _style(axes, one.title, across)
        if index == 0:
            axes.legend(frameon=False, fontsize=8)


def _series(axes: "Axes", one: Series) -> None:
    values = [value if value is not None and math.isfinite(value) else math.nan for value in one.values]
    if one.fault is not None:
        axes.axvspan(one.fault[0] - 0.5, one.fault[1] + 0.5, color=_NOW, alpha=0.12, linewidth=0)
    axes.plot(range(len(values)), values, color=_INK, marker="o", markersize=3, linewidth=1.4)
    if one.limit is not None:
        axes.axhline(one.limit, color=_NOW, linestyle="--", linewidth=1.2)
    _ticks(axes, one.times, 1)
    _style(axes, one.title, 1)


def _ticks(axes: "Axes", labels: Sequence[str], across: int) -> None:
    """Names every place if there is room, slanted if need be; else as many as there is room for, evenly."""
    said = [_said(label, 14) for label in labels]
    fits = sum(len(label) + 2 for label in said) <= _MOST_LETTERS // across
    slanted = not fits and len(said) <= _MOST_SLANTED // across
    letters = max((len(label) + 2 for label in said), default=1)
    step = 1 if fits or slanted else math.ceil(len(said) * letters * across / _MOST_LETTERS)
    axes.set_xticks(list(range(0, len(said), step)))
    for text in axes.set_xticklabels(said[::step]):
        text.set(parse_math=False, fontsize=8, rotation=35 if slanted else 0, ha="right" if slanted else "center")
        text.set_rotation_mode("anchor" if slanted else "default")


def _style(axes: "Axes", title: str, across: int) -> None:
    axes.set_title(_said(title, 84 // across), loc="left", fontsize=10, color=_INK, parse_math=False)
    axes.tick_params(labelsize=8, colors=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)


def _percent() -> Any:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(xmax=1.0, decimals=0)


def _said(text: str, most: int = 60) -> str:
    return clean(hide(text), most)
