"""The pages of the documentation, and what is in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INCLUDE = re.compile(r"<!-- include (\S+) -->\n```python\n(.*?)```\n<!-- end -->", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in _BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def links(page: Path) -> list[str]:
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return [link for link in _LINK.findall(text) if "://" not in link and not link.startswith("#")]


def included(page: Path) -> str:
    """The page with every included file as it is now."""

    def now(match: re.Match[str]) -> str:
        source = (ROOT / match.group(1)).read_text(encoding="utf-8")
        return f"<!-- include {match.group(1)} -->\n```python\n{source}```\n<!-- end -->"

    return _INCLUDE.sub(now, page.read_text(encoding="utf-8"))
