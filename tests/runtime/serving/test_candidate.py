"""A candidate beside the live version: it answers its share, or only its shadow, and hurts nobody either way."""

import itertools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from runtime.serving.kit import ROW, SERVICE, standing, until
from runtime.serving.moody import NO_HOUR

ODD = {"delay": 1.0, "hour": NO_HOUR}


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    """Predictors that do not answer within two seconds are ended."""
    with standing(tmp_path_factory.mktemp("stand"), "--patience-s", "2", "--deadline-s", "60") as stand:
        yield stand


def count(server, name, slot, version, **more):
    labels = {**more, "service": SERVICE, "slot": slot, "version": version.number}
    inside = ",".join(f'{key}="{labels[key]}"' for key in sorted(labels))
    return server.metrics().get(f"{name}{{{inside}}}", 0)


def of_shadow(server, name, version):
    return server.metrics()[f'{name}{{service="{SERVICE}",version="{version.number}"}}']


def versions(server, *names):
    return [server.predict(x_taxiway_key=name).version for name in names]


def test_a_candidate_answers_its_share_and_keys_stay_where_they_are_as_it_grows(stand):
    live, candidate = stand.pair()
    server, new = stand.serve(live, candidate, weight=25), candidate.number
    keys = [f"customer-{number}" for number in range(200)]
    answered = [server.predict().version for _ in range(200)]
    assert 48 <= answered.count(new) <= 52
    first = versions(server, *keys)
    assert first == versions(server, *keys)
    assert 25 <= first.count(new) <= 75
    stand.serve(live, candidate, weight=75)
    grown = versions(server, *keys)
    assert all(after == new for before, after in zip(first, grown, strict=True) if before == new)
    assert 120 <= grown.count(new) <= 180
    stand.serve(candidate)
    assert set(versions(server, *keys)) == {new}
    for version in (live, candidate):  # nothing was loaded twice
        assert len(server.all_heard("predictor ready", version=version.number)) == 1


def test_a_candidate_that_is_made_ready_gets_nothing_until_it_has_a_weight(stand):
    live, candidate = stand.pair()
    server = stand.serve(live, candidate)
    assert {server.predict().version for _ in range(50)} == {live.number}
    assert server.status()["slots"]["candidate"]["state"] == "ready"
    path = f"/v2/models/flight-delay/versions/{candidate.number}/infer"
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1.0, 3]}
    assert server.post(path, {"inputs": [tensor]}).version == candidate.number


def test_a_first_version_can_go_live_as_a_candidate_with_all_of_the_weight(stand):
    _, first = stand.pair()
    server = stand.serve(None, first)
    assert (server.ready(), server.predict().status) == (False, 503)
    stand.serve(None, first, weight=100)
    assert server.ready()
    assert server.predict().version == first.number


@pytest.mark.parametrize("then", ["fail", "die", "hang"])
def test_what_a_candidate_cannot_answer_the_live_version_does_and_it_is_counted(stand, then):
    live, candidate = stand.pair(then=then)
    server = stand.serve(live, candidate, weight=100)
    reply = server.predict(ODD)
    assert (reply.status, reply.version) == (200, live.number)
    assert count(server, "taxiway_requests_total", "candidate", candidate, outcome="failed") == 1
    assert count(server, "taxiway_requests_total", "live", live, outcome="failed") == 0
    assert server.predict(ROW).status == 200


def test_a_request_that_does_not_fit_the_candidate_is_not_handed_on(stand):
    live, candidate = stand.pair()
    server = stand.serve(live, candidate, weight=100)
    reply = server.predict({"delay": "x", "hour": 1})
    assert (reply.status, reply.version) == (400, candidate.number)
    assert count(server, "taxiway_requests_total", "candidate", candidate, outcome="refused") == 1


def test_a_slow_candidate_leaves_the_live_version_half_of_the_time(stand):
    live, candidate = stand.pair(then="slow", seconds=1.5)
    server = stand.serve(live, candidate, weight=100)
    reply = server.predict(ODD, x_taxiway_timeout="2")
    assert (reply.status, reply.version) == (200, live.number)


