import os
from pathlib import Path

import pytest

from taxiway.core.errors import SpecError
from taxiway.core.jobs import Cause, Failure
from taxiway.runtime import process
from taxiway.runtime.folder import Exit, JobFolder, private, state_folder, sweep

ENDED = Exit(Failure(cause=Cause.CRASHED, message="…", retryable=True), signal=9, cpu_s=1.5, peak_memory_bytes=7)


@pytest.fixture
def folder(tmp_path):
    return JobFolder(private(tmp_path / "job"))


def test_an_exit_is_read_as_it_was_written(folder):
    folder.finish(ENDED)
    assert folder.exit() == ENDED


def test_the_first_to_say_how_it_ended_is_believed(folder):
    folder.finish(ENDED)
    folder.finish(Exit(None, code=0))
    assert folder.exit() == ENDED


def test_a_job_runs_while_its_lock_is_held_and_no_longer(folder):
    with folder.elected({}, 1.0) as lock:
        assert lock is not None
        assert folder.running()
        assert folder.supervisor().pid == os.getpid()
    assert not folder.running()
    assert folder.gone(0)


def test_who_comes_later_is_not_elected(folder):
    with folder.elected({}, 1.0) as first, folder.elected({}, 1.0) as second:
        assert first is not None
        assert second is None


def test_a_job_that_ran_once_is_never_run_again(folder):
    with folder.elected({}, 1.0):
        pass
    with folder.elected({}, 1.0) as again:
        assert again is None


def test_a_job_that_was_forestalled_is_never_run(folder):
    assert folder.forestall(ENDED)
    with folder.elected({}, 1.0) as lock:
        assert lock is None
    assert folder.supervisor() is None


def test_a_job_that_runs_cannot_be_forestalled(folder):
    with folder.elected({}, 1.0):
        assert not folder.forestall(ENDED)
    assert folder.exit() is None


def test_nothing_runs_of_a_job_of_an_earlier_boot(folder):
    (folder.path / "started").write_text(f'{{"pid": {os.getppid()}, "started": 1, "boot": "earlier", "grace_s": 1}}')
    assert folder.relatives() == []


def test_a_number_that_was_given_to_another_process_is_no_relative(folder):
    started = process.started(os.getppid()) - 1
    (folder.path / "started").write_text(
        f'{{"pid": {os.getppid()}, "started": {started}, "boot": "{process.boot()}", "grace_s": 1}}'
    )
    assert folder.relatives() == []


def test_the_state_folder_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("TAXIWAY_STATE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder() == tmp_path / "taxiway"
    monkeypatch.setenv("TAXIWAY_STATE", str(tmp_path / "mine"))
    assert state_folder() == tmp_path / "mine"
    monkeypatch.delenv("TAXIWAY_STATE")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert state_folder() == Path.home() / ".local" / "state" / "taxiway"


def test_a_private_folder_is_ours_alone(tmp_path):
    assert private(tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_link_is_not_followed_into_somebody_elses_folder(tmp_path):
    (tmp_path / "link").symlink_to(private(tmp_path / "real"))
    with pytest.raises(SpecError, match="not private"):
        private(tmp_path / "link")


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SpecError, match=r"cannot be made.*TAXIWAY_STATE"):
        private(tmp_path / "file")


def test_only_jobs_that_ended_long_ago_are_swept_away(tmp_path):
    old, young, unfinished = (JobFolder(private(tmp_path / name)) for name in ("old", "young", "unfinished"))
    for folder in (old, young):
        folder.finish(ENDED)
    for folder in (old, unfinished):
        os.utime(folder.path, (1, 1))
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["unfinished", "young"]


def test_a_running_job_is_never_swept_away(folder):
    with folder.elected({}, 1.0):
        folder.finish(ENDED)
        sweep(folder.path.parent, older_than_s=-60)
        assert folder.path.exists()


def test_there_may_be_nothing_to_sweep(tmp_path):
    sweep(tmp_path / "none")
