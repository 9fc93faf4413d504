"""What every benchmark says at its end: one JSON line for machines, or a table for people."""

import json
from collections.abc import Sequence
from typing import Any


def row(name: str, value: float, target: float | None, *, at_most: bool) -> dict[str, Any]:
    """One measured number and what it is held against; without a target nothing was promised, so it is met."""
    met = target is None or (value <= target if at_most else value >= target)
    return {"name": name, "value": float(f"{value:.4g}"), "target": target, "met": met, "at_most": at_most}


def report(rows: Sequence[dict[str, Any]], argv: Sequence[str]) -> int:
    """Prints the rows, as JSON if `argv` holds `--json`; gives the exit code, 1 when a target was missed.

    With `--quick` the work is too small for the targets, which are printed and decide nothing.
    """
    if "--json" in argv:
        keys = ("name", "value", "target", "met")
        print(json.dumps({"rows": [{key: each[key] for key in keys} for each in rows]}), flush=True)
    else:
        print("\n".join(_lines(rows)), flush=True)
    return 0 if "--quick" in argv or all(each["met"] for each in rows) else 1


def _lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    width = max([len(each["name"]) for each in rows], default=0)
    return [f"{each['name']:<{width}}  {each['value']:>10,.4g}  {_target(each):>12}" for each in rows]


def _target(each: dict[str, Any]) -> str:
    if each["target"] is None:
        return ""
    sign = "<=" if each["at_most"] else ">="
    return f"{sign} {each['target']:g} {'ok' if each['met'] else 'MISSED'}"
