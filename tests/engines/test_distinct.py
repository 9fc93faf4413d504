"""Flags count whole numbers as exactly as a set does, or say that they cannot."""

import random
import threading

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from taxiway.engines.distinct import WIDEST_RANGE, Seen, narrow


@settings(deadline=None)
@given(st.lists(st.lists(st.one_of(st.none(), st.integers(-1000, 1000)), max_size=20), min_size=1, max_size=10))
def test_the_count_is_that_of_a_set_however_the_batches_come(batches):
    seen = Seen()
    for batch in batches:
        pl.DataFrame({"x": batch}, schema={"x": pl.Int64}).select(seen.expression("x"))
    assert seen.count() == len({value for batch in batches for value in batch} - {None})


def test_values_too_far_apart_are_given_up():
    seen = Seen()
    pl.DataFrame({"x": [0, WIDEST_RANGE + 1]}).select(seen.expression("x"))
    assert seen.given_up


def test_threads_do_not_lose_each_others_values():
    seen, values = Seen(), list(range(200_000))
    random.Random(1).shuffle(values)
    parts = [pl.DataFrame({"x": values[start::8]}) for start in range(8)]
    threads = [threading.Thread(target=part.select, args=(seen.expression("x"),)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert seen.count() == 200_000


def test_only_columns_of_numbers_close_together_are_chosen():
    data = pl.LazyFrame({"id": [1, 2, 3], "far": [0, 1, 2**60], "text": ["a", "b", "c"], "real": [1.0, 2.0, 3.0]})
    assert narrow(data, ["id", "far", "text", "real"]) == {"id"}
