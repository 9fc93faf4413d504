import json

import pytest

from core import kinds
from golden import write
from golden.examples import everything
from taxiway.core.records import load_record

FILES = sorted(write.FOLDER.glob("*.json"))
MISSING = "Run `python tests/golden/write.py` and commit the file."


def read(file):
    return json.loads(file.read_text(encoding="utf-8"))


def what_it_had(now, then):
    """The newer text without what was added to it since, at any depth."""
    if isinstance(now, dict) and isinstance(then, dict):
        return {key: what_it_had(now[key], then[key]) for key in then}
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        return [what_it_had(*both) for both in zip(now, then, strict=True)]
    return now


@pytest.mark.parametrize("kind", kinds.records(), ids=lambda kind: kind.__name__)
def test_every_version_of_every_kind_has_a_golden_file(kind):
    for version in range(1, kind.version + 1):
        assert write.path(kind.__name__, version).exists(), MISSING


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_any_version_wrote_is_read_for_ever_and_written_the_same(file):
    golden = read(file)
    again = load_record(golden).dump()
    if again["v"] == golden["v"]:
        assert again == golden
    else:
        assert what_it_had(again, golden) == golden | {"v": again["v"]}


@pytest.mark.parametrize("example", everything(), ids=lambda record: type(record).__name__)
def test_the_newest_golden_file_is_what_is_written_now(example):
    assert read(write.path(type(example).__name__, example.version)) == example.dump()


def test_a_golden_file_is_never_written_over():
    before = {file: file.read_bytes() for file in FILES}
    assert write.write() == []
    assert {file: file.read_bytes() for file in FILES} == before
