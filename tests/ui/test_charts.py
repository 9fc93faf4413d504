from xml.etree import ElementTree as ET

import pytest

from taxiway.ui.charts import Bar, Point, Series, bars, lines


def drawn(markup):
    """The picture and its legend, as XML."""
    return ET.fromstring(f"<div>{markup}</div>")  # noqa: S314 - our own


def texts(markup):
    return [each.text for each in drawn(markup).iter("text")]


def test_lines_have_axes_a_legend_and_words_for_those_who_do_not_see_them():
    found = lines("loss by step", [Series("loss", [Point(n, 1 / (n + 1)) for n in range(5)])], across="step")
    assert drawn(found).find("svg").get("aria-label") == "loss by step"
    assert "step" in texts(found)
    assert next(each.text for each in drawn(found).iter("title")) == "0: loss = 1"
    assert len(list(drawn(found).iter("circle"))) == 5


def test_gaps_are_no_points_and_nothing_is_no_picture():
    gap = [Point(1, 0.5), Point(2, None), Point(3, 0.7)]
    assert len(list(drawn(lines("x", [Series("a", gap)], across="n")).iter("circle"))) == 2
    assert lines("x", [Series("a", [Point(1, None)])], across="n") == ""
    assert lines("x", [], across="n") == ""
    assert bars("x", []) == ""
    assert bars("x", [Bar("a", 0.0, 0.0)]) == ""


@pytest.mark.parametrize("y", [0.0, 5.0, -3.0, 1e300, 1e-300])
def test_one_point_alone_is_drawn(y):
    assert len(list(drawn(lines("x", [Series("a", [Point(7, y)])], across="n")).iter("circle"))) == 1


def test_a_curve_of_a_million_steps_is_as_long_as_a_screen_needs():
    found = lines("x", [Series("a", [Point(n, float(n % 7)) for n in range(100_000)])], across="n")
    assert len(found) < 20_000
    assert list(drawn(found).iter("circle")) == []


def test_names_stay_text():
    found = lines("</svg><script>", [Series("<i>", [Point(1, 1, "<b>")])], across="<u>")
    assert "<script>" not in found
    assert bars("x", [Bar("<b>\u202e" + "w" * 300, 0.5, 0.5)]).count("<b>") == 0
    drawn(found)


@pytest.mark.parametrize("count", [1, 5, 40])
def test_bars_stand_side_by_side(count):
    found = bars("delay", [Bar(f"level {n}", 1 / count, 0.5 / count) for n in range(count)])
    rects = list(drawn(found).iter("rect"))
    assert len(rects) == 2 * count
    assert all(float(each.get("height")) >= 0 for each in rects)
    assert "level 0, reference: " in found


@pytest.mark.parametrize(("count", "left_out"), [(10, 0), (22, 11)])
def test_a_narrow_screen_leaves_out_every_other_name_where_they_are_crowded(count, left_out):
    found = bars("delay", [Bar(f"level {n}", 1 / count, 0.5 / count) for n in range(count)])
    assert [each.get("class") for each in drawn(found).iter("text")].count("spare") == left_out
