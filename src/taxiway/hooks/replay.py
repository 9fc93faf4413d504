"""Replay: logged requests sent again, to the live version and to the candidate, where nobody asks anything."""

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from taxiway.core.counts import Counts
from taxiway.core.errors import BackendError
from taxiway.core.platforms import Platform
from taxiway.core.rollouts import stages
from taxiway.core.serving import Phase, ServiceState
from taxiway.core.specs.serving import Service

if TYPE_CHECKING:
    from taxiway.stores.objects import ObjectStore

HOURS = 7 * 24
"""How far back requests are looked for."""
_LONGEST_S = 120.0
_TIMES = 5
"""How many times the fewest requests that are judged."""
_RELATIVE, _ABSOLUTE = 1e-3, 1e-5


def replay(platform: Platform, store: "ObjectStore", state: ServiceState, now: datetime, service: Service) -> Counts:
    """How often the candidate answered logged requests otherwise than the live version; what the servers count besides.

    The newest ones of the last week are sent, a bounded number of them, one after the other, to both versions by name.

    Raises:
        BackendError: the store or the platform did not answer at all.
    """
    if state.live is None or state.candidate is None:
        return Counts()
    wanted = max([stage.requests for stage in stages(service.rollout) if stage.phase is Phase.SHADOW], default=0)
    wanted = max(wanted, _TIMES * service.judge.min_requests)
    ends = time.monotonic() + _LONGEST_S
    compared = disagreements = 0
    types = _types(platform, state)
    for request in _logged(store, service.name, now, wanted):
        if time.monotonic() > ends:
            break
        body = _body(request, types)
        answers = [_answer(platform, state.model, target.number, body) for target in (state.live, state.candidate)]
        compared += 1
        disagreements += not _alike(answers[0], answers[1])
    return Counts(compared=compared, disagreements=disagreements)


def _logged(store: "ObjectStore", service: str, now: datetime, wanted: int) -> Iterator[Mapping[str, Sequence[Any]]]:
    """The columns of logged requests, each as a whole, the newest hour first."""
    from taxiway.stores.traffic import INPUT, REQUEST, ROW, TrafficLog

    log, hour = TrafficLog(store, service), timedelta(hours=1)
    for back in range(HOURS):
        rows = log.read(now - (back + 1) * hour, now - back * hour)
        if not rows.width:
            continue
        inputs = [name for name in rows.columns if name.startswith(INPUT)]
        for request in rows.partition_by(REQUEST, maintain_order=True)[:wanted]:
            ordered = request.sort(ROW)
            yield {name.removeprefix(INPUT): ordered[name].to_list() for name in inputs}
            wanted -= 1
        if wanted <= 0:
            return


def _types(platform: Platform, state: ServiceState) -> dict[str, str]:
    said = json.loads(platform.ask(f"/v2/models/{state.model}"))
    return {one["name"]: one["datatype"] for one in said.get("inputs", [])}


def _body(columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> bytes:
    known = {name: columns[name] for name in types if name in columns} or columns
    inputs = [
        {"name": name, "datatype": types.get(name) or _guess(values), "shape": [len(values)], "data": list(values)}
        for name, values in known.items()
    ]
    return json.dumps({"inputs": inputs}, default=str).encode()


def _guess(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool} and kinds:
        return "BOOL"
    return "FP64" if kinds <= {int, float} else "BYTES"


def _answer(platform: Platform, model: str, number: int, body: bytes) -> list[Any] | None:
    """The predictions; None when there was no answer."""
    try:
        said = json.loads(platform.ask(f"/v2/models/{model}/versions/{number}/infer", body))
    except BackendError:
        return None
    found = [output["data"] for output in said.get("outputs", []) if output["name"] == "prediction"]
    return list(found[0]) if found else None


def _alike(a: list[Any] | None, b: list[Any] | None) -> bool:
    if a is None or b is None:
        return a is b
    return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))


def _same(x: Any, y: Any) -> bool:
    if isinstance(x, float) and isinstance(y, float | int):
        return math.isclose(x, y, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
    return bool(x == y)
