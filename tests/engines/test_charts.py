import io
import math
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from taxiway.core.errors import SpecError
from taxiway.engines.charts import Distribution, Series, describe, draw

DELAY = Distribution("dep_delay", ["< 0", "0-5", "> 5"], [0.5, 0.3, 0.2], [0.1, 0.3, 0.6])
AUC = Series("roc_auc", [f"{hour:02}:00" for hour in range(24)], [0.8] * 24, limit=0.75, fault=(9, 11))
WINDOW = (217, 72, 15)


def pixels(png):
    from PIL import Image

    assert png.startswith(b"\x89PNG")
    return Image.open(io.BytesIO(png)).convert("RGB")


def share(image, colour):
    dots = np.asarray(image).reshape(-1, 3)
    return float((dots == colour).all(axis=1).mean())


def test_a_chart_shows_the_window_beside_the_reference():
    image = pixels(draw([DELAY]))
    assert 900 <= image.width <= 1100
    assert share(image, WINDOW) > 0.02
    empty = pixels(draw([DELAY._replace(window=[0.0, 0.0, 0.0])]))
    assert share(empty, WINDOW) < share(image, WINDOW) / 5


def test_a_metric_has_a_row_of_its_own():
    alone, both = pixels(draw([DELAY])), pixels(draw([DELAY], AUC))
    assert both.height == 2 * alone.height
    assert pixels(draw([], AUC)).height == alone.height


def test_a_fault_is_shaded():
    shaded = pixels(draw([], AUC._replace(limit=None)))
    bare = pixels(draw([], AUC._replace(limit=None, fault=None)))
    white = (255, 255, 255)
    assert share(bare, white) - share(shaded, white) > 0.03


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 50])
def test_at_most_six_columns_are_drawn_three_in_a_row(count):
    row = pixels(draw([DELAY])).height
    assert pixels(draw([DELAY] * count)).height == row * min(2, math.ceil(count / 3))


@pytest.mark.parametrize(
    "values", [[None] * 24, [math.nan] * 24, [math.inf, -math.inf] * 12, [1e300, -1e300] * 12, [0.8]]
)
def test_a_metric_with_gaps_is_drawn(values):
    pixels(draw([], AUC._replace(values=values, times=AUC.times[: len(values)], fault=None)))


@pytest.mark.parametrize(
    "name", ["$x^2$ \\frac{1}", "<b>&amp;</b>", "日本語 עברית", "n" * 300, "", "\ud800\x00", "a\nb", "$$$ %s {x}"]
)
def test_a_name_of_any_kind_is_drawn_as_it_is_without_a_warning(name):
    levels = Distribution(name, [name, f"{name} 2"], [0.5, 0.5], [0.4, 0.6])
    pixels(draw([levels] * 3, Series(name, [name] * 3, [1.0, 2.0, 3.0])))


def test_many_levels_are_drawn_together():
    many = Distribution("tail", [str(n) for n in range(5000)], [1 / 5000] * 5000, [1 / 5000] * 5000)
    pixels(draw([many]))


@pytest.mark.parametrize(
    ("distributions", "series", "said"),
    [([], None, "nothing to draw"), ([DELAY._replace(window=[0.5])], None, "a number for each label")],
)
def test_what_cannot_be_drawn_is_said(distributions, series, said):
    with pytest.raises(SpecError, match=said):
        draw(distributions, series)


def test_the_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SpecError, match=r"taxiway\[charts\]"):
        draw([DELAY])


def test_what_is_to_be_seen_is_said_in_words_without_secrets():
    assert describe([DELAY], AUC) == "Shares of dep_delay, reference and window; roc_auc over 24 windows"
    assert describe([DELAY._replace(title="password=hunter2")]) == "Shares of password=[hidden], reference and window"
    assert describe([], AUC) == "roc_auc over 24 windows"


def test_several_threads_draw_at_once_and_the_same():
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: draw([DELAY], AUC), range(8)))
    assert len(set(drawn)) == 1
