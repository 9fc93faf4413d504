"""What the operating system says about processes, and the few things only Linux can do for us.

On other systems nothing is known about a job's relatives: `members` and `descendants` are empty, and a job ends with
its process group.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Relative(NamedTuple):
    """One process: `started` counts clock ticks since boot, and with `pid` names it for as long as the machine runs."""

    pid: int
    parent: int
    session: int
    started: int


def look(pid: int) -> Relative | None:
    """What is known of a process; None when it is gone, a zombie, or this is not Linux."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - read for each process: keep it cheap
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    if fields[0] in (b"Z", b"X"):
        return None
    return Relative(pid, int(fields[1]), int(fields[3]), int(fields[19]))


def started(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 when it is not known."""
    found = look(pid)
    return found.started if found else 0


def boot() -> str:
    """A name for this run of the machine: process numbers mean nothing beyond it."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 - as above
            return file.read().strip()
    except OSError:
        return ""


def descendants(pid: int) -> list[Relative]:
    """All processes below `pid`, nearest first."""
    children: dict[int, list[Relative]] = {}
    for process in _all():
        children.setdefault(process.parent, []).append(process)
    found, front = [], [pid]
    while front:
        below = [process for parent in front for process in children.get(parent, ())]
        found += below
        front = [process.pid for process in below]
    return found


def members(session: int, since: int) -> list[Relative]:
    """The processes of a session whose leader started at `since`, leader included.

    A session's number is not given to another process while one of its members lives, so what bears the number is a
    member, unless the number itself was given to a younger process: then there are none.
    """
    leader = look(session)
    if leader and leader.started != since:
        return []
    return [process for process in _all() if process.session == session and process.started >= since]


def marked(variable: str) -> list[Relative]:
    """The processes of our user that were started with a variable, given as `NAME=value`, in their environment."""
    sought, found = variable.encode(), []
    for process in _all():
        with contextlib.suppress(OSError), open(f"/proc/{process.pid}/environ", "rb") as file:  # noqa: PTH123 - as above
            if sought in file.read().split(b"\0"):
                found.append(process)
    return found


def kill(processes: Iterable[Relative], number: int = signal.SIGKILL) -> None:
    """Sends a signal to those of the processes that are still the same ones."""
    for process in processes:
        if started(process.pid) == process.started:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, number)


def gone(processes: Iterable[Relative], within_s: float) -> bool:
    """Waits until all processes are gone; false when the time was too short for that."""
    rest, deadline = list(processes), time.monotonic() + within_s
    while rest := [process for process in rest if started(process.pid) == process.started]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def vanish(processes: Iterable[Relative], within_s: float) -> bool:
    """Kills processes until all are gone; false when the time was too short for that."""
    rest, deadline = list(processes), time.monotonic() + within_s
    while rest:
        kill(rest)
        rest = [process for process in rest if started(process.pid) == process.started]
        if rest and time.monotonic() > deadline:
            return False
        time.sleep(0.01 if rest else 0)
    return True


def die_with(parent: int) -> None:
    """Has the kernel kill this process when `parent`, which started it, ends."""
    if LINUX:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Makes orphaned descendants children of this process, those of other sessions too, instead of init's."""
    if LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def reap(pid: int) -> int | None:
    """The exit code of a child or an adopted orphan that has ended; None when it has not, or is not ours."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if found else None


def oom_kills() -> int:
    """How often the kernel killed something for want of memory since boot; 0 when it is not known."""
    try:
        with open("/proc/vmstat", encoding="ascii") as file:  # noqa: PTH123 - as above
            words = dict(line.split() for line in file)
    except (OSError, ValueError):
        return 0
    return int(words.get("oom_kill", 0))


def data_bytes() -> int:
    """How much memory this process has allocated, as `RLIMIT_DATA` counts it; 0 when it is not known."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - as above
            return int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def _all() -> Iterator[Relative]:
    if not LINUX:
        return
    for name in os.listdir("/proc"):  # noqa: PTH208 - as above
        process = look(int(name)) if name.isdigit() else None
        if process:
            yield process


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
