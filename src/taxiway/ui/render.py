"""Pages as HTML: templates with everything escaped, and links relative to wherever Airflow lives."""

import functools
import json
import math
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from taxiway.core.changes import in_words
from taxiway.core.errors import SpecError
from taxiway.core.windows import moment
from taxiway.ui import charts, guard

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEPS = ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))
_LONGEST = 300


def page(request: Request, template: str, *, status: int = 200, **facts: Any) -> HTMLResponse:
    """A page. Its templates see the facts, the user, and `root`: the way from this page to the first one."""
    user: Any = getattr(request.state, "taxiway_user", None)
    shared = {
        "root": root(request),
        "here": template.partition(".")[0],
        "may_act": user is not None and guard.may_act(user),
        "token": guard.token(user) if user is not None else "",
        "done": guard.unsealed(request.query_params.get("done", "")),
        "embedded": request.query_params.get("tab") == "1",
    }
    text = _environment().get_template(template).render(**shared, **facts)
    return HTMLResponse(text, status_code=status)


def standalone(template: str, **facts: Any) -> str:
    """A page that is read outside of Airflow, with its style in it."""
    style = files("taxiway.ui").joinpath("static", "taxiway.css").read_text(encoding="utf-8")
    return str(_environment(moving=False).get_template(template).render(style=Markup(style), **facts))  # noqa: S704 - our own file


def root(request: Request) -> str:
    """The relative way from a page to the root of our pages, whatever lies before it in the address."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return "../" * (path.count("/") - 1) or "./"


def number(value: object) -> str:
    """A measured value in at most four digits; NaN and nothing are said in words."""
    if value is None:
        return "not measured"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "not a number"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def text(value: object) -> str:
    """Any JSON value as text, not too long."""
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}… ({len(told)} characters)"


def when(value: str) -> Markup:
    """A time to the minute, and how long ago that is."""
    try:
        at = moment(value)
    except (SpecError, TypeError):
        return Markup("")
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        at.isoformat(), f"{at:%Y-%m-%d %H:%M}", ago(at, utc_now())
    )


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def ago(at: datetime, now: datetime) -> str:
    """How far a time is from now, in words."""
    seconds = (now - at).total_seconds()
    for step, unit in _STEPS:
        if abs(seconds) >= step:
            count = int(abs(seconds) // step)
            told = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"{told} ago" if seconds > 0 else f"in {told}"
    return "just now" if seconds >= 0 else "at once"


def many(value: int, noun: str) -> str:
    """How many of something."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def size(value: int) -> str:
    """A number of bytes."""
    amount, unit = float(value), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:  # noqa: PLR2004 - 1024 of one unit are one of the next
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def short(digest: str | None) -> str:
    """A digest that people compare by eye; the whole one goes into the title."""
    algorithm, _, value = str(digest or "").partition(":")
    return f"{algorithm}:{value[:12]}" if value else algorithm


def date(value: str) -> str:
    """A time to the minute, for pages that are kept."""
    return f"on {value[:16].replace('T', ' ')} UTC" if value else ""


@functools.cache
def _environment(*, moving: bool = True) -> Environment:
    """The templates; `moving` times are told from now, and others by the calendar."""
    made = Environment(
        loader=PackageLoader("taxiway.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": number,
        "many": many,
        "text": text,
        "when": when if moving else date,
        "size": size,
        "short": short,
        "change": in_words,
        "percent": lambda value: "unknown" if value is None else f"{value:.1%}",
    }
    made.globals |= {"charts": charts}
    return made
