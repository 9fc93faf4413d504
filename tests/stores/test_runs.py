import math
from pathlib import Path
from typing import Any

import pytest

import samples
from taxiway.core.errors import BackendError, IntegrityError, SpecError
from taxiway.core.history import run_key
from taxiway.core.jobs import Cause, Failure, JobRequest, JobResult
from taxiway.core.training import Environment, TrainingRun
from taxiway.stores.blobs import Blobs
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import ObjectStore
from taxiway.stores.runs import RunHistory

RUN = "flight-delay.abc"


@pytest.fixture
def runs(store: ObjectStore) -> RunHistory:
    return RunHistory(store)


def done(**changes: Any) -> TrainingRun:
    values = {
        "run": RUN,
        "model": samples.model_ref(),
        "params": {"depth": 3},
        "metrics": {"loss": 0.5},
        "environment": Environment(python="3.11", platform="linux", packages={}),
        "seed": 0,
        "seconds": 1.0,
        "peak_memory_bytes": 1,
    }
    return TrainingRun(**{**values, **changes})


def curve(runs: RunHistory, name: str = "loss") -> list[tuple[int, float | None]]:
    return [(point.step, point.value) for point in runs.read(RUN).curves[name]]


def test_a_run_is_readable_while_it_goes_on(runs: RunHistory) -> None:
    writer = runs.writer(RUN)
    writer.log_params({"depth": 3, "names": ["a", None]})
    assert runs.read(RUN).params == {"depth": 3, "names": ["a", None]}
    writer.log_metric("loss", 1.0, 1, 10.0)
    writer.flush()
    writer.log_metric("loss", 0.5, 2, 11.0)
    assert curve(runs) == [(1, 1.0)]
    writer.flush()
    assert curve(runs) == [(1, 1.0), (2, 0.5)]
    assert runs.read(RUN).result is None


def test_points_become_readable_by_the_clock_and_by_number(memory_store: ObjectStore) -> None:
    runs = RunHistory(memory_store)
    runs.writer(RUN, flush_every_s=0.0).log_metric("loss", 1.0, 1, 10.0)
    assert curve(runs) == [(1, 1.0)]
    patient = runs.writer(RUN, flush_every_s=3600.0)
    for step in range(1, 1100):
        patient.log_metric("accuracy", 0.5, step, 10.0)
    assert len(curve(runs, "accuracy")) == 1000


def test_a_run_that_was_killed_goes_on_without_losing_or_doubling_points(runs: RunHistory) -> None:
    killed = runs.writer(RUN)
    for step in (1, 2, 3):
        killed.log_metric("loss", 1.0 / step, step, 10.0)
    killed.flush()
    again = runs.writer(RUN)
    for step in (2, 3, 4):
        again.log_metric("loss", 9.0, step, 20.0)
    again.finish(done())
    assert curve(runs) == [(1, 1.0), (2, 0.5), (3, 1.0 / 3), (4, 9.0)]


def test_two_writers_of_one_run_do_no_harm_to_each_other(runs: RunHistory) -> None:
    one, two = runs.writer(RUN), runs.writer(RUN)
    for writer, value in ((one, 1.0), (two, 2.0)):
        for step in (1, 2):
            writer.log_metric("loss", value, step, 10.0)
    one.flush()
    two.flush()
    one.log_metric("loss", 3.0, 3, 10.0)
    one.flush()
    assert curve(runs) == [(1, 1.0), (2, 1.0), (3, 3.0)]


