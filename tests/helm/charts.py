"""The chart, its values, and the two Helms that can install it."""

import dataclasses
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cluster.fixtures import program

CHART = Path(__file__).parents[2] / "helm" / "taxiway"
NO_HELM = "There is no {}: run tests/cluster/build-helm, or put it on the PATH."
SETS = sorted((CHART / "ci").glob("*-values.yaml"))
_TABLE = re.compile(r"(?<=<!-- values: python tests/helm/write.py -->\n).*?(?=<!-- end -->)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Helm:
    """One version of Helm."""

    path: str
    kubeconfig: str = "/dev/null"

    def run(self, *words: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        command = [self.path, "--kubeconfig", self.kubeconfig, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)

    def __call__(self, *words: str, timeout_s: float = 300) -> str:
        """What it prints; a failed assertion with its complaint if it fails."""
        done = self.run(*words, timeout_s=timeout_s)
        assert done.returncode == 0, f"helm {' '.join(words)}: {done.stderr}{done.stdout}"
        return done.stdout

    def template(self, *words: str) -> list[dict]:
        """The objects that the chart makes."""
        text = self("template", "taxiway", str(CHART), "--namespace", "taxiway", "--kube-version", "1.34", *words)
        return [one for one in yaml.safe_load_all(text) if one]

    def refusal(self, *words: str) -> str:
        """Why it makes nothing."""
        done = self.run("template", "taxiway", str(CHART), "--kube-version", "1.34", *words)
        assert done.returncode != 0, done.stdout
        return done.stderr


def found(name: str, kubeconfig: str = "/dev/null") -> Helm:
    """Version 3, which is called `helm`, or version 4, `helm4`; skips the test where it is not to be found."""
    path = program(name)
    return Helm(path, kubeconfig) if path else pytest.skip(NO_HELM.format(name))


def values() -> dict:
    return yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))


def schema() -> dict:
    return json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))


def documented() -> Iterator[tuple[str, str, object]]:
    """Each value that has a comment above it: its path, the comment, and what it is by default."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    lines = text.splitlines()
    yield from _walk(yaml.compose(text), "", lines)


def undocumented() -> list[str]:
    """Paths of the values at the bottom that neither they nor anything above them have a comment for."""
    told = [path for path, _, _ in documented()]
    return [
        path for path in _leaves(values(), "") if not any(path == one or path.startswith(f"{one}.") for one in told)
    ]


def readme() -> tuple[str, str]:
    """The README as it is, and as the values say that it should be."""
    text = (CHART / "README.md").read_text(encoding="utf-8")
    rows = ["| value | is | default |", "|---|---|---|"]
    rows += [f"| `{path}` | {comment} | {_cell(default)} |" for path, comment, default in documented()]
    return text, _TABLE.sub(lambda _: "\n".join(rows) + "\n", text)


def _walk(node: yaml.MappingNode, prefix: str, lines: list[str]) -> Iterator[tuple[str, str, object]]:
    for key, value in node.value:
        path, above = f"{prefix}{key.value}", lines[key.start_mark.line - 1].strip()
        if prefix and above.startswith("# "):
            yield path, above.removeprefix("# "), yaml.safe_load(yaml.serialize(value))
        elif isinstance(value, yaml.MappingNode):
            yield from _walk(value, f"{path}.", lines)


def _leaves(value: object, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield path
        return
    for key, inner in value.items():
        yield from _leaves(inner, f"{path}.{key}" if path else key)


def _cell(default: object) -> str:
    text = json.dumps(default, ensure_ascii=False)
    return "see `values.yaml`" if len(text) > 60 else f"`{text}`"
