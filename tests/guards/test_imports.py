"""Arrows point down, and nothing goes round in a circle, not even lazily."""

import ast
import os
import subprocess
import sys

import pytest

from guards.sources import MODULES, ROOT, module_name, tree

NAMES = {module_name(file): file for file in MODULES}
REFUSING = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == 'airflow':
            raise ImportError(f'{name} must not be imported')
sys.meta_path.insert(0, Refuse())
import importlib
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def imported(file, name):
    """The modules of ours that a file imports, in functions, too, but not for type checkers alone."""
    found = set()
    whole = tree(file)
    skipped = {id(one) for block in ast.walk(whole) if _for_types(block) for one in ast.walk(block)}
    for node in ast.walk(whole):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {part for part in parts if part in NAMES} or {node.module}
    return {one for one in found if one in NAMES and one != name}


def _for_types(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def test_no_import_goes_round_in_a_circle():
    arrows = {name: imported(file, name) for name, file in NAMES.items()}
    while leaves := {name for name, targets in arrows.items() if not targets & arrows.keys()}:
        arrows = {name: targets for name, targets in arrows.items() if name not in leaves}
    assert arrows == {}


def test_the_layers_point_down():
    command = [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("layer", ["core", "engines", "stores", "runtime", "runners"])
def test_what_runs_in_a_job_never_imports_airflow(layer):
    names = [name for name in NAMES if name.startswith(f"taxiway.{layer}") and not name.endswith("__main__")]
    command = [sys.executable, "-c", REFUSING, *names]
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
