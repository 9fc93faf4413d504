"""Whether what is installed beside Taxiway is what it asks for. Needs no Airflow that can be imported."""

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import Distribution, distributions, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from taxiway.stores.probe import Finding

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

AIRFLOW = "apache-airflow"
_NOWHERE = "Run this where Airflow runs, in the image of its workers. To try it here: pip install 'taxiway[airflow]'."
_AIRFLOW = ">=3.3,<4"
_INSTALL = "pip install taxiway, in the environment of each of Airflow's parts."
_DUPLICATE = re.compile(
    r"^\s*(from\s+taxiway\.plugin\s+import|import\s+taxiway\.plugin|class\s+TaxiwayPlugin\b)", re.MULTILINE
)


def versions(path: Sequence[str] | None = None) -> Iterator[Finding]:
    """Airflow's version first, then that of each package that Taxiway can use and finds, against what it asks for.

    Args:
        path: the folders that hold what is installed; those of this interpreter by default.
    """
    found = {_canonical(str(one.name)): one for one in reversed(_distributions(path))}
    asked = _asked(found.get("taxiway"))
    if AIRFLOW not in found:
        yield Finding("Airflow is installed here", ok=False, detail="It is not.", remedy=_NOWHERE)
        return
    yield _version(AIRFLOW, found[AIRFLOW].version, asked.get(AIRFLOW, []))
    for name in sorted(asked.keys() & found.keys() - {AIRFLOW}):
        finding = _version(name, found[name].version, asked[name])
        if not finding.ok:
            yield finding


def _version(name: str, here: str, asked: "Sequence[SpecifierSet]") -> Finding:
    check = f"{name} {here} is one that Taxiway works with"
    if all(one.contains(here, prereleases=True) for one in asked):
        return Finding(check, ok=True)
    need = ",".join(dict.fromkeys(str(one) for one in asked if str(one)))
    remedy = f"pip install '{name}{need}' in the environment of each of Airflow's parts, under its constraints."
    return Finding(check, ok=False, detail=f"Taxiway needs {name}{need}.", remedy=remedy)


def plugin(folder: Path) -> Iterator[Finding]:
    """Whether the provider and the plugin are registered, and the plugin once.

    Args:
        folder: Airflow's plugins folder.
    """
    files = _plugin_files(folder.rglob("*.py")) if folder.is_dir() else []
    yield _provider(files)
    entries = entry_points(group="airflow.plugins", name="taxiway")
    places = [f"the entry point {one.value}" for one in entries] + [f"the file {file}" for file in files]
    check = "the plugin is registered once"
    if len(places) == 1:
        yield Finding(check, ok=True)
        return
    detail = f"It is registered by {' and by '.join(places)}: Airflow shows an import error, and drops other plugins."
    remedy = f"Delete {files[-1]}." if files else "pip uninstall taxiway, and install it once."
    if not places:
        detail, remedy = "It is not registered: the Models pages are missing.", _INSTALL
    yield Finding(check, ok=False, detail=detail, remedy=remedy)


def _provider(files: Sequence[Path]) -> Finding:
    check = "Airflow can find the provider"
    if any(one.value.startswith("taxiway.") for one in entry_points(group="apache_airflow_provider")):
        return Finding(check, ok=True)
    if files:
        told = "Taxiway lies in the plugins folder, where there are none: Airflow does not know its connection type."
        return Finding(check, ok=True, detail=told, asked=False)
    return Finding(check, ok=False, detail="Taxiway is imported from a folder that nobody installed.", remedy=_INSTALL)


def _plugin_files(files: Iterable[Path]) -> list[Path]:
    """The files that register the plugin; a copy of the package itself does not, as long as Airflow ignores it."""
    own = [file for file in sorted(files) if not (file.parent / "provider_info.py").exists()]
    return [file for file in own if _DUPLICATE.search(file.read_text(encoding="utf-8", errors="replace"))]


def _asked(taxiway: Distribution | None) -> "dict[str, list[SpecifierSet]]":
    """Package to what is asked of it, extras included; only Airflow's where Taxiway itself is not installed."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    asked: dict[str, list[SpecifierSet]] = {} if taxiway else {AIRFLOW: [SpecifierSet(_AIRFLOW)]}
    for text in (taxiway.requires or ()) if taxiway else ():
        requirement = Requirement(text)
        if _canonical(requirement.name) != "taxiway":
            asked.setdefault(_canonical(requirement.name), []).append(requirement.specifier)
    return asked


def _distributions(path: Sequence[str] | None) -> list[Distribution]:
    return list(distributions() if path is None else distributions(path=list(path)))


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
