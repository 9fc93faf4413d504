import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.core.counts import Counts, Reading, read, since, total
from taxiway.core.errors import BackendError

TEXT = """
# HELP taxiway_requests_total Requests.
# TYPE taxiway_requests_total counter
taxiway_requests_total{service="delays",version="1",slot="live",outcome="ok"} 90
taxiway_requests_total{service="delays",version="1",slot="live",outcome="refused"} 3 1700000000000
taxiway_requests_total{service="delays",version="2",slot="candidate",outcome="ok"} 5.0
taxiway_requests_total{service="delays",version="2",slot="shadow",outcome="ok"} 2
taxiway_requests_total{service="other",version="2",slot="live",outcome="ok"} 1000
taxiway_request_seconds_bucket{service="delays",version="2",slot="candidate",le="0.01"} 3
taxiway_request_seconds_bucket{service="delays",version="2",slot="candidate",le="0.1"} 3
taxiway_request_seconds_bucket{service="delays",version="2",slot="candidate",le="+Inf"} 5
taxiway_request_seconds_bucket{service="delays",version="2",slot="shadow",le="0.01"} 2
taxiway_request_seconds_bucket{service="delays",version="2",slot="shadow",le="+Inf"} 2
taxiway_request_seconds_sum{service="delays",version="2",slot="candidate"} 0.2
taxiway_predictions_bucket{service="delays",version="2",slot="candidate",le="+Inf"} 0
taxiway_predicted_labels_total{service="delays",version="1",slot="live",label="a \\"b\\"\\n\\\\"} 4
taxiway_invalid_predictions_total{service="delays",version="2",slot="candidate"} 1
taxiway_compared_total{service="delays",version="2"} 7
taxiway_disagreements_total{service="delays",version="2"} 2
taxiway_generation{service="delays"} 4
taxiway_ready{service="delays",version="1",slot="live",digest="sha256:aa"} 1
taxiway_ready{service="delays",version="2",slot="candidate",digest="sha256:bb"} 0
taxiway_candidate_failed{service="delays",version="2",reason="golden"} 1
process_start_time_seconds 1700000000.5
go_memstats_whatever NaN
"""


def test_the_metrics_of_a_process_say_what_each_version_answered():
    reading = read(TEXT, service="delays", replica="pod-1")
    assert (reading.replica, reading.started, reading.generation) == ("pod-1", 1700000000.5, 4)
    assert reading.ready == {"live": "sha256:aa"}
    assert reading.failed == "version 2: golden"
    live, candidate = reading.counts["1"], reading.counts["2"]
    assert live.answers == {"ok": 90, "refused": 3}
    assert (live.requests, live.errors, live.faults) == (93, 3, 0)
    assert live.labels == {'a "b"\n\\': 4}
    assert candidate.answers == {"ok": 7}
    assert candidate.seconds == {"0.01": 5, "+Inf": 2}
    assert (candidate.invalid, candidate.compared, candidate.disagreements, candidate.rows) == (1, 7, 2, 1)


def test_a_process_that_has_counted_nothing_says_nothing():
    assert read("\n# nothing yet\n", service="delays", replica="x") == Reading(replica="x")


@pytest.mark.parametrize(
    "text",
    [
        "<html>502 Bad Gateway</html>",
        'taxiway_requests_total{service="delays"} many',
        'taxiway_requests_total{service="delays"} NaN',
        "process_start_time_seconds +Inf",
    ],
)
def test_what_is_no_metrics_is_refused_and_shown(text):
    with pytest.raises(BackendError, match="replica 'x': these are not metrics"):
        read(text, service="delays", replica="x")


def reading(replica="a", started=1.0, **versions):
    counts = {name.removeprefix("v"): Counts(answers={"ok": number}) for name, number in versions.items()}
    return Reading(replica=replica, started=started, counts=counts)


def answered(base, now):
    return {version: counts.requests for version, counts in since(base, now).items()}


def test_a_window_is_what_was_counted_between_two_readings_of_all_replicas():
    base = [reading("a", v1=10), reading("b", v1=100)]
    assert answered(base, [reading("a", v1=15, v2=3), reading("b", v1=107)]) == {"1": 12, "2": 3}


def test_a_replica_that_came_or_started_again_in_between_counts_from_nothing():
    base = [reading("a", v1=10)]
    assert answered(base, [reading("a", started=2.0, v1=4), reading("c", v1=5)]) == {"1": 9}


def test_a_replica_that_is_gone_takes_its_counts_with_it():
    assert answered([reading("a", v1=10), reading("b", v1=10)], [reading("b", v1=12)]) == {"1": 2}


def test_a_counter_that_went_back_counts_as_nothing():
    assert answered([reading("a", v1=10)], [reading("a", v1=4)]) == {"1": 0}


SOME = st.builds(
    Counts,
    answers=st.dictionaries(st.sampled_from(["ok", "failed"]), st.integers(1, 9)),
    seconds=st.dictionaries(st.sampled_from(["0.1", "+Inf"]), st.integers(1, 9)),
    invalid=st.integers(0, 9),
)


@given(before=SOME, more=SOME)
def test_what_was_added_is_what_comes_out(before, more):
    base = Reading(replica="a", started=1.0, counts={"1": before})
    now = Reading(replica="a", started=1.0, counts={"1": total([before, more])})
    assert since([base], [now])["1"] == more


def test_nothing_added_up_is_nothing():
    assert total([]) == Counts()
