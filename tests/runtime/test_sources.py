import hashlib
import subprocess

import pytest

from taxiway.core.errors import SpecError
from taxiway.core.training import Environment
from taxiway.runtime.sources import find_code


@pytest.fixture
def clone(tmp_path):
    """A repository with one commit of `models/train.py`, in a folder of it."""
    folder = tmp_path / "clone"
    (folder / "code" / "models").mkdir(parents=True)
    (folder / "code" / "models" / "__init__.py").write_text("")
    (folder / "code" / "models" / "train.py").write_text("then")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "Train"]):
        who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def head(clone):
    asked = ["git", "rev-parse", "HEAD"]
    return subprocess.run(asked, cwd=clone, check=True, capture_output=True, text=True).stdout.strip()


def recorded(text, code=None):
    source = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return Environment(python="3.11", platform="Linux", packages={}, code=code, source=source)


def test_code_is_taken_from_its_commit_whatever_the_clone_holds_now(clone, into):
    (clone / "code" / "models" / "train.py").write_text("now")
    commit = head(clone)
    found = find_code(recorded("then", commit), "models.train:train", [clone / "code"], into)
    assert (found.told, found.exact) == (f"git commit {commit}", True)
    assert found.folders == (str(into / "code"), str(into))
    assert (into / "code" / "models" / "train.py").read_text() == "then"
    assert (clone / "code" / "models" / "train.py").read_text() == "now"


def test_code_with_changes_that_nobody_committed_is_taken_from_the_folder_that_still_has_them(clone, into):
    (clone / "code" / "models" / "train.py").write_text("changed")
    found = find_code(recorded("changed", f"{head(clone)}+dirty"), "models.train:train", [clone / "code"], into)
    assert (found.told, found.exact) == (f"folder {clone / 'code'}", True)


def test_without_a_commit_the_folder_whose_source_has_the_digest_is_taken(clone, tmp_path, into):
    (tmp_path / "other" / "models").mkdir(parents=True)
    (tmp_path / "other" / "models" / "train.py").write_text("other")
    found = find_code(recorded("then"), "models.train:train", [tmp_path / "other", clone / "code"], into)
    assert found.folders == (str(clone / "code"),)
    near = find_code(recorded("gone"), "models.train:train", [tmp_path / "other", clone / "code"], into)
    assert (near.folders, near.exact) == ((str(tmp_path / "other"),), False)


def test_a_package_is_a_module_too(clone, into):
    assert find_code(recorded(""), "models:train", [clone / "code"], into).exact


@pytest.mark.parametrize("code", ["--output=pwned", "HEAD", "0" * 40, "main+dirty", "--exec=touch pwned"])
def test_what_is_no_commit_is_never_given_to_git_and_an_unknown_one_is_not_found(clone, into, code):
    found = find_code(recorded("then", code), "models.train:train", [clone / "code"], into)
    assert found.told.startswith("folder ")
    assert list(into.iterdir()) == []
    assert not list(clone.rglob("pwned"))


def test_code_that_is_nowhere_says_what_was_looked_for(tmp_path, into):
    with pytest.raises(SpecError, match=r"commit abc.*--code FOLDER"):
        find_code(recorded("then", "abc"), "models.train:train", [tmp_path / "none", into], into)
