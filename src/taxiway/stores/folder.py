"""Small objects in a local folder, without the hop to obstore's threads, which costs more than the write.

A file that is being written is called `<name>#<digits>`, as obstore calls them, and obstore's listings hide such names:
what a killed writer leaves behind is never seen.
"""

import fcntl
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def read(file: Path) -> bytes:
    """A file's bytes.

    Raises:
        FileNotFoundError: there is no such file.
    """
    try:
        return file.read_bytes()
    except (IsADirectoryError, NotADirectoryError):
        raise FileNotFoundError(file) from None


def create(file: Path, data: bytes | Path) -> bool:
    """Puts a file if there is none, in one step: a hard link to a finished file; False when there is one.

    Raises:
        FileExistsError: there is a folder of that name.
    """
    if file.is_file():
        return False
    staged = _stage(file, data)
    try:
        file.hardlink_to(staged)
    except FileExistsError:
        if file.is_file():
            return False
        raise
    finally:
        staged.unlink()
    return True


def replace(file: Path, data: bytes) -> None:
    """Puts a file whether or not there is one, in one step: a rename of a finished file."""
    staged = _stage(file, data)
    try:
        staged.replace(file)
    except OSError:
        staged.unlink()
        raise


@contextmanager
def turn(file: Path, patience_s: float) -> Iterator[None]:
    """Lets one block after another run, among the threads and processes of this machine that name the same file.

    A courtesy that saves lost races, not a guarantee: after `patience_s`, or where there are no locks, it runs anyway.
    """
    deadline = time.monotonic() + patience_s
    try:
        lock = file.open("ab")
    except OSError:
        yield
        return
    with lock:
        while not _locked(lock.fileno()) and time.monotonic() < deadline:
            time.sleep(random.uniform(0.0005, 0.002))  # noqa: S311 - jitter
        yield


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _stage(file: Path, data: bytes | Path) -> Path:
    staged = Path(f"{file}#{random.getrandbits(62)}")
    try:
        _write(staged, data)
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(staged, data)
    return staged


def _write(staged: Path, data: bytes | Path) -> None:
    try:
        if isinstance(data, bytes):
            staged.write_bytes(data)
        else:
            shutil.copyfile(data, staged)
    except OSError:
        staged.unlink(missing_ok=True)
        raise
