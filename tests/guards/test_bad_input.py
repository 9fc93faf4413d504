"""The pages about bad input and about faults promise tests; each of them is there."""

import re

import pytest

from guards.sources import ROOT, functions, tree

_ROW = re.compile(r"^\| (?!what we tried|fault|---)(.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@pytest.mark.parametrize(("page", "least"), [("bad-input", 50), ("jobs", 15)])
def test_every_line_names_one_test_that_exists(page, least):
    rows = _ROW.findall((ROOT / f"docs/concepts/{page}.md").read_text(encoding="utf-8"))
    assert len(rows) > least
    missing = []
    for tried, _, proof in rows:
        named = _TEST.fullmatch(proof)
        file = ROOT / named[1] if named else None
        if file is None or not file.is_file() or named[2] not in {one.name for one in functions(tree(file))}:
            missing.append((tried, proof))
    assert missing == []
