"""Environments of other people's programs, made once and kept in a cache folder: they do not fit beside Airflow."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "taxiway" / "venvs"


def python_with(*requirements: str, python: str = sys.executable) -> Path:
    """The interpreter of an environment that holds these requirements and what they need."""
    name = hashlib.sha256(repr((requirements, python)).encode()).hexdigest()[:16]
    folder = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, python, requirements)
            (folder / "whole").write_text("\n".join(requirements))
    return folder / "bin" / "python"


def _make(folder: Path, python: str, requirements: tuple[str, ...]) -> None:
    uv = shutil.which("uv")
    if uv:
        _run(uv, "venv", "--quiet", "--python", python, str(folder))
        _run(uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *requirements)
    else:
        _run(python, "-m", "venv", str(folder))
        _run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} failed: {done.stderr[-2000:]}")
