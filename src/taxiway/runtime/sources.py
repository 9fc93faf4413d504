"""The code that a training ran, found again: in git by its commit, or in a folder by the digest of its source."""

import hashlib
import io
import re
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from taxiway.core.errors import SpecError
from taxiway.core.training import Environment

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_GIT_S = 120.0
_DIRTY = "+dirty"


class Code(NamedTuple):
    """Where code was found.

    Attributes:
        folders: to import it from, the most likely first.
        told: a git commit or a folder, in words.
        exact: whether the train function's source is the recorded one.
    """

    folders: tuple[str, ...]
    told: str
    exact: bool


def find_code(environment: Environment, function: str, places: Sequence[Path], into: Path) -> Code:
    """The code of a train function as it was, else the nearest to it that there is.

    Args:
        environment: what was recorded of it.
        function: `module:name`.
        places: folders to look in, the best first; the git repositories around them are asked for the commit.
        into: an empty folder, for the tree of the commit.

    Raises:
        SpecError: no place has such a module.
    """
    module = function.partition(":")[0]
    found = list(_found(environment, module, places, into))
    exact = next((code for code in found if code.exact), None)
    if exact is None and not found:
        raise SpecError(
            f"the code of {function!r} is in none of the places looked in",
            where=", ".join(map(str, places)) or "no folder",
            expected=f"commit {environment.code}, or a module {module!r}" if environment.code else f"module {module!r}",
            do="Name the folder or the clone that holds it: --code FOLDER",
        )
    return exact or found[0]


def _found(environment: Environment, module: str, places: Sequence[Path], into: Path) -> Iterator[Code]:
    commit = (environment.code or "").removesuffix(_DIRTY)
    if _COMMIT.fullmatch(commit) and any(_check_out(place, commit, into) for place in places):
        yield from _in_tree(environment, module, into, f"git commit {commit}")
    for place in places:
        file = _file(place, module)
        if file is not None:
            yield Code((str(place),), f"folder {place}", _is(file, environment.source))


def _in_tree(environment: Environment, module: str, tree: Path, told: str) -> Iterator[Code]:
    """Each place in a checked out tree where the module can be imported from."""
    tail = module.replace(".", "/")
    for file in sorted([*tree.rglob(f"{tail}.py"), *tree.rglob(f"{tail}/__init__.py")]):
        root = file.parents[tail.count("/") + (file.name == "__init__.py")]
        yield Code(tuple(dict.fromkeys((str(root), str(tree)))), told, _is(file, environment.source))


def _file(place: Path, module: str) -> Path | None:
    stem = place.joinpath(*module.split("."))
    return next((file for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.is_file()), None)


def _is(file: Path, source: str | None) -> bool:
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" == source


def _check_out(place: Path, commit: str, into: Path) -> bool:
    """Whether the repository around a place has the commit, whose tree is then in `into`; the clone stays as it is."""
    if not place.is_dir():
        return False
    asked = ["git", "-C", str(place), "rev-parse", "--show-toplevel"]
    try:
        top = subprocess.run(asked, capture_output=True, text=True, timeout=_GIT_S, check=True).stdout.strip()
        archive = ["git", "-C", top, "archive", commit]
        packed = subprocess.run(archive, capture_output=True, timeout=_GIT_S, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as tree:
            tree.extractall(into, filter="data")
    except (OSError, subprocess.SubprocessError, tarfile.TarError):
        return False
    return True
