import configparser
import os
import subprocess
import sys

import pytest
import yaml

from docs import pages, reference

EACH = pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
AGAIN = "Run `python tests/docs/write.py` and commit what it wrote."
HAND_WRITTEN = [page for page in pages.PAGES if "reference" not in page.parts]


@EACH
def test_every_link_and_picture_leads_somewhere(page):
    missing = [link for link in pages.links(page) if not (page.parent / link.partition("#")[0]).exists()]
    assert missing == []


@EACH
def test_every_included_file_is_as_it_is_now(page):
    assert page.read_text(encoding="utf-8") == pages.included(page), AGAIN


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=pages.name)
def test_every_python_block_runs(page, tmp_path):
    blocks = [block for block in pages.blocks(page, "python") if "lifecycle(" not in block]
    if not blocks:
        return
    env = {**os.environ, "PYTHONPATH": str(pages.ROOT / "dags"), "AIRFLOW_HOME": str(tmp_path)}
    code = "\n".join(blocks)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


@EACH
def test_every_yaml_and_ini_block_can_be_read(page):
    for block in pages.blocks(page, "yaml"):
        yaml.safe_load(block)
    for block in pages.blocks(page, "ini"):
        configparser.ConfigParser().read_string(block)


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=pages.name)
def test_every_page_is_reached_from_another(page):
    targets = {(other.parent / link).resolve() for other in pages.PAGES for link in pages.links(other)}
    assert page.name in ("README.md", "CHANGELOG.md") or page.resolve() in targets


@pytest.mark.parametrize("page", reference.pages(), ids=lambda page: page.name)
def test_the_reference_is_what_the_docstrings_say(page):
    assert page.read_text(encoding="utf-8") == reference.pages()[page], AGAIN


def test_every_public_name_is_in_the_reference():
    import taxiway.core
    import taxiway.factories

    text = "\n".join(reference.pages().values())
    names = [*taxiway.core.__all__, *taxiway.factories.__all__]
    assert [name for name in names if f" {name}" not in text and f"`{name}(" not in text] == []


def test_every_layer_is_in_the_reference():
    folders = {child.name for child in reference.PACKAGE.iterdir() if (child / "__init__.py").exists()}
    assert folders - {"cli", "ui"} == set(reference.LAYERS)
