"""The order of the site: the reader's journey, and within a folder the pages by their titles."""

from pathlib import Path
from typing import Any

FOLDERS = {
    "tutorial": "Tutorial",
    "how-to": "How to",
    "concepts": "Concepts",
    "adr": "Decisions",
    "reference": "Reference",
}


def on_config(config: Any) -> Any:
    """Makes the navigation of the pages that are there."""
    docs = Path(config.docs_dir)
    pages = [{"Start": "index.md"}, *({name: _pages(docs, folder)} for folder, name in FOLDERS.items())]
    config.nav = [*pages, {"Benchmarks": "benchmarks.md"}]
    return config


def _pages(docs: Path, folder: str) -> list[Any]:
    files = sorted((docs / folder).glob("*.md"), key=lambda file: (file.name != "index.md", _title(file)))
    return [{_title(file): f"{folder}/{file.name}"} for file in files]


def _title(file: Path) -> str:
    heading = file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return heading.removeprefix("How to ").capitalize() if heading.startswith("How to ") else heading
