import sys
from pathlib import Path

import pytest

from taxiway.core.errors import SpecError
from taxiway.engines.entry_points import load_entry_point
from taxiway.engines.flavours import flavour, flavour_of
from taxiway.engines.flavours.base import needs


def test_a_misspelt_flavour_is_answered_with_the_nearest_one():
    with pytest.raises(SpecError, match="Did you mean 'sklearn'"):
        flavour("skleran")


def test_a_model_nobody_knows_is_named_by_its_class():
    with pytest.raises(SpecError, match=r"builtins\.dict.*Return a folder"):
        flavour_of({"weights": 1})


def test_a_missing_library_is_answered_with_the_line_that_installs_it():
    with pytest.raises(SpecError, match=r"pip install 'taxiway\[torch\]'"):
        needs("a_library_nobody_has", "torch")


def test_a_folder_without_a_loader_is_refused(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(SpecError, match=r"names no loader.*model\.bin"):
        flavour("folder").save(tmp_path, tmp_path / "to", allow_pickle=False)


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(SpecError, match="not a folder"):
        flavour("folder").save(tmp_path / "nothing", tmp_path / "to", allow_pickle=False)


def test_a_folder_that_reaches_out_of_itself_by_a_link_is_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "loader").write_text("json:loads")
    (folder / "secrets").symlink_to(Path("/etc/hostname"))
    with pytest.raises(SpecError, match="may not hold links"):
        flavour("folder").save(folder, tmp_path / "to", allow_pickle=False)


def test_an_entry_point_gives_what_it_names():
    assert load_entry_point("pathlib:Path.cwd", where="here") == Path.cwd


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no_such_package.train:train", "no module 'no_such_package'"),
        ("json:lods", "Did you mean 'loads'"),
        ("json", "module, a colon"),
        ("json:loads; import os", "module, a colon"),
    ],
)
def test_what_is_not_importable_is_said(path, message):
    with pytest.raises(SpecError, match=message):
        load_entry_point(path, where="Training.function")


def test_a_fault_inside_the_users_module_comes_through_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "broken_train.py").write_text("import a_library_nobody_has\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="a_library_nobody_has"):
        load_entry_point("broken_train:train", where="Training.function")
    assert "broken_train" not in sys.modules
