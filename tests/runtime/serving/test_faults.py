"""What models, stores and neighbours do to a server, and what those who ask see of it."""

import contextlib
import os
import shutil
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from runtime.keys import key_pair
from runtime.serving.kit import OPEN, ROW, SERVICE, alive, serving, standing, until
from runtime.serving.moody import NO_HOUR
from taxiway.runtime.__main__ import main
from taxiway.runtime.serving.frames import refusal
from taxiway.runtime.signing import sign

ODD = {"delay": 1.0, "hour": NO_HOUR}


@pytest.fixture(scope="module")
def tight(tmp_path_factory):
    """Three may wait, and each is answered alone."""
    with standing(tmp_path_factory.mktemp("tight"), "--queue", "3", "--batch", "1", "--deadline-s", "60") as stand:
        yield stand


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """Predictors that do not answer within two seconds are ended, and the nursery leaves at once."""
    words = ("--patience-s", "2", "--nursery-s", "0.2", "--deadline-s", "60")
    with standing(tmp_path_factory.mktemp("strict"), *words) as stand:
        yield stand


@contextlib.contextmanager
def held(stand, flag):
    """A version whose predictor is held up by one request, until `flag` is removed."""
    flag.touch()
    stand.moody(then="wait", until_gone=str(flag))
    with ThreadPoolExecutor(20) as pool:
        try:
            first = [pool.submit(stand.server.predict, ODD)]
            until(lambda: live(stand.server)["busy"])
            yield pool, first
        finally:
            flag.unlink(missing_ok=True)


def live(server):
    return server.status()["slots"]["live"]


def damage(field, version):
    """Changes a byte in the file of a version; gives the file and what it held."""
    path = field.file_of(version)
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    return path, data


def test_a_server_without_a_version_lives_and_is_not_ready(field):
    with serving(field) as server:
        assert server.get("/v2/health/live").status == 200
        ready = server.get("/v2/health/ready")
        assert (ready.status, ready.json) == (503, {"ready": False})
        reply = server.predict()
        assert (reply.status, reply.json) == (503, {"error": "no version is served yet"})
        assert reply.headers["retry-after"] == "1"
        field.serve(field.moody())
        assert server.until_ready().predict().status == 200


def test_a_predict_that_raises_costs_only_its_own_request(stand):
    server, number = stand.server, stand.moody(then="fail")
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(server.predict, [ODD, ROW] * 30))
    assert [reply.status for reply in replies] == [500, 200] * 30
    assert replies[0].json == {"error": "the model failed: RuntimeError: there is no such hour"}
    assert server.heard("predict failed", version=number)["error"].endswith("there is no such hour\n")
    assert len(server.predictors(version=number)) == 1


def test_predictions_that_are_nan_are_null_and_counted(stand):
    server, number = stand.server, stand.moody(then="nan")
    assert server.predict(ODD, ROW).json["predictions"] == [None, 1.5]
    who = f'service="{SERVICE}",slot="live",version="{number}"'
    assert server.metrics()[f"taxiway_invalid_predictions_total{{{who}}}"] == 1


def test_a_predict_that_kills_its_process_costs_only_the_request_that_did_it(stand):
    server, number = stand.server, stand.moody(then="die")
    first = server.predictors(version=number)
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(server.predict, [ROW] * 20 + [ODD] + [ROW] * 20))
    assert [reply.status for reply in replies] == [200] * 20 + [500] + [200] * 20, replies
    assert "the model's process ended" in replies[20].json["error"]
    assert server.heard("a predictor ended", version=number)["reason"] == "killed by SIGKILL"
    assert server.predictors(version=number) != first
    assert server.process.poll() is None
    who = f'service="{SERVICE}",slot="live",version="{number}"'
    assert server.metrics()[f'taxiway_predictor_ends_total{{reason="killed by SIGKILL",{who}}}'] >= 1


def test_a_predictor_that_a_stranger_kills_is_replaced_and_nothing_is_lost(strict):
    server, number = strict.server, strict.moody()
    until(lambda: len(server.all_heard("nursery left")) == len(server.all_heard("nursery started")))
    (first,) = server.predictors(version=number)
    os.kill(first, signal.SIGKILL)
    assert server.predict().status == 200
    assert server.heard("a predictor ended", version=number)["reason"] == "killed by SIGKILL"
    until(lambda: not alive(first))
    until(lambda: server.predictors(version=number))


def test_a_predict_that_never_ends_is_ended_and_the_next_request_is_answered(strict):
    strict.moody(then="hang")
    reply = strict.server.predict(ODD)
    assert (reply.status, "it did not answer in time" in reply.json["error"]) == (500, True), reply.json
    assert strict.server.predict().status == 200


def test_a_request_past_its_deadline_is_given_up_wherever_it_is(stand, tmp_path):
    server = stand.server
    with held(stand, tmp_path / "flag"):  # the predictor is never let go while these wait
        under_way, waiting = (server.predict(row, x_taxiway_timeout="0.3") for row in (ODD, ROW))
        assert [under_way.status, waiting.status] == [504, 504]
        assert waiting.json == {"error": "the deadline of the request is over"}
        assert live(server)["waiting"] == 0
    assert server.predict().status == 200