def test_a_point_survives_a_store_that_fails(memory_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = RunHistory(memory_store)
    writer = runs.writer(RUN)
    writer.log_metric("loss", 1.0, 1, 10.0)

    def fail(self: ObjectStore, path: str, data: bytes) -> bool:
        raise BackendError("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(ObjectStore, "create", fail)
        with pytest.raises(BackendError):
            writer.flush()
    writer.flush()
    assert curve(runs) == [(1, 1.0)]


def test_what_is_no_number_is_kept_as_no_value(runs: RunHistory) -> None:
    writer = runs.writer(RUN)
    for step, value in enumerate((math.nan, math.inf, 1)):
        writer.log_metric("loss", value, step, 10.0)
    writer.flush()
    assert curve(runs) == [(0, None), (1, None), (2, 1.0)]


def test_the_newest_file_of_a_name_is_read(runs: RunHistory, store: ObjectStore, tmp_path: Path) -> None:
    file = tmp_path / "roc.svg"
    for text in ("old", "new"):
        file.write_text(text)
        runs.writer(RUN).artifact("figures/roc.svg", file)
    kept = runs.read(RUN).artifacts
    assert list(kept) == ["figures/roc.svg"]
    assert Blobs(store).get(kept["figures/roc.svg"].digest) == b"new"


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "a//b", ""])
def test_a_hostile_name_of_a_file_is_refused(memory_store: ObjectStore, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("data")
    with pytest.raises(SpecError, match="an artefact's name"):
        RunHistory(memory_store).writer(RUN).artifact(name, tmp_path / "file")


def test_a_run_ends_once(runs: RunHistory) -> None:
    assert runs.writer(RUN).finish(done()) == done()
    assert runs.writer(RUN).finish(done(seconds=2.0)) == done()
    assert runs.read(RUN).result == runs.result(RUN) == done()
    assert runs.runs("flight-delay") == [RUN]
    assert runs.runs("other") == []


def test_other_parameters_are_another_run(runs: RunHistory) -> None:
    runs.writer(RUN).log_params({"depth": 3})
    runs.writer(RUN).log_params({"depth": 3})
    with pytest.raises(SpecError, match="started with other parameters"):
        runs.writer(RUN).log_params({"depth": 4})


@pytest.mark.parametrize("value", [math.nan, object(), {1, 2}])
def test_parameters_that_json_cannot_say_are_refused(memory_store: ObjectStore, value: Any) -> None:
    with pytest.raises(SpecError, match="plain JSON data"):
        RunHistory(memory_store).writer(RUN).log_params({"depth": value})


def test_an_unknown_run_is_explained(runs: RunHistory) -> None:
    with pytest.raises(SpecError, match=f"there is no run '{RUN}'"):
        runs.read(RUN)
    assert runs.result(RUN) is None


@pytest.mark.parametrize("run", ["../x", "a/b", "", ".."])
def test_a_hostile_key_is_refused(memory_store: ObjectStore, run: str) -> None:
    with pytest.raises(SpecError):
        RunHistory(memory_store).writer(run)


def test_a_broken_chunk_is_named(memory_store: ObjectStore) -> None:
    path = f"runs/{RUN}/chunks/{1:020}.json"
    memory_store.create(path, b"{")
    with pytest.raises(IntegrityError, match=path):
        RunHistory(memory_store).read(RUN)


def test_the_ledger_says_what_each_attempt_cost_and_which_were_wasted(store: ObjectStore, runs: RunHistory) -> None:
    mailbox = Mailbox(store)
    for attempt, seconds, failure in (
        (1, 90, Failure.of(Cause.PREEMPTED, "pushed out")),
        (2, 60, None),
        (3, None, None),
    ):
        key = samples.job_key(attempt=attempt)
        mailbox.post(JobRequest(key=key, stage="train", work={}, store="s3://m/", gpus=4))
        if seconds is not None:
            times = {
                "started_at": "2026-01-01T00:00:00Z",
                "ended_at": f"2026-01-01T00:0{seconds // 60}:{seconds % 60:02}Z",
            }
            record = None if failure else {"kind": "X"}
            mailbox.deliver(JobResult(key=key, record=record, failure=failure, cpu_s=1, peak_memory_bytes=1, **times))
    runs.writer(run_key("m", samples.job_key(attempt=2))).log_params({})
    told = runs.read(run_key("m", samples.job_key())).spent
    assert [(one.attempt, one.gpu_s, one.outcome, one.wasted) for one in told] == [
        (1, 360, "Preempted", True),
        (2, 240, "succeeded", False),
        (3, 0, "running", False),
    ]
    assert runs.spent("a run that no job made") == ()


def test_a_snapshot_tells_who_learned_from_it(runs: RunHistory):
    data = samples.dataset_ref()
    assert runs.learned_from(data.name, data.digest) == []
    runs.writer(RUN).finish(done())
    assert runs.learned_from(data.name, data.digest) == [("flight-delay", RUN)]
