"""What Airflow asks of operators, and what its own guard scripts look for."""

import ast

import pytest

from guards.sources import ROOT, classes, functions, place, tree

FILES = sorted((ROOT / "src/taxiway/operators").glob("*.py")) + sorted((ROOT / "src/taxiway/sensors").glob("*.py"))
EACH = pytest.mark.parametrize("file", FILES, ids=place)


def is_assignment(node):
    """`self.x = x`, `super().__init__(…)` and what is handed to it, or a docstring."""
    if isinstance(node, ast.Assign):
        target = node.targets[0]
        if isinstance(target, ast.Subscript) and ast.unparse(target.value) == "kwargs":
            return True
        return isinstance(target, ast.Attribute) and isinstance(node.value, ast.Name) and target.attr == node.value.id
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    return isinstance(node, ast.Expr) and ast.unparse(node.value).startswith("super().__init__(")


@EACH
def test_a_constructor_only_assigns(file):
    inits = [one for cls in classes(tree(file)) for one in functions(cls) if one.name == "__init__"]
    assert [place(file, line) for init in inits for line in init.body if not is_assignment(line)] == []


@EACH
def test_a_constructor_takes_keywords_only(file):
    inits = [one for cls in classes(tree(file)) for one in functions(cls) if one.name == "__init__"]
    assert [place(file, init) for init in inits if len(init.args.args) > 1] == []


@EACH
def test_whoever_defers_hands_its_trigger_the_connection(file):
    whole = tree(file)
    calls = [node for node in ast.walk(whole) if isinstance(node, ast.Call)]
    triggers = [call for call in calls if ast.unparse(call.func).endswith("Trigger")]
    assert [place(file, call) for call in triggers if "taxiway_conn_id" not in {k.arg for k in call.keywords}] == []
    defers = [call for call in calls if ast.unparse(call.func) == "self.defer"]
    assert not defers or triggers


@EACH
def test_the_connection_is_a_template_field(file):
    for cls in classes(tree(file)):
        fields = [ast.unparse(node) for node in cls.body if "template_fields" in ast.unparse(node).partition("=")[0]]
        assert all("taxiway_conn_id" in text or ".template_fields" in text for text in fields), place(file, cls)
