"""Eight processes write one model's registry and are killed at random; the history must still be one line.

Each process writes down when it asked for something and what it was answered. Afterwards a process that was killed has
one question without an answer, which may or may not be in the history. Checked are: numbers without a gap and an
unbroken chain; every answer in the history exactly once, at the place the answer said; nothing in it that nobody asked
for; every promotion found what it expected; what a service serves changed by one generation at a time; and real time:
what was answered before something else was asked stands before it.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from s3 import S3
from taxiway.core.registry import Commit, Point, Register
from taxiway.core.serving import Serve
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry

NAME = "flight-delay"
WRITERS = 8
SECONDS = float(os.environ.get("TAXIWAY_LINEARIZABILITY_SECONDS", "3"))
WRITER = Path(__file__).with_name("registry_writer.py")


class Asked(NamedTuple):
    """One call of a process: what it was, when it began, and when it was answered (None: it was killed)."""

    who: str
    call: dict[str, Any]
    began: float
    ended: float | None
    answer: dict[str, Any] | None


@pytest.mark.parametrize("where", ["folder", "s3"])
def test_a_history_written_by_processes_that_are_killed_is_linearizable(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    s3: S3 | None = request.getfixturevalue("s3") if where == "s3" else None
    uri = s3.uri() if s3 else (tmp_path / "store").as_uri()
    environment = os.environ | (s3.environment() if s3 else {})
    killed = _let_them_write(uri, environment, tmp_path)
    registry = Registry(open_store(uri, credentials=s3.options if s3 else None))
    history, asked = registry.history(NAME), list(_asked(tmp_path))
    assert killed >= 3
    assert len([each for each in asked if each.answer]) >= 20
    _check_answers(history, asked)
    _check_real_time(history, asked)
    _check_what_was_registered(registry, history)


def _let_them_write(uri: str, environment: dict[str, str], folder: Path) -> int:
    """Keeps eight writers running and kills one now and then; gives how many were killed."""
    deadline, started, killed = time.monotonic() + SECONDS + 30, 0, 0
    writers: list[subprocess.Popen[bytes]] = []
    stop: float | None = None
    try:
        while time.monotonic() < (stop or deadline):
            for _ in range(WRITERS - len(writers)):
                command = [sys.executable, str(WRITER), uri, str(folder / f"writer-{started}.jsonl"), str(started)]
                writers.append(subprocess.Popen(command, env=environment))
                started += 1
            if stop is None and len(list(folder.glob("writer-*.jsonl"))) >= WRITERS:
                stop = time.monotonic() + SECONDS
            time.sleep(random.uniform(0, 0.3))
            ready = [writer for writer in writers if (folder / f"writer-{writer.args[-1]}.jsonl").exists()]
            if stop and ready:
                victim = random.choice(ready)
                victim.kill()
                victim.wait()
                writers.remove(victim)
                killed += 1
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    return killed


def _asked(folder: Path) -> Iterator[Asked]:
    for file in sorted(folder.glob("writer-*.jsonl")):
        lines = [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]
        for index in range(0, len(lines), 2):
            answer = lines[index + 1] if index + 1 < len(lines) else {"at": None, "answer": None}
            yield Asked(file.stem, lines[index]["call"], lines[index]["at"], answer["at"], answer["answer"])


def _check_answers(history: list[Commit], asked: list[Asked]) -> None:
    by_why: dict[str, list[Commit]] = {}
    for commit in history:
        by_why.setdefault(commit.by.why, []).append(commit)
    calls = {each.call["why"]: each for each in asked}
    assert by_why.keys() <= calls.keys(), "the history holds what nobody asked for"
    for why, each in calls.items():
        commits = by_why.get(why, [])
        assert len(commits) <= 1, f"{each} is in the history {len(commits)} times"
        if each.answer and each.answer["outcome"] == "committed":
            assert [commit.number for commit in commits] == [each.answer["number"]]
        if each.answer and each.answer["outcome"] != "committed":
            assert commits == [], f"{each} is in the history all the same"
    for commit, before in zip(history[1:], history, strict=False):
        if isinstance(commit.change, Point):
            now = before.state.aliases.get(commit.change.alias)
            assert commit.change.expected == (now.number if now else 0)
    generations = [commit.change.state.generation for commit in history if isinstance(commit.change, Serve)]
    assert generations == list(range(1, len(generations) + 1))
    assert len(generations) >= 3


def _check_real_time(history: list[Commit], asked: list[Asked]) -> None:
    """Going through the history backwards, nothing was asked for after something behind it was answered."""
    calls = {each.call["why"]: each for each in asked}
    earliest_answer = float("inf")
    for commit in reversed(history):
        each = calls[commit.by.why]
        assert each.began <= earliest_answer, f"entry {commit.number} was asked for after a later one was answered"
        earliest_answer = min(earliest_answer, each.ended or float("inf"))
    for each in asked:
        if each.answer and each.answer["outcome"] == "read":
            at = each.answer["number"]
            for commit in history:
                other = calls[commit.by.why]
                if other.ended is not None and other.ended < each.began:
                    assert commit.number <= at, f"{each} did not see entry {commit.number}"
                if each.ended is not None and other.began > each.ended:
                    assert commit.number > at, f"{each} saw entry {commit.number} of the future"


def _check_what_was_registered(registry: Registry, history: list[Commit]) -> None:
    entries = [commit.change.entry for commit in history if isinstance(commit.change, Register)]
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    assert len({entry.model.digest for entry in entries}) == len(entries)
    assert [registry.version(NAME, entry.number) for entry in entries] == entries
    assert registry.state(NAME) == history[-1].state
