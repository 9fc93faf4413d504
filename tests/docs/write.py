"""Writes what the documentation takes from the code: `python tests/docs/write.py`.

The pages of `docs/reference` from the docstrings, and the DAG files that pages include.
"""

import sys
from pathlib import Path


def write() -> None:
    from docs import pages, reference

    for page in pages.PAGES:
        page.write_text(pages.included(page), encoding="utf-8")
    for file, text in reference.pages().items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    write()
