"""Whether Airflow's parts are alive, by what its API server says to anybody who asks."""

import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from taxiway.stores.probe import Finding, skew

PATH = "api/v2/monitor/health"
_PATIENCE_S = 15.0
PARTS: Mapping[str, tuple[str, str]] = {
    "metadatabase": ("the metadata database answers", "Look at the database, and at the log of the API server."),
    "scheduler": ("a scheduler is alive", "Start one: airflow scheduler."),
    "dag_processor": ("a DAG processor is alive", "Start one: airflow dag-processor."),
    "triggerer": (
        "a triggerer is alive, without which no task that waits for a job goes on",
        "Start one: airflow triggerer (in the official chart: triggerer.enabled=true).",
    ),
}
"""What is asked of each part, and what to do when it is not alive."""


def health(base_url: str, *, clock: Callable[[], float] = time.time) -> Iterator[Finding]:
    """What the API server at a URL says about Airflow's parts, and whether its clock agrees with this machine's."""
    import httpx

    url = f"{base_url.rstrip('/')}/{PATH}"
    check = f"Airflow's API server at {base_url} answers"
    began = clock()
    try:
        answer = httpx.get(url, timeout=_PATIENCE_S, follow_redirects=True)
        answer.raise_for_status()
        parts = dict(answer.json())
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError) as error:
        remedy = "Start it (airflow api-server), or say where it is: --airflow URL."
        yield Finding(check, ok=False, detail=f"{type(error).__name__}: {error}", remedy=remedy)
        return
    yield Finding(check, ok=True)
    yield from (_part(name, parts.get(name)) for name in PARTS)
    if "date" in answer.headers:
        yield skew("Airflow's API server", parsedate_to_datetime(answer.headers["date"]).timestamp(), (began, clock()))


def _part(name: str, told: Any) -> Finding:
    check, remedy = PARTS[name]
    told = told if isinstance(told, Mapping) else {}
    status = told.get("status")
    if status == "healthy":
        return Finding(check, ok=True)
    last = told.get(f"latest_{name}_heartbeat")
    detail = f"It is {status}; last seen {last}." if status and last else "There was never one."
    return Finding(check, ok=False, detail=detail, remedy=remedy)
