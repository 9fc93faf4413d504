"""Writes a golden file for each record kind and version that has none yet: `python tests/golden/write.py`.

A file is written once and stays: it is what a released version of Taxiway wrote, and every later one must read it.
"""

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "records"


def path(kind: str, version: int) -> Path:
    return FOLDER / f"{kind}.v{version}.json"


def write() -> list[Path]:
    """Writes what is missing and gives the paths."""
    from golden.examples import everything

    FOLDER.mkdir(exist_ok=True)
    written = []
    for record in everything():
        file = path(type(record).__name__, record.version)
        if not file.exists():
            file.write_text(json.dumps(record.dump(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            written.append(file)
    return written


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    for file in write():
        print("wrote", file.name)
