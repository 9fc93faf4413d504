"""Training and serving, held against each other as a schema says it."""

import pytest

from taxiway.core.outcomes import Outcome
from taxiway.core.profiles import Bins, ColumnProfile, Levels, Profile
from taxiway.core.skew import Breach, skew


def numbers(*counts, missing=0, dtype="Float64", name="delay", role="input"):
    return ColumnProfile(
        name=name,
        role=role,
        dtypes=(dtype,),
        rows=sum(counts) + missing,
        missing=missing,
        bins=Bins(edges=(0.0, 1.0), counts=counts),
    )


def words(aa, ua, other, name="carrier"):
    levels = Levels(counts={"AA": aa, "UA": ua}, buckets=(other,))
    return ColumnProfile(name=name, dtypes=("String",), rows=aa + ua + other, levels=levels)


def whole(*columns, rows=1000, **changes):
    return Profile(rows=rows, columns=columns, **changes)


TRAINING = whole(numbers(300, 400, 300), words(600, 390, 10))


def breaches(*columns, **changes):
    report = skew(TRAINING, whole(*columns, **changes))
    return {(one.column, one.breach) for one in report.found}


def test_what_is_served_as_it_was_learned_breaks_nothing():
    report = skew(TRAINING, whole(numbers(310, 390, 300), words(590, 400, 10)))
    assert (report.outcome, report.found, report.training_rows, report.serving_rows) == (Outcome.PASS, (), 1000, 1000)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ((words(600, 390, 10),), {("delay", Breach.ABSENT)}),
        ((numbers(), words(600, 390, 10)), {("delay", Breach.ABSENT)}),
        ((numbers(300, 400, 300, dtype="String"), words(600, 390, 10)), {("delay", Breach.TYPE)}),
        ((numbers(150, 200, 150, missing=500), words(600, 390, 10)), {("delay", Breach.PRESENCE)}),
        ((numbers(300, 400, 300), words(300, 300, 400)), {("carrier", Breach.DOMAIN), ("carrier", Breach.DISTANCE)}),
        ((numbers(700, 200, 100), words(600, 390, 10)), {("delay", Breach.DISTANCE)}),
        ((numbers(300, 400, 300), words(300, 690, 10)), {("carrier", Breach.DISTANCE)}),
        ((numbers(300, 400, 300, dtype="Null"), words(600, 390, 10)), set()),
    ],
)
def test_what_is_broken_is_named(columns, expected):
    assert breaches(*columns) == expected


def test_a_new_column_is_told_only_where_the_whole_table_is_known():
    same = (numbers(300, 400, 300), words(600, 390, 10), numbers(1, 1, 1, name="novel"))
    answer = numbers(1, 1, 1, name="prediction", role="prediction")
    assert breaches(*same, answer) == set()
    known = TRAINING.model_copy(update={"whole": True})
    assert {(one.column, one.breach) for one in skew(known, whole(*same, answer)).found} == {("novel", Breach.NEW)}


def test_answers_are_no_part_of_the_schema():
    training = whole(numbers(300, 400, 300), numbers(500, 500, 0, name="score", role="score"))
    assert skew(training, whole(numbers(300, 400, 300))).outcome is Outcome.PASS


def test_few_rows_break_nothing_by_chance():
    assert skew(TRAINING, whole(numbers(9, 4, 3), words(5, 9, 2), rows=16)).outcome is Outcome.PASS


def test_a_column_without_values_has_no_distance():
    assert breaches(numbers(0, 0, 0, missing=1000), words(600, 390, 10)) == {("delay", Breach.PRESENCE)}


def test_without_rows_nothing_can_be_told():
    assert skew(TRAINING, whole(rows=0)).outcome is Outcome.INCONCLUSIVE
    assert skew(whole(rows=0), TRAINING).outcome is Outcome.INCONCLUSIVE


def test_types_come_first_and_then_the_largest():
    found = skew(TRAINING, whole(numbers(700, 200, 100, dtype="String"), words(100, 100, 800))).found
    assert [one.breach for one in found] == [Breach.TYPE, Breach.DOMAIN, Breach.DISTANCE]
    assert found[1].expected == "99.0% of the rows"
    assert found[1].size == pytest.approx(0.75, abs=0.05)


def test_a_time_is_only_asked_whether_it_is_there():
    when = ColumnProfile(name="when", dtypes=("Date",), rows=1000)
    assert skew(whole(when), whole(when)).outcome is Outcome.PASS
