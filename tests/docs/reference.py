"""The reference, made from the source: every public class and function, its signature and its docstring."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from docs import commands

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "taxiway"
FOLDER = ROOT / "docs" / "reference"
LAYERS = {
    "core": "The vocabulary: specs, records, errors, and pure decisions over them.",
    "engines": "What computes on bytes: validation, metrics, evaluation, flavours of models.",
    "stores": "Object storage: blobs, the registry's log, run histories.",
    "runtime": "What runs inside a job.",
    "runners": "Where jobs run.",
    "targets": "Where services run.",
    "hooks": "From an Airflow connection to a store.",
    "triggers": "Waiting without a worker.",
    "operators": "The stages, as Airflow's operators.",
    "sensors": "Waiting for a version.",
    "notifications": "Telling people.",
    "factories": "From a recipe to DAGs.",
}


def pages() -> dict[Path, str]:
    """The text of each page of the reference."""
    index = ["# Reference", "", "Made from the docstrings, and from the commands themselves.", ""]
    index += [f"- [`taxiway.{layer}`]({layer}.md): {text}" for layer, text in LAYERS.items()]
    index += ["- [`taxiway`](cli.md): The command line: what it says, and its exit codes.", ""]
    layers = {FOLDER / f"{layer}.md": _layer(layer) for layer in LAYERS}
    return {FOLDER / "index.md": "\n".join(index), FOLDER / "cli.md": commands.page(), **layers}


def _layer(layer: str) -> str:
    lines = [f"# taxiway.{layer}", "", LAYERS[layer], ""]
    for file in sorted((PACKAGE / layer).rglob("*.py")):
        inside = [part for part in file.relative_to(PACKAGE).parts if part.startswith("_") and part != "__init__.py"]
        entries = [] if inside else list(_module(file))
        if entries:
            name = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
            lines += [f"## {name}", "", *entries]
    return "\n".join(lines).rstrip() + "\n"


def _module(file: Path) -> Iterator[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _entry("###", f"class {node.name}{_bases(node)}", node)
            for method in node.body:
                if _public(method):
                    yield from _entry("####", _signature(method), method)
        elif _public(node):
            yield from _entry("###", _signature(node), node)


def _public(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")


def _entry(level: str, title: str, node: ast.AST) -> Iterator[str]:
    yield f"{level} `{title}`"
    yield ""
    doc = inspect.cleandoc(ast.get_docstring(node) or "")
    if doc:
        yield from ["```text", doc, "```", ""]


def _bases(node: ast.ClassDef) -> str:
    return f"({', '.join(ast.unparse(base) for base in node.bases)})" if node.bases else ""


def _signature(node: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){returns}"
