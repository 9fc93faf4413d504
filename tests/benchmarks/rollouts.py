"""What those who ask notice of promotions and rollbacks, and how long both take: a service of this machine under load.

uv run --extra dev python tests/benchmarks/rollouts.py [--json] [--quick] [--rounds 10] [--clients 4]
"""

import argparse
import dataclasses
import http.client
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from table import report, row  # noqa: E402

import samples  # noqa: E402
from runtime.serving.kit import SERVICE, Airfield  # noqa: E402
from system.standalone import free_port  # noqa: E402
from taxiway.core import Direct, LocalServer, Service, Tuning  # noqa: E402
from taxiway.core.rollouts import Action, Tally  # noqa: E402
from taxiway.hooks.rollouts import Course, Pilot  # noqa: E402
from taxiway.stores.registry import Registry  # noqa: E402
from taxiway.targets.local import LocalPlatform  # noqa: E402

BODY = json.dumps({"rows": [{"delay": 0.5, "hour": 7}]})
LOOK_S = 0.1


@dataclasses.dataclass
class Clients:
    """Those who ask all the time over connections of their own, and note who answered when."""

    port: int
    answers: list[tuple[float, int]] = dataclasses.field(default_factory=list)
    failed: int = 0
    ended: threading.Event = dataclasses.field(default_factory=threading.Event)

    def ask(self) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.ended.is_set():
            try:
                line.request("POST", "/predict", BODY, {"content-type": "application/json"})
                answer = line.getresponse()
                answer.read()
                good = answer.status == 200
            except (OSError, http.client.HTTPException):
                good = False
                line.close()
            if good:
                self.answers.append((time.monotonic(), int(answer.headers["x-taxiway-version"])))
            self.failed += not good
            time.sleep(0.005)

    def last_of(self, version: int, since: float) -> float:
        """How long after a moment a version still answered."""
        return max((at for at, who in self.answers if who == version and at >= since), default=since) - since


def flown(pilot: Pilot) -> float:
    """Seconds of a rollout from its beginning to its end."""
    began, tally = time.monotonic(), Tally()
    pilot.begin()
    while (decision := pilot.step(tally)).action is not Action.DONE:
        tally = decision.tally
        time.sleep(LOOK_S)
    pilot.settle(decision.state)
    return time.monotonic() - began


def measure(folder: Path, rounds: int, clients: int) -> list[dict[str, object]]:
    field, port = Airfield.at(folder), free_port()
    where = LocalServer(port=port, env={"PYTHONPATH": str(TESTS)}, tuning=Tuning(sample=0.0, drain_s=5.0))
    service, registry = Service(SERVICE, Direct(), on=where), Registry(field.place.store)
    platform = LocalPlatform(SERVICE, where, field.uri, state=folder / "state")

    def pilot(rollout: str) -> Pilot:
        return Pilot(Course(service, "flight-delay", rollout), field.place.store, platform, by=samples.author())

    asking, forward, back = Clients(port), [], []
    try:
        registry.promote("flight-delay", field.moody(name="first").number, by=samples.author())
        flown(pilot("first"))
        threads = [threading.Thread(target=asking.ask, daemon=True) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for number in range(rounds):
            version = field.moody(name=f"version {number}").number
            registry.promote("flight-delay", version, by=samples.author())
            forward.append(flown(pilot(f"forward-{number}")))
            time.sleep(0.5)
            began, button = time.monotonic(), pilot(f"back-{number}")
            button.settle(button.roll_back("it is measured"))
            time.sleep(2)
            back.append(asking.last_of(version, began))
        asking.ended.set()
        for thread in threads:
            thread.join(60)
    finally:
        platform.remove()
    return [
        row(f"failed requests of {len(asking.answers):,} in {2 * rounds} changes", asking.failed, 0, at_most=True),
        row("direct rollout from promotion to its end, s, median", median(forward), None, at_most=True),
        row("rollback until nobody gets the version, s, median", median(back), 3, at_most=True),
        row("rollback until nobody gets the version, s, worst", max(back), 3, at_most=True),
    ]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return report(measure(Path(folder), 2 if options.quick else options.rounds, options.clients), sys.argv)


if __name__ == "__main__":
    raise SystemExit(main())
