"""The truth about predictions: late, twice, and against itself."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from taxiway.core.errors import SpecError
from taxiway.engines.labels import TRUTH, join

END = datetime(2026, 1, 5, 1, tzinfo=UTC)
PREDICTIONS = pl.DataFrame({"id": [1, 2, 3, 4], "prediction": [True, False, True, False]})


def joined(labels, predictions=PREDICTIONS, **options):
    options = {"key": "id", "target": "late", "at": None, "since": END, **options}
    frame = pl.LazyFrame(labels, orient="row") if isinstance(labels, dict) else labels
    return join(predictions, frame, options["key"], options["target"], at=options["at"], since=options["since"])


def test_every_prediction_gets_its_truth_and_those_without_are_counted():
    found = joined({"id": [4, 1, 9], "late": [True, True, False]})
    assert found.known.sort("id").to_dicts() == [
        {"id": 1, "prediction": True, TRUTH: True},
        {"id": 4, "prediction": False, TRUTH: True},
    ]
    assert (found.rows, found.repeated, found.contradictory) == (4, 0, 0)


def test_a_label_that_arrives_twice_counts_once():
    found = joined({"id": [1, 1, 1, 2], "late": [True, True, True, False]})
    assert (found.known.height, found.repeated) == (2, 2)


def test_labels_that_contradict_each_other_are_no_truth():
    found = joined({"id": [1, 1, 2], "late": [True, False, False]})
    assert found.known["id"].to_list() == [2]
    assert (found.contradictory, found.repeated) == (1, 0)


def test_a_null_is_no_truth_and_no_key():
    found = joined({"id": [1, None, 2], "late": [None, True, False]})
    assert found.known["id"].to_list() == [2]


def test_keys_of_other_types_are_the_same_keys():
    assert joined({"id": ["1", "2"], "late": [True, True]}).known.height == 2


def test_a_prediction_that_was_made_twice_counts_twice():
    twice = pl.concat([PREDICTIONS, PREDICTIONS.head(1)])
    assert joined({"id": [1], "late": [True]}, twice).known.height == 2


@pytest.mark.parametrize("text", [False, True], ids=["times", "text"])
def test_the_delay_is_that_of_half_of_the_labels(text):
    when = [END + timedelta(hours=hours) for hours in (1, 2, 5)]
    when = [one.isoformat() for one in when] if text else when
    found = joined({"id": [1, 2, 3], "late": [True] * 3, "when": when}, at="when")
    assert found.delay_s == 7200


def test_a_delay_that_nobody_knows_is_none():
    assert joined({"id": [1], "late": [True], "when": [7]}, at="when").delay_s is None
    nothing = {"id": [9], "late": [True], "when": [END]}
    assert joined(nothing, at="when").delay_s is None


def test_without_labels_nothing_is_known():
    found = joined(None)
    assert (found.rows, found.known.height, found.known.columns) == (4, 0, ["id", "prediction", TRUTH])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": "idd"}, r"Labels\.key, in the predictions: column 'idd' is not known.*Did you mean 'id'"),
        ({"target": "lat"}, r"Labels\.target, in the labels: .*Did you mean 'late'"),
        ({"at": "wen"}, r"Labels\.at, in the labels: .*Did you mean 'when'"),
    ],
)
def test_a_column_that_is_not_there_is_named(options, message):
    with pytest.raises(SpecError, match=message):
        joined({"id": [1], "late": [True], "when": [END]}, **options)


def test_columns_may_be_called_as_ours_would_be():
    predictions = PREDICTIONS.rename({"id": "key"}).with_columns(when=1, times=2, truth=3)
    found = joined({"key": [1], "truth": [True]}, predictions, key="key", target="truth")
    assert found.known.to_dicts() == [{"key": 1, "prediction": True, "when": 1, "times": 2, "truth": 3, TRUTH: True}]
