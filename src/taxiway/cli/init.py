"""`taxiway init`: a model project to begin with: recipe, training, contract, tests, Containerfile."""

import importlib.util
import keyword
import math
import random
import re
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from taxiway.cli import contract, output, places
from taxiway.core.errors import SpecError
from taxiway.core.names import check_name, unknown

if TYPE_CHECKING:
    import polars as pl

Name = Annotated[str, typer.Argument(help="The model's name, such as flight-delay.")]
Data = Annotated[str, typer.Option("--data", help="What it learns from: a URI or path. Made-up rows by default.")]
Target = Annotated[str, typer.Option("--target", help="The column to predict.")]
Into = Annotated[Path | None, typer.Option("--into", help="The folder to make; the model's name by default.")]
_EXAMPLE, _EXAMPLE_TARGET, _EXAMPLE_ROWS = "customers.csv", "churned", 2000
_TEMPLATES = {
    "recipe": "{package}_dag.py",
    "train": "{package}/train.py",
    "test": "tests/test_{package}.py",
    "pyproject": "pyproject.toml",
    "containerfile": "Containerfile",
    "readme": "README.md",
    "airflowignore": ".airflowignore",
}
"""Template to the file that is made of it."""


class Kind(NamedTuple):
    """What follows from what is predicted."""

    kind: str
    estimator: str
    metrics: str
    gates: str


CLASSIFIER = Kind(
    "classifier",
    "HistGradientBoostingClassifier",
    '"roc_auc", "log_loss"',
    'Threshold("roc_auc", at_least=0.6), BeatsChampion("roc_auc", confidence=0.9)',
)
REGRESSOR = Kind(
    "regressor",
    "HistGradientBoostingRegressor",
    '"r2", "mean_absolute_error"',
    'Threshold("r2", at_least=0.1), BeatsChampion("r2", confidence=0.9)',
)


def init(
    name: Name, *, data: Data = "", target: Target = "", into: Into = None, as_json: places.AsJson = False
) -> None:
    """Make a model project to begin with: recipe, training, contract, tests, Containerfile; and say what to do next."""
    folder = into or Path(check_name(name))
    _require(folder, data, target)
    package = _package(name)
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".taxiway-", dir=folder.absolute().parent) as scratch:
        made = Path(scratch) / "project"
        _write(made, name, package, data=data, target=target or _EXAMPLE_TARGET)
        made.chmod(0o755)
        made.replace(folder)
    written = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    if as_json:
        next_steps = [{"do": do, "why": why} for do, why in steps(folder, name, package)]
        output.data({"folder": str(folder.absolute()), "files": written, "next": next_steps})
        return
    typer.echo(f"Made {folder} with {len(written)} files. Next:\n\n{_listed(steps(folder, name, package))}")


def steps(folder: Path, name: str, package: str) -> list[tuple[str, str]]:
    """What to do next, from the folder itself to the first model, as command and reason."""
    dag = f"{name}.training"
    return [
        (f"cd {folder}", "all else is done there"),
        ("pip install pytest && python -m pytest", "its tests: the contract holds, the model learns"),
        (f"taxiway plan {package}_dag.py", "what Airflow will start"),
        (
            'dags=$(airflow config get-value core dags_folder) && mkdir -p "$dags" && ln -s "$PWD" "$dags/"',
            "let Airflow see it; or make this folder a DAG bundle",
        ),
        ("taxiway doctor", "is this Airflow sound, and running? Else: airflow standalone, in another terminal"),
        ("airflow dags reserialize", "find the DAG now instead of in some minutes"),
        (f"airflow dags unpause {dag} && airflow dags trigger {dag}", "the first model; from now on every week"),
        (f"taxiway models show {name}", "the version that went live, once the run has ended"),
    ]


def _require(folder: Path, data: str, target: str) -> None:
    if folder.exists():
        raise SpecError("this exists", where=str(folder), do="Choose another name or --into: nothing is written over.")
    if bool(data) != bool(target):
        raise SpecError(
            "data and the column to predict go together", where="taxiway init", do="Give both --data and --target."
        )
    missing = [module for module in ("polars", "pandera") if importlib.util.find_spec(module) is None]
    if missing:
        raise SpecError(f"it needs {' and '.join(missing)}", where="taxiway init", do="pip install 'taxiway[data]'")