def test_more_requests_than_may_wait_are_told_to_come_back(tight, tmp_path):
    server = tight.server
    with held(tight, tmp_path / "flag") as (pool, first):
        waiting = [pool.submit(server.predict) for _ in range(3)]
        until(lambda: live(server)["waiting"] == 3)
        full = server.predict()
        assert (full.status, full.headers["retry-after"]) == (429, "1")
        assert "try again" in full.json["error"]
        (tmp_path / "flag").unlink()
        assert [one.result().status for one in first + waiting] == [200] * 4


def test_what_has_come_in_while_a_predictor_was_busy_is_answered_at_once_and_nobody_waits_for_more(stand, tmp_path):
    server = stand.server
    with held(stand, tmp_path / "flag") as (pool, first):
        waiting = [pool.submit(server.predict) for _ in range(10)]
        until(lambda: live(server)["waiting"] == 10)
        (tmp_path / "flag").unlink()
        replies = [one.result() for one in first + waiting]
    assert [reply.status for reply in replies] == [200] * 11
    who = f'service="{SERVICE}",slot="live",version="{replies[0].version}"'
    metrics = server.metrics()
    found = [metrics[f"taxiway_batch_rows_{what}{{{who}}}"] for what in ("count", "sum")]
    assert found == [2, 11]  # the first alone, then all ten


def test_tampered_bytes_are_never_served_and_the_old_version_goes_on(stand):
    field, server = stand.field, stand.server
    old, new = field.moody(times=3), field.moody(times=5)
    path, whole = damage(field, new)
    stand.serve(old)
    state = field.serve(new)
    told = server.heard("a version is not served", version=new.number)
    assert told["fault"] == "integrity"
    assert "these bytes are not what the object's name promises" in told["reason"]
    assert server.predict().version == old.number
    assert server.ready()
    failed = f'taxiway_candidate_failed{{reason="integrity",service="{SERVICE}",version="{new.number}"}}'
    generation = f'taxiway_generation{{service="{SERVICE}"}}'
    metrics = server.metrics()
    assert (metrics[failed], metrics[generation]) == (1, state.generation - 1)
    path.write_bytes(whole)
    until(lambda: server.predict().version == new.number)
    until(lambda: server.metrics()[generation] == state.generation)
    assert failed not in server.metrics()


def test_where_signatures_are_asked_for_only_signed_versions_are_served(field, tmp_path):
    private, public = key_pair(tmp_path)
    first, second = field.moody(times=3), field.moody()
    field.serve(first)
    with serving(field, "--signed-by", str(public)) as server:
        told = server.heard("a version is not served", version=first.number)
        assert (told["fault"], "nobody whose word counts has signed" in told["reason"]) == ("integrity", True)
        assert not server.ready()
        sign(first.model, field.place.store, private)
        assert server.until_ready().predict().version == first.number
        field.serve(second)
        server.heard("a version is not served", version=second.number)
        assert server.predict().version == first.number


def test_a_model_that_answers_otherwise_than_at_training_gets_no_traffic(stand, tmp_path):
    field, server = stand.field, stand.server
    good, other = field.moody(), field.moody(times=2)
    forged = other.model.model_copy(update={"digest": forge(field, good, other, tmp_path), "uri": "forged"})
    stand.serve(good)
    bad = field.enter(forged)
    field.serve(bad)
    told = server.heard("a version is not served", version=bad.number)
    assert told["fault"] == "golden"
    assert "does not answer its golden requests" in told["reason"]
    assert (server.ready(), server.predict().version) == (True, good.number)


def forge(field, good, other, folder):
    """A folder with one model's golden answers and another's mood, as if a library had changed what it says."""
    from taxiway.stores.blobs import Blobs

    blobs = Blobs(field.place.store)
    first = blobs.fetch_folder(good.model.digest, folder / "good")
    second = blobs.fetch_folder(other.model.digest, folder / "other")
    shutil.copytree(first / "golden", second / "golden", dirs_exist_ok=True)
    return blobs.put_folder(second).digest


def test_an_old_version_without_golden_requests_is_served(stand, tmp_path):
    from taxiway.stores.blobs import Blobs

    version = stand.field.moody()
    blobs = Blobs(stand.field.place.store)
    folder = blobs.fetch_folder(version.model.digest, tmp_path / "old")
    shutil.rmtree(folder / "golden")
    old = stand.field.enter(version.model.model_copy(update={"digest": blobs.put_folder(folder).digest}))
    server = stand.serve(old)
    assert server.predict().version == old.number
    assert server.status()["slots"]["live"]["golden"] == 0


