"""What lies in the repository, and what must not."""

import re
import subprocess
import tomllib

import pytest

from guards.sources import ROOT

TOP = {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"}
TOP |= {"plugins", "dags", "src", "tests", "docker", "helm", "docs"}
BINARY = {".png", ".parquet", ".zip", ".skops"}
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.])/(?:work|home/\w+|Users/\w+)/[\w.]|/tmp/(?!x\b)\w+/\w"),
    "a package registry's address": re.compile(
        r"https?://[\w.-]*(?:pypi|pythonhosted|artifactory|nexus|jfrog)[\w./-]*"
    ),
    "an index option": re.compile(r"--(?:extra-)?index-url|--find-links|^\s*index-url", re.MULTILINE),
    "work left undone": re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b"),
}


def tracked():
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        pytest.skip("This is no git checkout: run the guards in one.")
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]


def test_the_top_level_has_only_its_fixed_entries():
    names = {file.relative_to(ROOT).parts[0] for file in tracked()}
    assert {name for name in names if not name.startswith(".")} - TOP == set()


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what):
    here = ROOT / "tests/guards/test_repository.py"
    files = [file for file in tracked() if file != here and file.suffix not in BINARY]
    found = [
        f"{file.relative_to(ROOT)}: {match.group()}"
        for file in files
        for match in FORBIDDEN[what].finditer(file.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def test_the_constraints_hold_no_address_and_cover_every_dependency():
    text = (ROOT / "docker/constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[\w.!+]+( ;.*)?", line)] == []
    pinned = {line.partition("==")[0] for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.match(r"[A-Za-z0-9-]+", one).group().lower() for one in wanted} - {"taxiway"}
    assert names - pinned == set()