def _package(name: str) -> str:
    package = re.sub(r"\W", "_", check_name(name)).lower()
    package = package if package[0].isalpha() else f"model_{package}"
    if importlib.util.find_spec(package) or keyword.iskeyword(package):
        raise SpecError(
            f"there is a module {package!r} already, which the project's own would hide",
            where="taxiway init",
            got=name,
            do=f"Choose another name: {name}-model",
        )
    return package


def _write(folder: Path, name: str, package: str, *, data: str, target: str) -> None:
    (folder / package).mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / package / "__init__.py").write_text(f'"""The code of {name}."""\n', encoding="utf-8")
    if not data:
        (folder / "data").mkdir()
        (folder / "data" / _EXAMPLE).write_text(_example(), encoding="utf-8")
    uri = places.as_uri(data or str(folder / "data" / _EXAMPLE))
    rows, kind = contract.rows(uri), contract.class_name(uri)
    (folder / package / "checks.py").write_text(contract.source(rows, kind), encoding="utf-8")
    words = {"name": name, "package": package, "contract": kind, "target": target, **_kind(rows, target)._asdict()}
    words |= _places(uri if data else "")
    words["steps"] = f"```bash\n{_commands(steps(Path(), name, package)[1:])}\n```"
    for template, path in _TEMPLATES.items():
        text = files("taxiway.cli").joinpath("scaffold", f"{template}.txt").read_text(encoding="utf-8")
        (folder / path.format(package=package)).write_text(Template(text).substitute(words), encoding="utf-8")


def _places(uri: str) -> Mapping[str, str]:
    """How recipe and tests say where the data is."""
    if uri:
        return {"imports": "", "uri": repr(uri).replace("'", '"'), "test_uri": repr(uri).replace("'", '"')}
    return {
        "imports": "from pathlib import Path\n\n",
        "uri": f'(Path(__file__).parent / "data" / "{_EXAMPLE}").as_uri()',
        "test_uri": f'(Path(__file__).parents[1] / "data" / "{_EXAMPLE}").as_uri()',
    }


def _kind(rows: "pl.LazyFrame", target: str) -> Kind:
    """A classifier for two values, a regressor for more numbers."""
    schema = rows.collect_schema()
    if target not in schema:
        raise unknown("column", target, schema.names(), where="--target")
    values = int(rows.select(target).drop_nulls().unique().limit(3).collect().height)
    if values == 2:  # noqa: PLR2004 - yes and no
        return CLASSIFIER
    if schema[target].is_numeric() and values > 1:
        return REGRESSOR
    raise SpecError(
        "this first training function predicts numbers, or one of two values",
        where=f"--target {target}",
        got=f"{schema[target]} with {'one value' if values == 1 else 'no value' if not values else 'more values'}",
        do="Choose another column, or begin with the made-up rows and write your own train function.",
    )


def _example() -> str:
    """Made-up customers, always the same ones."""
    draw = random.Random(0)  # noqa: S311 - nothing is secret
    lines = ["customer,months,tickets,price,churned"]
    for customer in range(_EXAMPLE_ROWS):
        months, tickets, price = draw.randint(1, 60), draw.randint(0, 9), draw.choice((9, 19, 39))
        odds = 0.5 * tickets - 0.06 * months + 0.02 * price - 1
        churned = draw.random() < 1 / (1 + math.exp(-odds))
        lines.append(f"{customer},{months},{tickets},{price},{str(churned).lower()}")
    return "\n".join([*lines, ""])


def _listed(found: list[tuple[str, str]]) -> str:
    return "\n".join(f"  {number}. {why}\n       {do}" for number, (do, why) in enumerate(found, start=1))


def _commands(found: list[tuple[str, str]]) -> str:
    return "\n".join(f"{do}    # {why}" for do, why in found)
