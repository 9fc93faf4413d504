import pytest

from taxiway.core.errors import IntegrityError, SpecError
from taxiway.runtime.checkpoints import Checkpoints
from taxiway.stores.objects import open_store


@pytest.fixture
def store(tmp_path):
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def checkpoints(store, tmp_path):
    return Checkpoints(store, "training", tmp_path / "scratch")


def state(tmp_path, text):
    file = tmp_path / "state.txt"
    file.write_text(text)
    return file


def test_without_any_there_is_none(checkpoints):
    assert checkpoints.load() is None


def test_a_file_alone_is_kept_and_the_newest_step_is_loaded(checkpoints, tmp_path):
    for step in (2, 10, 9):
        checkpoints.save(step, state(tmp_path, f"after {step}"))
    found = checkpoints.load()
    assert found.step == 10
    assert (found.folder / "state.txt").read_text() == "after 10"


@pytest.mark.parametrize("step", [-1, 0])
def test_what_cannot_be_kept_is_said(checkpoints, tmp_path, step):
    folder = tmp_path / "nowhere" if step == 0 else state(tmp_path, "")
    with pytest.raises(SpecError, match=r"nothing to keep as a checkpoint.*run\.scratch"):
        checkpoints.save(step, folder)


def test_a_broken_entry_is_named(checkpoints, store, tmp_path):
    checkpoints.save(1, state(tmp_path, "whole"))
    (entry,) = [one.path for one in store.list("") if one.path.startswith("checkpoints/")]
    store.replace(entry, b"{}")
    with pytest.raises(IntegrityError, match=entry):
        checkpoints.load()