def test_a_candidate_that_cannot_be_loaded_changes_nothing_for_those_who_ask(stand):
    live, candidate = stand.pair()
    stand.field.file_of(candidate).unlink()
    before = stand.field.serve(live, candidate, weight=50).generation
    server = stand.server
    server.heard("taken up in part", generation=before)
    server.heard("a version is not served", version=candidate.number)
    assert {server.predict().version for _ in range(20)} == {live.number}
    assert server.status()["generation"] < before


def test_a_shadow_is_asked_everything_compared_and_never_heard(stand):
    live, shadow = stand.pair(times=3, then="nan")
    server = stand.serve(live, shadow, shadow=True)
    assert {server.predict().version for _ in range(30)} == {live.number}
    assert {server.predict(ODD).version for _ in range(10)} == {live.number}
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1.0, 3]}
    binary = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    assert server.post("/v2/models/flight-delay/infer", binary).status == 200
    until(lambda: of_shadow(server, "taxiway_compared_total", shadow) == 41)
    assert of_shadow(server, "taxiway_disagreements_total", shadow) == 10
    assert count(server, "taxiway_requests_total", "shadow", shadow, outcome="ok") == 41
    assert count(server, "taxiway_invalid_predictions_total", "shadow", shadow) == 10


@pytest.mark.parametrize("then", ["fail", "die", "hang", "slow"])
def test_a_shadow_that_fails_hangs_or_dies_fails_no_request(stand, then):
    live, shadow = stand.pair(then=then)
    server = stand.serve(live, shadow, shadow=True)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: server.predict(ODD), range(100)))
    assert {(reply.status, reply.version) for reply in replies} == {(200, live.number)}
    assert server.ready()


def test_the_shadow_steps_back_for_everybody_else(stand):
    live, shadow = stand.pair()
    server = stand.serve(live, shadow, shadow=True)
    ((first,), (second,)) = (server.predictors(version=version.number) for version in (live, shadow))
    assert os.getpriority(os.PRIO_PROCESS, second) > os.getpriority(os.PRIO_PROCESS, first)


def test_a_shadow_that_is_too_slow_is_left_behind_and_memory_is_bounded(tmp_path):
    with standing(tmp_path, "--queue", "4", "--batch", "1") as stand:
        live, shadow = stand.pair(then="slow", seconds=1)
        server = stand.serve(live, shadow, shadow=True)
        assert {server.predict(ODD).status for _ in range(100)} == {200}
        assert of_shadow(server, "taxiway_shadow_dropped_total", shadow) > 50


def latencies(server, row, seconds=1.5):
    """Sorted, of four at a time."""
    taken, end = [], time.monotonic() + seconds

    def ask():
        connection = server.connection()
        while time.monotonic() < end:
            began = time.perf_counter()
            assert server.ask("POST", "/predict", {"rows": [row]}, connection=connection).status == 200
            taken.append(time.perf_counter() - began)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(taken)


@pytest.mark.system
def test_a_shadow_that_takes_all_the_processor_it_can_get_delays_no_request(stand):
    """Compared within one process: rows that set the shadow burning, and rows that do not, in turns."""
    live, shadow = stand.pair(then="burn", seconds=0.4)
    server = stand.serve(live, shadow, shadow=True)
    latencies(server, ROW)
    calm, burning = [], []
    for _ in range(3):
        calm += latencies(server, ROW)
        burning += latencies(server, ODD)
    medians = [sorted(taken)[len(taken) // 2] for taken in (calm, burning)]
    assert medians[1] < 3 * medians[0] + 0.005, medians
    assert count(server, "taxiway_batch_rows_count", "shadow", shadow) > 0


def test_turns_are_spread_evenly():
    from taxiway.runtime.serving.desk import _GOLDEN_ANGLE

    for weight in (1, 5, 25, 50, 99):
        places = [number * _GOLDEN_ANGLE % 100 for number in range(1, 1001)]
        hits = [number for number, place in enumerate(places) if place < weight]
        assert abs(len(hits) - 10 * weight) <= 5
        longest = max(after - before for before, after in itertools.pairwise(hits))
        assert longest <= 3 * 100 / weight
