"""The documentation as a site: it builds without a warning, every link leads somewhere, and it needs no network."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from docs import pages

if importlib.util.find_spec("mkdocs") is None:
    pytest.skip(
        "the site needs its extra: uv run --extra dev --extra docs pytest tests/docs/test_site.py",
        allow_module_level=True,
    )
LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src")}


class Page(HTMLParser):
    """The anchors of a page, the links on it, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors, self.links, self.loads = {"", "__skip"}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors |= {found.get("id") or "", found.get("name") or ""}
        for name, value in attrs:
            if (tag, name) in LOADED and found.get("rel") not in ("canonical", "prev", "next"):
                self.loads.append(value)
            elif (tag, name) == ("a", "href"):
                self.links.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = ["-m", "mkdocs", "build", "--strict", "--config-file", ".mkdocs/config.yml", "--site-dir", str(folder)]
    done = subprocess.run(
        [sys.executable, *command], cwd=pages.ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def built(site):
    return {file: Page(file.read_text(encoding="utf-8")) for file in site.rglob("*.html")}


def test_every_page_is_in_it(site):
    docs = pages.ROOT / "docs"
    missing = [page for page in docs.rglob("*.md") if not (site / page.relative_to(docs)).with_suffix(".html").exists()]
    assert missing == []


def test_every_link_and_anchor_leads_somewhere(site, built):
    broken = []
    for file, page in built.items():
        for link in (*page.links, *page.loads):
            parts = urlsplit(link)
            if parts.scheme or file.name == "404.html":
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            target = target / "index.html" if target.is_dir() else target
            anchors = built[target].anchors if target in built else {unquote(parts.fragment)}
            if not target.exists() or unquote(parts.fragment) not in anchors:
                broken.append(f"{file.relative_to(site)}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(built):
    assert {link for page in built.values() for link in page.loads if urlsplit(link).netloc} == set()


def test_what_is_written_is_in_the_index_of_the_search(site):
    text = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    index = json.loads(re.sub(r"^var __index = ", "", text))
    assert [one["location"] for one in index["docs"] if "triggerer" in one["text"].lower()] != []


def test_the_search_works_from_a_folder_without_a_server_and_without_the_network(site):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or importlib.util.find_spec("playwright") is None:
        pytest.skip("there is no browser: apt-get install chromium, and pip install playwright")
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.locator("[data-md-component=search-query]").click()
        page.keyboard.type("triggerer")
        page.locator(".md-search-result__item").first.wait_for(timeout=120_000)
        found = page.locator(".md-search-result__item h1").all_inner_texts()
        browser.close()
    assert "How to examine an installation" in found
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