def test_a_version_that_takes_for_ever_to_load_holds_no_other_up(stand, tmp_path):
    flag, field, server = tmp_path / "loading", stand.field, stand.server
    first, slow, third = field.moody(), field.moody(times=3, unless=str(flag)), field.moody(times=2)
    flag.touch()
    field.serve(first, slow, weight=50)
    server.heard("predictor ready", version=first.number)
    stand.serve(third)
    assert server.predict().version == third.number
    field.serve(slow)
    field.serve(slow, third)
    state = field.serve(slow, third, weight=25)
    flag.unlink()
    server.heard("taken up", generation=state.generation)
    assert server.status()["weight"] == 25
    until(lambda: len(server.predictors()) == 2)


def test_requests_that_end_a_process_again_and_again_leave_the_others_their_turn(stand):
    server, number = stand.server, stand.moody(then="die")
    for _ in range(6):
        assert server.predict(ODD).status == 500
        assert server.predict().status == 200
    assert len(server.all_heard("a predictor ended", version=number)) == 12  # each is asked twice


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.system)])
def test_no_request_is_lost_while_versions_change_under_load(stand, rounds):
    versions = [stand.field.moody(times=3), stand.field.moody(), stand.field.register()]
    server = stand.serve(versions[0])
    stop, seen, failed = threading.Event(), set(), []

    def ask():
        with contextlib.closing(server.connection()) as connection:
            while not stop.is_set():
                reply = server.ask("POST", "/predict", {"rows": [ROW]}, connection=connection)
                seen.add(reply.headers.get("x-taxiway-version"))
                if reply.status != 200:
                    failed.append(reply)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for version in [1, 2, 0] * rounds:
        stand.serve(versions[version])
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert seen == {str(version.number) for version in versions}


def test_a_server_that_is_told_to_stop_answers_what_it_was_asked_and_leaves_nothing_behind(field, tmp_path):
    field.serve(field.moody(then="slow", seconds=1))
    home = tmp_path / "tmp"
    home.mkdir()
    with serving(field, "--lame-s", "3", env={"TMPDIR": str(home)}) as server:
        server.until_ready()
        (scratch,) = home.iterdir()
        assert scratch.stat().st_mode & 0o777 == 0o700
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(server.predict, ODD) for _ in range(3)]
            until(lambda: live(server)["busy"])
            server.process.send_signal(signal.SIGTERM)
            server.heard("going down")
            assert server.get("/v2/health/ready").status == 503
            assert server.predict().status == 200
            assert [one.result().status for one in asked] == [200] * 3
        assert server.process.wait(60) == 0
        assert [pid for pid in server.predictors() if alive(pid)] == []
        assert list(home.iterdir()) == []
        with pytest.raises(ConnectionRefusedError):
            server.get("/v2/health/live")


def test_a_server_that_is_killed_leaves_no_process_behind(field):
    field.serve(field.moody())
    with serving(field) as server:
        server.until_ready()
        pids = [*server.predictors(), server.heard("nursery started")["pid"]]
        server.stop(signal.SIGKILL)
        until(lambda: not any(alive(pid) for pid in pids))


HALF = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n"


def test_a_client_that_says_nothing_or_goes_away_in_mid_sentence_holds_nobody_up(stand):
    server, number = stand.server, stand.moody()
    for words in (b"", HALF + b"\r\n{", b"nonsense\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(words)
            assert server.predict().status == 200
    assert server.predict().status == 200
    refused = f'{{outcome="refused",service="{SERVICE}",slot="live",version="{number}"}}'
    assert server.metrics()[f"taxiway_requests_total{refused}"] == 0


def test_a_body_that_never_comes_is_given_up_at_the_deadline(stand):
    with socket.create_connection(("127.0.0.1", stand.server.port), timeout=60) as client:
        client.sendall(HALF + b"x-taxiway-timeout: 0.2\r\n\r\n{")
        said = client.makefile("rb").read()
    assert said.startswith(b"HTTP/1.1 408 ")
    assert said.endswith(b'{"error":"the body did not come in time"}')


def test_a_port_that_is_taken_is_said_at_once(stand, capsys):
    words = ["serve", "--service", SERVICE, "--store", stand.field.uri, "--port", str(stand.server.port)]
    assert main([*words, *OPEN]) == 1
    said = f"127.0.0.1 port {stand.server.port}: this address cannot be listened on"
    assert said in capsys.readouterr().err


def test_a_version_can_be_pinned_whatever_the_log_says(field):
    other, pinned = field.moody(times=3), field.moody()
    path, whole = damage(field, pinned)
    field.serve(other)
    with serving(field, "--version", str(pinned.number)) as server:
        server.heard("a version is not served", version=pinned.number)
        failed = f'taxiway_candidate_failed{{reason="integrity",service="{SERVICE}",version="{pinned.number}"}}'
        assert (server.metrics()[failed], server.ready()) == (1, False)
        path.write_bytes(whole)
        assert server.until_ready().predict().version == pinned.number
        field.serve(other)
        ready = f'taxiway_ready{{digest="{pinned.model.digest}",service="{SERVICE}",slot="live",version="2"}}'
        assert server.metrics()[ready] == 1
        assert server.predict().version == pinned.number


def test_a_reason_is_never_long():
    assert len(refusal(500, "x" * 10_000).body) < 1000
