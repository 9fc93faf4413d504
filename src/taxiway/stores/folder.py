"""Small objects in a local folder, without the hop to obstore's threads, which costs more than the write.

A file that is being written is called `<name>#<digits>`, as obstore calls them, and listings hide such names: what a
killed writer leaves behind is never seen.
"""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from taxiway.stores.chance import CHANCE
from taxiway.stores.paths import is_staged, require_inside, require_printable


class File(NamedTuple):
    """A file's path under the root, its length, and the tag that obstore gives it, which changes when it does."""

    path: str
    size_bytes: int
    etag: str


class _Folder(NamedTuple):
    """A folder under the root, and where it and those that were gone through to it really are, itself last."""

    path: str
    real: tuple[str, ...]


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


def folders(parent: Path) -> list[str]:
    """The names of the folders directly under a folder; none where there is no such folder."""
    return [entry.name for entry in _entries(str(parent)) if entry.is_dir()]


def walk(root: str, folder: str, after: str) -> list[File]:
    """All files under a folder of `root` whose paths come behind `after`; none where there is no such folder.

    Links are followed. Only a link can lead out of the root, so only links are resolved.

    Raises:
        SpecError: a link leads out of the root.
        OSError: the operating system refuses, or a link leads in a circle.
        ValueError: a name has a character that cannot be printed.
    """
    found: list[File] = []
    todo = [_Folder(folder, (require_inside(root, folder),))]
    while todo:
        inside = todo.pop()
        for entry in _entries(inside.real[-1]):
            path = f"{inside.path}/{entry.name}" if inside.path else entry.name
            if entry.is_dir():
                if f"{path}/" >= after or after.startswith(f"{path}/"):
                    todo.append(_Folder(path, (*inside.real, _real(root, path, entry, inside))))
            elif path > after and not is_staged(path) and (status := _status(root, path, entry)):
                tag = f'"{status.st_ino:x}-{status.st_mtime_ns // 1000:x}-{status.st_size:x}"'
                found.append(File(require_printable(path), status.st_size, tag))
    return found


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
            time.sleep(CHANCE.uniform(0.0005, 0.002))
        yield


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _real(root: str, path: str, entry: os.DirEntry[str], inside: _Folder) -> str:
    if not entry.is_symlink():
        return os.path.join(inside.real[-1], entry.name)  # noqa: PTH118 - a hundred thousand of them
    real = require_inside(root, path)
    if real in inside.real:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    return real


def _status(root: str, path: str, entry: os.DirEntry[str]) -> os.stat_result | None:
    """What is known of a file; None for a link to nowhere, for what is gone by now, and for what is no file."""
    try:
        if not entry.is_file():
            return None
        if entry.is_symlink():
            require_inside(root, path)
        return entry.stat()
    except FileNotFoundError:
        return None


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _stage(file: Path, data: bytes | Path) -> Path:
    staged = Path(f"{file}#{CHANCE.getrandbits(62)}")
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
