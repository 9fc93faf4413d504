"""How much memory a process and all it started hold together, with shared pages counted once."""

import re
from collections import defaultdict
from pathlib import Path

_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)$")
_FIGURE = re.compile(r"^(\w+): +(\d+) kB$")


def tree(pid: int) -> list[int]:
    """A process and everything below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        children = []  # it ended meanwhile
    return [pid, *(one for child in children for one in tree(int(child)))]


def memory_mb(pid: int) -> float:
    """Anonymous pages by their share, so that what a fork shares counts once; of each file, what is mapped of it."""
    anonymous_kb = 0
    most: dict[str, int] = defaultdict(int)
    for one in tree(pid):
        try:
            smaps, rolled = (Path(f"/proc/{one}/{name}").read_text() for name in ("smaps", "smaps_rollup"))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        anonymous_kb += int(re.search(r"^Pss_Anon: +(\d+) kB$", rolled, re.MULTILINE)[1])
        for file, kb in _mapped(smaps).items():
            most[file] = max(most[file], kb)
    return (anonymous_kb + sum(most.values())) / 1024


def _mapped(smaps: str) -> dict[str, int]:
    """What is in memory of each file, in kB."""
    mapped: dict[str, int] = defaultdict(int)
    name = ""
    for line in smaps.splitlines():
        mapping, figure = _MAPPING.match(line), _FIGURE.match(line)
        if mapping:
            name = mapping[1]
        elif figure and name.startswith("/"):
            mapped[name] += {"Rss": 1, "Anonymous": -1}.get(figure[1], 0) * int(figure[2])
    return mapped
