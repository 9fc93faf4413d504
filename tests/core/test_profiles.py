"""Profiles add up, whoever made them and however they are grouped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.core.errors import SpecError
from taxiway.core.profiles import Bins, ColumnProfile, Confidence, Levels, Moments, Profile, blank, kind_of, merge

COUNTS = st.integers(0, 10**6)
EDGES = (-1.0, 0.0, 2.5)


def counts(size):
    return st.tuples(*[COUNTS] * size)


MOMENTS = st.builds(
    Moments,
    centre=st.just(1.0),
    count=COUNTS,
    total=st.none() | st.integers(-(10**6), 10**6).map(float),
    squares=st.none() | st.integers(0, 10**6).map(float),
    low=st.none() | st.integers(-9, 9).map(float),
    high=st.none() | st.integers(-9, 9).map(float),
)
NUMBERS = st.builds(
    ColumnProfile,
    name=st.just("delay"),
    dtypes=st.sampled_from(((), ("Float64",), ("Int64",))),
    rows=COUNTS,
    missing=COUNTS,
    foreign=COUNTS,
    infinite=COUNTS,
    moments=MOMENTS,
    bins=st.builds(Bins, edges=st.just(EDGES), counts=counts(4)),
)
WORDS = st.builds(
    ColumnProfile,
    name=st.just("carrier"),
    rows=COUNTS,
    levels=st.builds(
        Levels,
        counts=st.fixed_dictionaries({"AA": COUNTS, "UA": COUNTS}),
        buckets=counts(3),
        sure=st.just(26),
        fresh=st.dictionaries(st.sampled_from(("XX", "YY")), COUNTS),
    ),
)
NEW = st.builds(ColumnProfile, name=st.just("novel"), dtypes=st.just(("String",)), rows=COUNTS)
SURE = st.builds(Confidence, label=st.sampled_from("ny"), counts=counts(2))
PROFILES = st.builds(
    lambda rows, numbers, words, others, sure, outside: Profile(
        rows=rows, columns=(words, numbers, *others), edges=(0.5,), confidence=sure, outside=outside
    ),
    COUNTS,
    NUMBERS,
    WORDS,
    st.lists(NEW, max_size=1),
    st.lists(SURE, max_size=2, unique_by=lambda one: one.label).map(
        lambda found: tuple(sorted(found, key=lambda one: one.label))
    ),
    COUNTS,
)  # fmt: skip


@given(PROFILES, PROFILES)
def test_the_order_does_not_matter(a, b):
    assert merge([a, b]) == merge([b, a])


@given(PROFILES, PROFILES, PROFILES)
def test_the_grouping_does_not_matter(a, b, c):
    assert merge([merge([a, b]), c]) == merge([a, merge([b, c])]) == merge([a, b, c])


@given(PROFILES)
def test_a_blank_profile_adds_nothing(a):
    assert merge([blank(a), a]) == a.model_copy(update={"sampled": None}) == merge([a])


@given(PROFILES, PROFILES)
def test_what_is_counted_adds_up(a, b):
    both = merge([a, b])
    column = both.column("carrier")
    assert both.rows == a.rows + b.rows
    assert sum(column.levels.counts.values()) == sum(
        n for one in (a, b) for n in one.column("carrier").levels.counts.values()
    )


def test_nothing_at_all_has_no_sum():
    with pytest.raises(SpecError, match="there is nothing to add"):
        merge([])


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"bins": Bins(edges=(0.0,), counts=(1, 2))}, "bins of 'delay'"),
        ({"moments": Moments(centre=7.0)}, "centre of the moments"),
        ({"levels": Levels(counts={"DL": 1}, buckets=(0, 0))}, "levels of 'delay'"),
    ],
)
def test_profiles_counted_at_other_places_are_not_added(change, where):
    column = ColumnProfile(
        name="delay",
        moments=Moments(centre=1.0),
        bins=Bins(edges=EDGES, counts=(0, 0, 0, 0)),
        levels=Levels(counts={"AA": 1}, buckets=(0, 0)),
    )
    a = Profile(rows=1, columns=(column,))
    b = Profile(rows=1, columns=(column.model_copy(update=change),))
    with pytest.raises(SpecError, match=f"^{where}: profiles that were counted at other places"):
        merge([a, b])


def test_profiles_with_other_places_for_scores_are_not_added():
    with pytest.raises(SpecError, match="edges of scores"):
        merge([Profile(rows=0, columns=(), edges=(0.1,)), Profile(rows=0, columns=(), edges=(0.2,))])


def test_a_profile_of_inputs_and_one_of_answers_make_one():
    answer = ColumnProfile(name="delay", role="prediction", rows=2)
    both = merge([Profile(rows=2, columns=(ColumnProfile(name="delay", rows=2),)), Profile(rows=0, columns=(answer,))])
    assert both.column("delay", "prediction") == answer
    assert both.column("delay").role == "input"
    assert both.column("gone") is None
    assert both.rows == 2


def test_mean_and_deviation_come_from_the_sums():
    values = [1.0, 2.0, 6.0]
    moments = Moments(centre=2.0, count=3, total=sum(v - 2 for v in values), squares=sum((v - 2) ** 2 for v in values))
    assert moments.mean == 3.0
    assert moments.deviation == pytest.approx(7**0.5)


@pytest.mark.parametrize(
    ("values", "shown", "constant"),
    [
        ([0.1] * 300, True, True),
        ([0.1] * 300, False, True),
        ([0.1] * 299 + [0.3], True, False),
        ([0.1] * 299 + [0.3], False, False),
        ([0.1], False, False),
        ([], True, False),
    ],
)
def test_a_constant_is_told_by_its_ends_and_without_them_by_its_sums(values, shown, constant):
    away = [value - 7.3 for value in values]
    sums = {"count": len(values), "total": sum(away), "squares": sum(one**2 for one in away)}
    ends = {"low": min(values), "high": max(values)} if values and shown else {}
    moments = Moments(centre=7.3, **sums, **ends)
    assert moments.constant is constant
    assert not (constant and shown) or moments.deviation == 0.0, "whatever rounding left of the sums"


@pytest.mark.parametrize(
    "moments",
    [
        Moments(centre=0.0),
        Moments(centre=0.0, count=5, total=None, squares=None),
        Moments(centre=1.7e308, count=1, total=1.7e308, squares=None),
    ],
)
def test_what_no_number_can_hold_has_no_mean_and_no_deviation(moments):
    assert moments.mean is None
    assert moments.deviation is None


def test_sums_too_large_for_a_number_are_not_known():
    one = ColumnProfile(name="delay", moments=Moments(centre=0.0, count=1, total=1.7e308, squares=1.7e308))
    both = merge([Profile(rows=1, columns=(one,))] * 2).column("delay").moments
    assert (both.count, both.total, both.squares) == (2, None, None)


def test_shares_and_values_of_a_column():
    column = ColumnProfile(name="delay", rows=10, missing=3, foreign=2)
    assert (column.missing_share, column.values) == (0.3, 5)
    assert ColumnProfile(name="delay").missing_share == 0.0


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("Int8", "number"),
        ("Decimal(precision=38, scale=2)", "number"),
        ("Boolean", "truth"),
        ("Enum(categories=['a'])", "text"),
        ("Datetime(time_unit='us', time_zone='UTC')", "time"),
        ("Null", "nothing"),
        ("List(Int64)", "other"),
    ],
)
def test_a_type_is_of_a_kind(dtype, kind):
    assert kind_of(dtype) == kind
