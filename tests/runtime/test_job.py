import gc
import importlib
import json
import os
import subprocess
import sys

import pytest

import samples
from contract.runner import CODE, request, result
from taxiway.core.errors import BackendError, DeadlineExceeded, IntegrityError, SpecError
from taxiway.core.jobs import Cause
from taxiway.core.stages import Stage
from taxiway.runtime import job
from taxiway.runtime.launcher import WARM
from taxiway.runtime.stopping import Stopped
from taxiway.runtime.world import World
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import open_store


@pytest.fixture
def uri(tmp_path):
    return (tmp_path / "store").as_uri()


@pytest.fixture
def store(uri):
    return open_store(uri)


def python(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "taxiway.runtime", *words], capture_output=True, text=True, check=False
    )


def test_a_stage_gives_its_record_and_what_it_took(store, uri):
    done = job.run(request("echo", uri), store)
    assert done.record == request("echo", uri).work
    assert done.failure is None
    assert done.cpu_s > 0
    assert done.peak_memory_bytes > 1 << 20
    assert done.started_at < done.ended_at
    assert done.started_at.endswith("+00:00")
    assert done.host == os.uname().nodename


def test_every_stage_has_a_function_and_is_warmed():
    assert set(job.STAGES) == set(Stage) == set(WARM)


@pytest.mark.parametrize("name", sorted({name for names in WARM.values() for name in names}))
def test_what_is_imported_beforehand_exists(name):
    module, _, function = name.partition(":")
    found = importlib.import_module(module)
    assert not function or callable(getattr(found, function))


@pytest.mark.parametrize("stage", Stage)
def test_the_function_of_a_stage_is_there(stage):
    assert callable(job._function(stage, World())[0])


@pytest.mark.parametrize("stage", Stage)
def test_a_stage_takes_a_record_of_its_own(stage):
    assert job._function(stage, World())[1].__name__ == f"{stage.capitalize()}Work"


def test_a_library_that_is_missing_is_left_to_whoever_uses_it():
    function, work = job.Step("taxiway.runtime.job:run", libraries=("no_such_library",)).load()
    assert (function, work.__name__) == (job.run, "Record")


def test_the_collector_of_garbage_rests_until_a_stage_begins(store, uri):
    asked = request("collects", uri)
    Mailbox(store).post(asked)
    done = python("job", "--store", uri, "--key", asked.key.slug)
    assert (done.stdout, done.stderr) == ("collects\n", "")


def test_a_stage_within_another_process_leaves_its_collector_alone(store, uri):
    before = gc.get_freeze_count()
    assert job.run(request("echo", uri), store).failure is None
    assert (gc.isenabled(), gc.get_freeze_count()) == (True, before)


