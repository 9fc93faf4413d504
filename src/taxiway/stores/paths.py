"""Paths inside a store: relative, with `/` between segments, the same on every backend, and never out of the root."""

import os.path
import re

from taxiway.core.errors import SpecError

_LONGEST_SEGMENT_BYTES = 240
_LONGEST_PATH_BYTES = 900
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_STAGED = re.compile(r"#\d+$")
"""What obstore puts behind the name of a local file that is still being written; it hides such names."""


def check_path(path: str, *, where: str = "a store's path") -> str:
    """Gives `path` back if every backend can hold an object under exactly this name, inside the root.

    Raises:
        SpecError: it is absolute, empty, too long, or has `.`, `..`, an empty segment, a backslash or a control
            character in it, or ends like a file that is still being written.
    """
    fault = _fault(path)
    if fault:
        raise SpecError(
            f"this cannot be a path in a store: {fault}",
            where=where,
            expected="segments with '/' between them, relative to the store's root",
            got=ascii(path),
            do="Choose another name.",
        )
    return path


def _fault(path: str) -> str:
    segments = path.split("/")
    faults = {
        "it is absolute": path.startswith("/"),
        "it has an empty segment": "" in segments,
        "it steps out of its folder": "." in segments or ".." in segments,
        "it has a backslash": "\\" in path,
        "it has a character that cannot be printed": _UNPRINTABLE.search(path) is not None,
        "it ends with '#' and digits, as unfinished files do": _STAGED.search(path) is not None,
    }
    found = next((fault for fault, broken in faults.items() if broken), "")
    return found or ("it is too long" if _too_long(path) else "")


def _too_long(path: str) -> bool:
    data = path.encode()
    return len(data) > _LONGEST_PATH_BYTES or any(len(part) > _LONGEST_SEGMENT_BYTES for part in data.split(b"/"))


def is_staged(path: str) -> bool:
    """Whether a local file is still being written, or was when its writer was killed."""
    return _STAGED.search(path) is not None


def require_printable(path: str) -> str:
    """Gives the path of a local file back if others can have a name for it too.

    Raises:
        ValueError: it has a character that cannot be printed, or is not UTF-8.
    """
    if _UNPRINTABLE.search(path):
        raise ValueError(f"a file has a name with a character that cannot be printed: {path!a}")
    return path


def require_inside(root: str, path: str) -> str:
    """Gives back where a local path really is; refuses one that a symbolic link leads out of `root`, a resolved folder.

    Raises:
        SpecError: it leads out.
    """
    real = os.path.realpath(os.path.join(root, path))  # noqa: PTH118 - ten times as fast as Path.resolve
    if real != root and not real.startswith(root.rstrip("/") + "/"):
        raise SpecError(
            "a symbolic link leads out of the store",
            where=f"{root}/{path}",
            expected=f"a file under {root}",
            got=real,
            do="Replace the link by the file itself, or make that folder the store.",
        )
    return real
