"""Hashes are the same in every process, release and machine."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from taxiway.engines.hashing import mixed, mixed_number, pseudonyms

ANN = "cd3b8f4e7bf953cdd2e57a5874a11213"
NOBODY = "53ca8e54b7edcd85c46e1a2915abd2f0"


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=20), st.integers(-(2**70), 2**70))
def test_numbers_are_mixed_alike_by_polars_and_by_python(numbers, seed):
    data = pl.DataFrame({"x": numbers}, schema={"x": pl.UInt64})
    assert data.select(mixed(pl.col("x"), seed))["x"].to_list() == [mixed_number(number, seed) for number in numbers]


def test_the_mixing_is_splitmix64():
    assert mixed_number(0, 0) == 0xE220A8397B1DCDAF


def test_pseudonyms_never_change():
    """If this fails, people who were one person in last year's data are two in this year's."""
    data = pl.DataFrame({"x": ["ann", None, "ann", ""]})
    found = data.select(pseudonyms("x", pl.String(), b"k" * 32))["x"].to_list()
    assert found == [ANN, None, ANN, NOBODY]
