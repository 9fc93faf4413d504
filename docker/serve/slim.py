"""Makes installed libraries smaller without taking anything from them that runs: `python3 slim.py FOLDER`.

Modules stay as bytecode alone, beside which their sources are only a copy for people. Shared objects lose what comes
behind the last segment that is loaded: symbols for debuggers. Tests and headers go.
"""

import compileall
import shutil
import struct
import sys
from pathlib import Path

USELESS = {".pyi", ".pyx", ".pxd", ".h", ".hpp", ".c", ".cpp", ".a"}


def main(folder: Path) -> None:
    """Makes all libraries under a folder smaller."""
    for tests in [path for path in folder.rglob("tests") if path.is_dir()]:
        shutil.rmtree(tests, ignore_errors=True)
    if not compileall.compile_dir(folder, quiet=1, force=True, legacy=True):
        sys.exit("some sources could not be compiled")
    for cache in [path for path in folder.rglob("__pycache__") if path.is_dir()]:
        shutil.rmtree(cache)
    for path in [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]:
        if path.suffix in USELESS or (path.suffix == ".py" and path.with_suffix(".pyc").exists()):
            path.unlink()
        elif ".so" in path.suffixes:
            strip(path)


def strip(path: Path) -> None:
    """Cuts a shared object behind its last loaded byte; one that is not of 64 bits, or has nothing there, stays."""
    data = bytearray(path.read_bytes())
    if data[:5] != b"\x7fELF\x02":
        return
    (start,), (size, count) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<HH", data, 54)
    headers = [start + number * size for number in range(count)]
    ends = [struct.unpack_from("<Q", data, at + 8)[0] + struct.unpack_from("<Q", data, at + 32)[0] for at in headers]
    end = max(start + size * count, *ends)
    if end >= len(data):
        return
    del data[end:]
    struct.pack_into("<Q", data, 40, 0)  # there is no table of sections any more
    struct.pack_into("<HHH", data, 58, 0, 0, 0)
    mode = path.stat().st_mode
    path.write_bytes(data)
    path.chmod(mode)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
