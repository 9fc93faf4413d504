"""What a function runs in, and how its generators are seeded: enough to run it again and get the same."""

import contextlib
import functools
import hashlib
import inspect
import platform
import random
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from taxiway.core.training import Environment

_GIT_S = 10.0
_NO_BYTECODE = ":(exclude)*__pycache__*"
"""What Python leaves beside the code when the function is imported is no change of it."""
_TOP = re.compile(r"^([A-Za-z_]\w*)(?:/|\.py,)", re.MULTILINE)
_TORCH = re.compile(r"^\s*(?:from|import) +(?:torch|lightning|pytorch_lightning|transformers)\b", re.MULTILINE)
_SEEDS = 2**32


def environment(function: Callable[..., Any]) -> Environment:
    """The interpreter, the imported packages, and the code of a function; what cannot be found out is left out."""
    source = _source(function)
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        packages=_packages(),
        code=_commit(source.parent) if source else None,
        source=f"sha256:{hashlib.sha256(source.read_bytes()).hexdigest()}" if source else None,
    )


def own_version() -> str | None:
    """Taxiway's own version; None for a checkout on the path that was never installed."""
    from importlib import metadata

    try:
        return metadata.version("taxiway")
    except metadata.PackageNotFoundError:
        return None


def imports_torch(function: Callable[..., Any]) -> bool:
    """Whether torch is loaded, or the file of a function says that it will load it, at its top or within a function."""
    source = _source(function)
    return "torch" in sys.modules or bool(
        source and _TORCH.search(source.read_text(encoding="utf-8", errors="replace"))
    )


def seed_all(seed: int, *, torch: bool) -> None:
    """Seeds Python's and NumPy's global generators, and torch's if asked for and installed."""
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % _SEEDS)  # noqa: NPY002 - libraries still draw from the global one
    if torch:
        with contextlib.suppress(ImportError, AttributeError):
            import torch as library

            library.manual_seed(seed)


def peak_memory_bytes() -> int:
    """The most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _packages() -> dict[str, str]:
    imported = {name.partition(".")[0] for name in tuple(sys.modules)}
    found = {}
    for folder in dict.fromkeys(sys.path):
        for info in Path(folder or ".").glob("*.dist-info"):
            name, _, version = info.name.removesuffix(".dist-info").partition("-")
            if name not in found and not imported.isdisjoint(_modules(info)):
                found[name] = version
    return {name.replace("_", "-").lower(): found[name] for name in sorted(found, key=str.lower)}


@functools.cache
def _modules(info: Path) -> frozenset[str]:
    """The top-level modules of an installed distribution; `importlib.metadata` gives the same, 20 times slower."""
    try:
        return frozenset((info / "top_level.txt").read_text(encoding="utf-8").split())
    except OSError:
        pass
    try:
        record = (info / "RECORD").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    return frozenset(_TOP.findall(record))


def _source(function: Callable[..., Any]) -> Path | None:
    try:
        found = inspect.getsourcefile(inspect.unwrap(function))
    except TypeError:
        return None
    path = Path(found) if found else None
    return path if path and path.is_file() else None


def _commit(folder: Path) -> str | None:
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    return f"{commit}+dirty" if _git(folder, "status", "--porcelain", "--", ".", _NO_BYTECODE) else commit


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=_GIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
