"""One process of test_linearizability: asks the registry for random things, and writes down what it asked and got."""

import json
import random
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).parents[1]))

import samples
from taxiway.core.errors import Conflict, DeadlineExceeded, SpecError
from taxiway.core.registry import Commit
from taxiway.core.serving import Phase
from taxiway.core.training import Target
from taxiway.stores.log import Log
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry
from taxiway.stores.services import Services

NAME = "flight-delay"


def main(uri: str, journal: Path, who: str) -> None:
    store = open_store(uri)
    if int(who) % 2:
        store.turn = lambda *_: nullcontext()  # type: ignore[method-assign]  # half of them do not wait for their turn
    registry, log = Registry(store), Log(store, NAME)
    registry.state("warm-up")
    with journal.open("w", buffering=1) as out:
        for number in range(100_000):
            call = choose(registry, f"{who}-{number}")
            note(out, {"at": time.monotonic(), "call": call})
            answer = serve(Services(store), registry, call) if call["kind"] == "serve" else ask(registry, log, call)
            note(out, {"at": time.monotonic(), "answer": answer})


def note(out: TextIO, what: dict[str, Any]) -> None:
    out.write(json.dumps(what) + "\n")
    out.flush()


def choose(registry: Registry, why: str) -> dict[str, Any]:
    kind = random.choice(["register", "register", "promote", "promote", "rollback", "serve", "serve", "read"])
    if kind not in ("promote", "serve"):
        return {"kind": kind, "why": why, "letter": random.randrange(10**12)}
    state = registry.state(NAME)
    if kind == "serve":
        service = state.services.get("delays")
        generation = (service.generation if service else 0) + random.choice([1, 1, 1, 2])
        return {"kind": kind, "why": why, "to": random.randint(1, max(1, state.last_number)), "generation": generation}
    now = state.aliases.get("champion")
    expected = random.choice([None, now.number if now else 0])
    return {"kind": kind, "why": why, "to": random.randint(1, max(1, state.last_number)), "expected": expected}


def serve(services: Services, registry: Registry, call: dict[str, Any]) -> dict[str, Any]:
    try:
        live = Target(number=call["to"], model=registry.version(NAME, call["to"]).model)
        desired = samples.service_state(call["generation"], live=live, phase=Phase.LIVE, reason=call["why"])
        return committed(services.serve(desired, by=samples.author(why=call["why"])))
    except (Conflict, SpecError, DeadlineExceeded) as error:
        return {"outcome": type(error).__name__}


def ask(registry: Registry, log: Log, call: dict[str, Any]) -> dict[str, Any]:
    by = samples.author(why=call["why"])
    if call["kind"] == "read":
        return {"outcome": "read", "number": log.tip().number}
    try:
        if call["kind"] == "promote":
            return committed(registry.promote(NAME, call["to"], by=by, expected=call["expected"]))
        if call["kind"] == "rollback":
            return committed(registry.rollback(NAME, by=by))
    except (Conflict, SpecError, DeadlineExceeded) as error:
        return {"outcome": type(error).__name__}
    model = samples.model_ref(digest=f"folder-sha256:{call['letter']:064x}")
    verdicts = (samples.verdict(model),)
    version = registry.register(model, run=call["why"], verdicts=verdicts, metrics={}, report=None, by=by)
    return committed(log.registration(number=version.number))


def committed(commit: Commit | None) -> dict[str, Any]:
    return {"outcome": "committed", "number": commit.number} if commit else {"outcome": "nothing"}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
