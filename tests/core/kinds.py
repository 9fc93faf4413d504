"""Every record and spec class of core."""

import importlib
import pkgutil
from types import ModuleType

import taxiway.core
from taxiway.core.records import Record


def modules() -> list[ModuleType]:
    return [importlib.import_module(f"taxiway.core.{m.name}") for m in pkgutil.iter_modules(taxiway.core.__path__)]


def records() -> list[type[Record]]:
    modules()
    return [kind for kind in Record.kinds.values() if kind.__module__.startswith("taxiway.core.")]


def specs() -> list[type]:
    found = [value for module in modules() for value in vars(module).values() if isinstance(value, type)]
    chosen = {cls for cls in found if type(cls).__name__ == "_Spec" and cls.__module__.startswith("taxiway.core.")}
    return sorted(chosen, key=lambda cls: cls.__name__)
