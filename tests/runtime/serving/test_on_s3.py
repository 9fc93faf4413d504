"""A server and its store, with a network between them that can be asked what went through it, and cut."""

import os
import signal
import time

import pytest

from runtime.serving.kit import SERVICE, Airfield, Stand, serving, until
from s3 import S3, s3
from stores.faulty import proxied
from taxiway.stores.objects import open_store

__all__ = ["s3"]


@pytest.fixture(scope="module")
def away(s3: S3, tmp_path_factory):
    """A server, its store, and the proxy between them."""
    with pytest.MonkeyPatch.context() as patch, proxied(s3.port) as proxy:
        for name, value in s3.environment().items():
            patch.setenv(name, value)
        field = Airfield.in_store(tmp_path_factory.mktemp("away"), open_store(s3.uri()))
        env = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}
        with serving(field, "--sample", "1", env=env) as server:
            yield Stand(field, server), proxy


def test_looking_at_the_log_costs_one_small_request_while_nothing_happens(away):
    stand, proxy = away
    stand.moody()
    requests, sizes = [], []

    def count(data):
        if data.startswith((b"GET ", b"HEAD ", b"PUT ")):
            requests.append(data.split(b" ", 2)[:2])
        return data

    def weigh(data):
        sizes.append(len(data))
        return data

    proxy.up, proxy.down = count, weigh
    until(lambda: len(requests) > 20)
    proxy.up = proxy.down = lambda data: data
    following = requests[5:15]
    assert len({path for _, path in following}) == 1, following
    assert following[0][1].endswith(b".json")
    assert b"/log/" in following[0][1]
    assert max(sizes) < 2000


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.system)])
def test_a_store_that_is_down_costs_no_request_and_no_restart_and_is_followed_again(away, seconds):
    stand, proxy = away
    first, server = stand.moody(times=3), stand.server
    before = server.metrics()[FAILURES]
    proxy.up = lambda _: None
    until(lambda: server.metrics()[FAILURES] > before)
    os.kill(server.predictors(version=first)[0], signal.SIGKILL)
    end, replies = time.monotonic() + seconds, []
    while time.monotonic() < end or len(replies) <= 20:
        replies.append(server.predict())
    assert {(reply.status, reply.version) for reply in replies} == {(200, first)}
    assert server.ready()
    proxy.up = lambda data: data
    second = stand.moody()
    assert server.predict().version == second


def test_a_version_that_cannot_be_fetched_now_is_only_late(away):
    stand, proxy = away
    first, server = stand.moody(times=3), stand.server
    proxy.up = lambda data: None if b"/blobs/" in data[:300] else data
    second = stand.field.moody()
    stand.field.serve(second)
    server.heard("a version is not served", version=second.number)
    assert server.predict().version == first
    assert not [name for name in server.metrics() if name.startswith("taxiway_candidate_failed{")]
    proxy.up = lambda data: data
    until(lambda: server.predict().version == second.number)


FAILURES = f'taxiway_store_failures_total{{outcome="failed",service="{SERVICE}"}}'
