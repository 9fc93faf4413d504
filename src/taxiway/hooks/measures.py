"""Business metrics: asked of a Prometheus server, or of a function of the author's."""

import json
import math
import urllib.error
import urllib.parse
import urllib.request
from string import Template
from typing import Any

from taxiway.core.errors import BackendError, SpecError
from taxiway.core.specs.serving import BusinessMetric
from taxiway.engines.entry_points import load_entry_point

_PATIENCE_S = 10.0


def measure(metric: BusinessMetric, service: str, version: int, seconds: float) -> float | None:
    """The metric of one version over the last `seconds`; None when there is no such number.

    Raises:
        BackendError: what knows it does not answer, or the function raised.
        SpecError: the function is not importable, or the query does not give one number.
    """
    if not metric.prometheus:
        return _called(metric, service, version, seconds)
    query = Template(metric.source).safe_substitute(service=service, version=version, seconds=f"{math.ceil(seconds)}")
    found = _asked(metric.prometheus, query)
    series = found.get("result") if found.get("resultType") == "vector" else [found]
    if not series:
        return None
    if len(series) > 1:
        raise SpecError(
            "the query does not give one number",
            where=f"BusinessMetric({metric.name!r})",
            got=f"{len(series)} series",
            do="Sum them up, or choose one.",
        )
    value = series[0]["value"] if "value" in series[0] else series[0]["result"]
    number = float(value[1])
    return number if math.isfinite(number) else None


def _called(metric: BusinessMetric, service: str, version: int, seconds: float) -> float | None:
    function = load_entry_point(metric.source, where=f"BusinessMetric({metric.name!r}).source")
    try:
        value = function(service, version, seconds)
    except Exception as error:
        raise BackendError(
            "the function of a business metric failed",
            where=metric.source,
            got=f"{type(error).__name__}: {error}",
            do="Look into the function.",
        ) from error
    return None if value is None or not math.isfinite(value) else float(value)


def _asked(prometheus: str, query: str) -> dict[str, Any]:
    url = f"{prometheus.rstrip('/')}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise SpecError("this is no address of a Prometheus server", where="BusinessMetric.prometheus", got=prometheus)
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE_S) as answer:  # noqa: S310 - the scheme is checked above
            said = json.load(answer)
        if said["status"] == "success":
            return dict(said["data"])
        got = said.get("error", "no success")
    except urllib.error.HTTPError as error:
        got = f"{error.code} {error.reason}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        got = f"{type(error).__name__}: {error}"
    raise BackendError("Prometheus did not answer the query", where=prometheus, got=got, do=f"Try it there: {query}")