def test_a_process_that_starts_a_job_imports_no_other_stage(store, uri):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, taxiway.runtime.job as j; j._function('train', j.World()); print(*sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(done.stdout.split())
    assert "taxiway.runtime.training" in imported
    assert not imported & {"taxiway.core.monitoring", "taxiway.runtime.models", "taxiway.engines.validation", "sklearn"}


def test_an_unknown_stage_names_the_nearest(store, uri):
    done = job.run(request("echo", uri).model_copy(update={"stage": "trian"}), store)
    assert done.failure.cause is Cause.SPEC
    assert "Did you mean 'train'?" in done.failure.message


@pytest.mark.parametrize("stage", ["steps:", ":echo", "a/b:c", "steps:echo()"])
def test_a_stage_that_names_nothing_importable_is_refused(store, uri, stage):
    done = job.run(request("echo", uri).model_copy(update={"stage": stage}), store)
    assert done.failure.cause is Cause.SPEC


def test_the_work_of_another_stage_is_refused(store, uri):
    asked = request("echo", uri).model_copy(update={"stage": "train", "work": samples.author().dump()})
    done = job.run(asked, store)
    assert done.failure.cause is Cause.SPEC
    assert "TrainWork" in done.failure.message


def test_a_stage_that_gives_no_record_is_refused(store, uri):
    done = job.run(request("gives_nothing", uri), store)
    assert done.failure.cause is Cause.SPEC
    assert "NoneType" in done.failure.message


@pytest.mark.parametrize(
    ("error", "cause", "retryable"),
    [
        (SpecError("x"), Cause.SPEC, False),
        (IntegrityError("x"), Cause.INTEGRITY, False),
        (BackendError("x"), Cause.BACKEND, True),
        (DeadlineExceeded("x"), Cause.DEADLINE, True),
        (MemoryError(), Cause.OUT_OF_MEMORY, False),
        (type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch"})(), Cause.OUT_OF_MEMORY, False),
        (type("OutOfMemoryError", (RuntimeError,), {"__module__": "mine"})(), Cause.USER_CODE, False),
        (KeyError("x"), Cause.USER_CODE, False),
        (SystemExit(0), Cause.USER_CODE, False),
        (KeyboardInterrupt(), Cause.USER_CODE, False),
    ],
)
def test_each_kind_of_error_is_one_cause(error, cause, retryable):
    failure = job.failure_of(error)
    assert (failure.cause, failure.retryable) == (cause, retryable)


def test_an_error_of_ours_needs_no_traceback_and_one_of_the_users_does(store, uri):
    assert job.failure_of(SpecError("x")).traceback == ""
    assert job.run(request("raises", uri), store).failure.traceback.count("File ") == 1


def test_an_error_as_long_as_a_book_is_cut_and_its_end_is_kept():
    failure = job.failure_of(ValueError("x" * 1_000_000 + "end"))
    assert len(failure.message) < 2100
    assert len(failure.traceback) < 8100
    assert failure.traceback.rstrip().endswith("end")


def test_an_error_that_cannot_be_shown_is_still_named():
    class Mute(Exception):  # noqa: N818
        def __str__(self):
            raise RuntimeError

    assert "Mute" in job.failure_of(Mute()).message


def test_a_stop_is_not_a_result(store, uri):
    with pytest.raises(Stopped):
        job.run(request("stops", uri), store)


def test_the_scratch_folder_is_private_and_removed(store, uri, tmp_path):
    assert job.run(request("surroundings", uri), store, tmp_path / "scratch").failure is None
    assert not (tmp_path / "scratch").exists()


def test_the_result_is_delivered_once(store, uri):
    asked = request("echo", uri)
    job.perform(asked.dump(), open_store(asked.store))
    first = result(asked)
    job.perform(asked.dump(), open_store(asked.store))
    assert result(asked) == first


def test_a_request_of_a_newer_taxiway_is_answered_with_what_to_do(uri):
    asked = request("echo", uri)
    job.perform({**asked.dump(), "v": 99}, open_store(uri))
    assert result(asked).failure.cause is Cause.SPEC
    assert "newer taxiway" in result(asked).failure.message


def test_a_request_without_a_key_is_refused(uri):
    with pytest.raises(SpecError, match="without a key"):
        job.perform({"store": uri}, open_store(uri))


def test_a_store_that_stays_away_is_given_up_before_the_deadline(tmp_path):
    (tmp_path / "file").touch()
    asked = request("echo", (tmp_path / "file" / "store").as_uri(), deadline_s=1)
    with pytest.raises(BackendError):
        job.perform(asked.dump(), open_store(asked.store))


def test_a_container_does_the_job_that_was_posted(store, uri):
    asked = request("echo", uri)
    Mailbox(store).post(asked)
    done = python("job", "--store", uri, "--key", asked.key.slug)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")
    assert result(asked).record == asked.work


def test_a_container_without_a_request_says_so(uri):
    done = python("job", "--store", uri, "--key", "a" * 32)
    assert done.returncode == 1
    assert "there is no request for this job" in done.stderr


@pytest.mark.parametrize("text", ["", "[]", "{", json.dumps({"kind": "JobRequest", "v": 1})])
def test_a_broken_request_is_a_sentence_not_a_traceback(store, uri, text):
    store.create(f"jobs/{'a' * 32}/job.json", text.encode())
    done = python("job", "--store", uri, "--key", "a" * 32)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Error: " in done.stderr


def test_the_users_folders_come_before_the_installed_packages(store, uri, tmp_path):
    (tmp_path / "only_here.py").write_text("def stage(work, job):\n    return work\n")
    asked = request("echo", uri)
    asked = asked.model_copy(update={"stage": "only_here:stage", "sys_path": (str(tmp_path), str(CODE))})
    before = list(sys.path)
    try:
        assert job.run(asked, store).failure is None
        assert sys.path[0] == str(tmp_path)
    finally:
        sys.path[:] = before
        sys.modules.pop("only_here")
