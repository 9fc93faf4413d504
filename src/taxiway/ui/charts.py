"""Charts as SVG: drawn by the server, coloured by the style sheet, and readable as text by whoever cannot see them."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup

WIDTH, HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 14, 34
_COLOURS = 6
_MOST_POINTS = 400
_MARKERS = 60
_CROWDED = 33
"""Where places have less room, a narrow screen leaves out every other name."""


class Point(NamedTuple):
    """One point; `y` is none where there is a gap, and `label` is said where the pointer rests on it."""

    x: float
    y: float | None
    label: str = ""


class Series(NamedTuple):
    """One line."""

    name: str
    points: Sequence[Point]


class Bar(NamedTuple):
    """One place of two distributions: shares of 1."""

    label: str
    before: float
    now: float


class _Scale(NamedTuple):
    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def lines(title: str, series: Sequence[Series], *, across: str) -> Markup:
    """Lines over a common axis; empty when there is nothing to draw.

    Args:
        title: what is seen, for those who do not see it.
        series: at most six have colours of their own.
        across: what the horizontal axis is.
    """
    thin = [Series(one.name, _thinned(one.points)) for one in series]
    seen = [point for one in thin for point in one.points if point.y is not None]
    if not seen:
        return Markup("")
    xs = _scale([point.x for point in seen], _LEFT, WIDTH - _RIGHT, whole=True)
    ys = _scale([point.y for point in seen if point.y is not None], HEIGHT - _BOTTOM, _TOP)
    parts = [_grid(xs, ys), *(_line(number, one, xs, ys) for number, one in enumerate(thin))]
    axis = Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>').format(
        (_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 4, across
    )
    legend = _legend([one.name for one in thin]) if len(thin) > 1 else Markup("")
    return _svg(title, Markup("").join([*parts, axis]), HEIGHT) + legend


def bars(title: str, places: Sequence[Bar], *, names: tuple[str, str] = ("reference", "window")) -> Markup:
    """Two distributions side by side; empty when there is nothing to draw."""
    highest = max((max(one.before, one.now) for one in places), default=0.0)
    if highest <= 0:
        return Markup("")
    ys = _Scale(0.0, _nice(highest), HEIGHT - 56, _TOP)
    step = (WIDTH - _LEFT - _RIGHT) / len(places)
    parts = [_rows(ys, _ticks(ys.low, ys.high), percent=True)]
    for number, one in enumerate(places):
        left = _LEFT + number * step
        parts += [
            _bar(0, left + step * 0.10, step * 0.38, one.before, ys, f"{one.label}, {names[0]}"),
            _bar(1, left + step * 0.52, step * 0.38, one.now, ys, f"{one.label}, {names[1]}"),
            _label(left + step / 2, one.label, step, spare=number % 2 == 1 and step < _CROWDED),
        ]
    return _svg(title, Markup("").join(parts), HEIGHT) + _legend(list(names))


def _svg(title: str, inside: Markup, height: int) -> Markup:
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, title, inside
    )


def _legend(names: Sequence[str]) -> Markup:
    items = Markup("").join(
        Markup('<li><span class="swatch c{}" aria-hidden="true"></span>{}</li>').format(number % _COLOURS, name)
        for number, name in enumerate(names)
    )
    return Markup('<ul class="legend">{}</ul>').format(items)


def _line(number: int, one: Series, xs: _Scale, ys: _Scale) -> Markup:
    drawn = [(xs.at(point.x), ys.at(point.y), point) for point in one.points if point.y is not None]
    path = " ".join(f"{x},{y}" for x, y, _ in drawn)
    colour = number % _COLOURS
    line = Markup('<polyline class="line c{}" points="{}"/>').format(colour, path)
    if len(drawn) > _MARKERS:
        return line
    dots = Markup("").join(
        Markup('<circle class="dot c{}" cx="{}" cy="{}" r="3"><title>{}: {} = {}</title></circle>').format(
            colour, x, y, point.label or f"{point.x:g}", one.name, f"{point.y:.4g}"
        )
        for x, y, point in drawn
    )
    return line + dots


def _bar(number: int, left: float, width: float, share: float, ys: _Scale, label: str) -> Markup:
    top = ys.at(share)
    return Markup('<rect class="bar c{}" x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>').format(
        number, round(left, 1), top, round(max(width, 0.5), 1), round(ys.start - top, 1), label, f"{share:.1%}"
    )


def _label(middle: float, label: str, room: float, *, spare: bool) -> Markup:
    fits = max(2, int(room * 2 / 7)) if room < 50 else int(room / 6.5)  # noqa: PLR2004 - narrow ones are turned
    told = label if len(label) <= fits else f"{label[: fits - 1]}…"
    y = HEIGHT - 40
    if room >= 50:  # noqa: PLR2004
        return Markup('<text class="name" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(middle, y, told)
    shorter = label if len(label) <= 9 else f"{label[:8]}…"  # noqa: PLR2004
    turned = Markup('<text class="{}" transform="translate({:.1f},{}) rotate(-35)" text-anchor="end">{}</text>')
    return turned.format("spare" if spare else "tick", middle + 4, y, shorter)


def _grid(xs: _Scale, ys: _Scale) -> Markup:
    columns = Markup("").join(
        Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            xs.at(value), HEIGHT - 19, f"{value:,.4g}"
        )
        for value in _ticks(xs.low, xs.high, whole=True)
    )
    return _rows(ys, _ticks(ys.low, ys.high)) + columns


def _rows(ys: _Scale, values: Iterable[float], *, percent: bool = False) -> Markup:
    rule, word = (
        Markup('<path class="rule" d="M{},{}H{}"/>'),
        Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>'),
    )
    told = [(ys.at(value), f"{value:.0%}" if percent else f"{value:.4g}") for value in values]
    return Markup("").join(
        rule.format(_LEFT, y, WIDTH - _RIGHT) + word.format(_LEFT - 8, y + 4, words) for y, words in told
    )


def _scale(values: Sequence[float], start: float, end: float, *, whole: bool = False) -> _Scale:
    low, high = min(values), max(values)
    if low == high:
        half = 0.5 if whole else abs(low) * 0.1 or 1.0
        return _Scale(low - half, high + half, start, end)
    room = 0.0 if whole else (high - low) * 0.08
    return _Scale(low - room, high + room, start, end)


def _ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Four to eight round values between two ends."""
    step = _nice((high - low) / 5)
    step = max(1.0, round(step)) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [round(each * step, 12) for each in range(first, math.floor(high / step + 1e-9) + 1)]


def _nice(value: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not below a value."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= value * (1 - 1e-9))


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Every n-th point and the last one: a curve of a million steps has as many as fit on a screen."""
    step = -(-len(points) // _MOST_POINTS) or 1
    return [point for number, point in enumerate(points) if number % step == 0 or number == len(points) - 1]
