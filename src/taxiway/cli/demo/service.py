"""The demo's endpoint: where it answers, who asks it, and how a new version went live."""

import contextlib
import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from taxiway.cli.demo.home import Home
from taxiway.core.errors import BackendError

if TYPE_CHECKING:
    from taxiway.core.serving import ServiceState

SERVICE = "flight-delay"
DEPLOYMENT = f"{SERVICE}.deployment"
_ROWS = 10
_PAUSE_S = 0.004


@dataclasses.dataclass
class Passengers:
    """Whoever asks all the time whether their flight of December will be late.

    Attributes:
        asked: how many requests were sent.
        failed: how many of them were not answered with success.
    """

    asked: int = 0
    failed: int = 0


class Endpoint:
    """The service, as those see it who ask it."""

    def __init__(self, home: Home, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.passengers = Passengers()
        self._home = home

    def curl(self) -> str:
        """What a person types to ask it about one flight."""
        row = json.dumps({"rows": self._flights(1)})
        return f"curl {self.url}/predict --data '{row}'"

    def answer(self) -> dict[str, Any]:
        """What comes of it.

        Raises:
            BackendError: there was no answer, or not one of success.
        """
        from taxiway.targets.asking import ask

        return dict(json.loads(ask(f"{self.url}/predict", json.dumps({"rows": self._flights(1)}).encode())))

    def history(self) -> "list[ServiceState]":
        """Everything that the log says the service should serve, in order."""
        from taxiway.core.serving import Serve
        from taxiway.stores.objects import open_store
        from taxiway.stores.registry import Registry

        commits = Registry(open_store(self._home.store.as_uri())).history(SERVICE)
        return [commit.change.state for commit in commits if isinstance(commit.change, Serve)]

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Somebody asks it all the time while the block runs."""
        ended = threading.Event()
        thread = threading.Thread(target=self._ask_on, args=(ended,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(30)

    def _ask_on(self, ended: threading.Event) -> None:
        import httpx

        rows = self._flights(5000)
        bodies = [json.dumps({"rows": rows[at : at + _ROWS]}).encode() for at in range(0, len(rows), _ROWS)]
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False) as client:
            while not ended.is_set():
                try:
                    good = client.post("/predict", content=bodies[self.passengers.asked % len(bodies)]).is_success
                except httpx.TransportError:
                    good = False
                self.passengers.asked += 1
                self.passengers.failed += not good
                time.sleep(_PAUSE_S)

    def _flights(self, number: int) -> list[dict[str, Any]]:
        """Flights of December as their passengers know them, drawn alike every time."""
        import polars as pl

        columns = ["carrier", "origin", "dest", "month", "day", "hour", "dep_delay", "distance"]
        (file,) = (self._home.lake / "december").glob("*.parquet")
        return pl.read_parquet(file, columns=columns).sample(number, seed=1).to_dicts()


def check_answer(said: dict[str, Any]) -> bool:
    """Whether the flight will be late.

    Raises:
        BackendError: the answer does not say.
    """
    predictions = said.get("predictions")
    if not isinstance(predictions, list) or len(predictions) != 1:
        raise BackendError("the endpoint gave no prediction", where="POST /predict", got=said)
    return bool(predictions[0])
