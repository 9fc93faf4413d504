"""What a server keeps of what it was asked: a sample, treated as the column policy says, at no request's cost."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from arro3.core import Table

import samples
from runtime.kit import flights
from runtime.serving.kit import ROW, SERVICE, Airfield, alive, serving, standing, until
from s3 import S3, s3
from stores.faulty import proxied
from taxiway.core.specs.data import Dataset
from taxiway.runtime import process
from taxiway.runtime.data import personal_key
from taxiway.runtime.serving import recording, writing
from taxiway.runtime.serving.frames import Ask, Form, Told
from taxiway.stores.datasets import snapshot
from taxiway.stores.objects import open_store
from taxiway.stores.traffic import TrafficLog

__all__ = ["s3"]
INFER = "/v2/models/flight-delay/infer"
LOGGED = f'taxiway_traffic_requests_total{{outcome="written",service="{SERVICE}"}}'


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    """All requests are kept, and written soon."""
    with standing(tmp_path_factory.mktemp("stand"), "--sample", "1", "--flush-s", "0.5") as stand:
        yield stand


def log_of(field, *versions) -> pl.DataFrame:
    """What is in the log about these versions."""
    now = datetime.now(UTC)
    found = TrafficLog(field.place.store, SERVICE).read(now - timedelta(hours=2), now + timedelta(hours=1))
    if found.is_empty() or not versions:
        return found
    return found.filter(pl.col("version").is_in([one.number for one in versions]))


def written(field, rows, *versions) -> pl.DataFrame:
    """The same, as soon as so many rows are there."""
    until(lambda: log_of(field, *versions).height >= rows)
    return log_of(field, *versions)


def test_every_row_of_a_sampled_request_is_kept_with_its_answer_and_a_name_to_join_labels_by(stand):
    version = stand.field.register()
    server = stand.serve(version)
    tensor = {"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [1.5, 12, -1.0, 3]}
    named = server.predict(ROW, {**ROW, "hour": 3, "card_number": "4111"}, x_request_id="ours")
    answers = [named, server.post(INFER, {"id": "mine", "inputs": [tensor]})]
    binary = {"inputs": [tensor], "parameters": {"binary_data_output": True}, "outputs": [{"name": "score"}]}
    generated = server.post(INFER, binary).headers["x-request-id"]
    assert server.predict({"hour": 1}).status == 400
    found = written(stand.field, 6, version).sort("at", "row")
    assert found["request_id"].to_list() == ["ours", "ours", "mine", "mine", generated, generated]
    assert found["row"].to_list() == [0, 1] * 3
    assert found["input.delay"].to_list() == [1.5, 1.5, 1.5, -1.0, 1.5, -1.0]
    assert found["input.hour"].to_list() == [12, 3, 12, 3, 12, 3]
    assert found["prediction"].to_list()[:4] == answers[0].json["predictions"] + answers[1].json["outputs"][0]["data"]
    assert found["prediction"].to_list()[4:] == [None, None]
    assert found["score"].to_list()[2:4] == found["score"].to_list()[4:] == answers[1].json["outputs"][1]["data"]
    assert set(found["digest"]) == {version.model.digest}
    assert set(found["slot"]) == {"live"}
    assert found["seconds"].min() > 0
    assert not [name for name in found.columns if "card" in name]


def test_a_logged_request_that_is_sent_again_is_not_logged_once_more(stand):
    version = stand.field.moody()
    server = stand.serve(version)
    assert server.predict(x_taxiway_replay="1", x_request_id="again").status == 200
    assert server.predict(x_request_id="new").status == 200
    assert written(stand.field, 1, version)["request_id"].to_list() == ["new"]


def test_personal_columns_are_kept_as_the_policy_says(stand):
    field, data = stand.field, flights(300)
    place = field.place.folder / "lake" / "people.parquet"
    place.parent.mkdir(exist_ok=True)
    data.with_columns(pl.col("id").cast(pl.String).alias("person")).write_parquet(place)
    personal = {"person": "drop", "carrier": "hash", "hour": "mask"}
    dataset = snapshot(Dataset("flights", place.as_uri(), personal=personal), field.place.store)
    asked = {"inputs": ["delay", "hour"], "target": "late"}
    version = field.register("train_on_any_names", dataset=dataset, params=asked)
    other = field.register("train_a_folder", dataset=dataset)
    server = stand.serve(version, other, weight=50)
    row = {"person": "Ann", "carrier": "UA", "delay": 1.5, "hour": 12, "id": 3}
    assert {server.predict(row).version for _ in range(4)} == {version.number, other.number}
    found = written(field, 4, version, other)
    text = found.write_json()
    assert "Ann" not in text
    assert '"UA"' not in text
    assert found["input.hour"].null_count() == 4
    assert "input.person" not in found.columns
    expected = hashlib.blake2b(b"UA", key=personal_key(field.place.store), digest_size=16).hexdigest()
    assert set(found.filter(pl.col("version") == other.number)["input.carrier"]) == {expected}


def table(columns) -> pl.DataFrame:
    return pl.DataFrame(Table.from_pydict({name: writing._array(name, rows, None) for name, rows in columns.items()}))


def test_a_column_that_is_null_all_over_takes_the_type_that_other_files_give_it():
    full = table({"a": [1, 2], "b": [1.5, 2], "c": [True, False], "d": ["x", "y"]})
    empty = table({name: [None, None] for name in "abcd"})
    for frames in ((full, empty), (empty, full)):
        found = pl.concat(frames, how="diagonal_relaxed")
        assert found.dtypes == [pl.Int64, pl.Float64, pl.Boolean, pl.String]
        assert found["a"].null_count() == 2


def test_a_store_that_is_away_loses_no_request_and_the_log_comes_later(s3: S3, tmp_path, monkeypatch):
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    field = Airfield.in_store(tmp_path, open_store(s3.uri()))
    field.serve(field.moody())
    with proxied(s3.port) as proxy:
        env = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}
        with serving(field, "--sample", "1", "--flush-s", "0.5", env=env) as server:
            server.until_ready()
            proxy.up = lambda data: None if b"/traffic/" in data[:300] else data
            assert {server.predict().status for _ in range(20)} == {200}
            server.heard("the traffic log cannot be written; it is tried again")
            assert server.metrics()[LOGGED] == 0
            assert {server.predict().status for _ in range(20)} == {200}
            proxy.up = lambda data: data
            until(lambda: server.metrics()[LOGGED] == 40)
    assert log_of(field).height == 40
    assert log_of(field)["request_id"].n_unique() == 40


def offered(share, room):
    """How many of a thousand requests are kept, or lost for want of room."""
    slot = SimpleNamespace(
        target=samples.target(), secret="", ledger=SimpleNamespace(slot="live")
    )  # all that is asked of one

    async def offer_many():
        log = recording.Recording("file:///nowhere", SERVICE, share, most_bytes=room)
        for number in range(1000):
            log.offer(str(number), Ask(Form.NAMED, 0, b"x" * 90), Told(200, 0, 1, b"y" * 10), slot, 0.001)
        return len(log._held), log.counts()["lost"]

    return asyncio.run(offer_many())


@pytest.mark.parametrize("share", [0.001, 0.1, 0.25, 1.0])
def test_of_all_requests_the_share_is_kept_that_was_asked_for(share):
    kept, lost = offered(share, 1 << 20)
    assert abs(kept - 1000 * share) <= 1
    assert lost == 0


@pytest.mark.parametrize("room", [0, 10_000])
def test_what_there_is_no_room_for_is_counted_and_forgotten(room):
    assert offered(1.0, room) == (room // 100, 1000 - room // 100)


@pytest.mark.system
def test_a_server_that_goes_down_leaves_no_writer_behind(s3: S3, tmp_path, monkeypatch):
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    field = Airfield.in_store(tmp_path, open_store(s3.uri()))
    field.serve(field.moody())
    with proxied(s3.port) as proxy:
        env = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}
        with serving(field, "--sample", "1", "--flush-s", "0.2", env=env) as server:
            server.until_ready()
            proxy.up = lambda _: None
            server.predict()
            (writer,) = until(lambda: writers(server))
            server.process.terminate()
            until(lambda: not alive(writer))
            assert server.process.wait(60) == 0


def writers(server):
    below = process.descendants(server.process.pid)
    return [one.pid for one in below if b"traffic" in Path(f"/proc/{one.pid}/cmdline").read_bytes()]
