"""What every platform does, wherever it serves: `class TestMine(PlatformContract)` with an `airfield` of its own.

The service has a live version and a candidate that is registered and not served yet; the store, the server and the
requests are real.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest

from runtime.kit import flights
from runtime.serving.kit import Airfield
from taxiway.core.errors import BackendError
from taxiway.core.platforms import Platform
from taxiway.core.rollouts import Sight
from taxiway.core.serving import ServiceState
from taxiway.core.training import ModelRef
from taxiway.stores.blobs import Blobs
from taxiway.stores.objects import ObjectStore

PATIENCE_S = 90.0
ROWS = flights(3, seed=5).select("delay", "hour").to_dicts()


def settled(platform: Platform, state: ServiceState, patience_s: float = PATIENCE_S) -> Sight:
    """What is seen when everything is as the state says."""
    end = time.monotonic() + patience_s
    while not (sight := platform.observe(state)).settled:
        assert time.monotonic() < end, sight
        time.sleep(0.1)
    return sight


def predict(platform: Platform) -> list[Any]:
    body = json.dumps({"rows": ROWS}).encode()
    return json.loads(platform.ask("/predict", body))["predictions"]


def spoil(store: ObjectStore, model: ModelRef) -> None:
    """Puts other bytes where the bytes of a model were."""
    file = max(Blobs(store)._manifest(model.digest), key=lambda file: file.size_bytes)
    path = next(info.path for info in store.list("blobs/") if info.path.endswith(file.sha256))
    store.replace(path, b"x" * file.size_bytes)


class Load:
    """A client that asks again and again, and remembers what went wrong."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self.asked, self.failed = 0, []
        self._ask = ask
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._ask()
            except Exception as error:  # noqa: BLE001 - all of them are what is looked for
                self.failed.append(str(error))
            self.asked += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)


class PlatformContract:
    """Laws of `taxiway.core.platforms.Platform`."""

    @pytest.fixture
    def airfield(self) -> Airfield:
        """Versions 1 and 2 of a model, and where the platform finds them."""
        raise NotImplementedError

    @pytest.fixture
    def platform(self, airfield: Airfield) -> Iterator[Platform]:
        """The platform to judge; it must be removed afterwards."""
        raise NotImplementedError

    @pytest.fixture
    def versions(self, airfield: Airfield) -> list[Any]:
        return [airfield.register("train"), airfield.register("train_worse")]

    def test_a_plan_is_plain_data_says_the_same_twice_and_starts_nothing(self, airfield, platform, versions):
        state = airfield.serve(versions[0])
        plan = platform.plan(state)
        assert json.loads(json.dumps(plan)) == plan == platform.plan(state)
        assert not platform.observe(state).settled

    def test_what_is_applied_is_served_and_counted(self, airfield, platform, versions):
        platform.check()
        state = airfield.serve(versions[0])
        platform.apply(state)
        settled(platform, state)
        assert len(predict(platform)) == len(ROWS)
        sight = settled(platform, state)
        assert sum(reading.counts["1"].requests for reading in sight.readings if "1" in reading.counts) == 1
        assert not sight.unreachable

    def test_applying_twice_changes_nothing(self, airfield, platform, versions):
        state = airfield.serve(versions[0])
        platform.apply(state)
        before = settled(platform, state)
        platform.apply(state)
        after = settled(platform, state)
        began = [{reading.replica: reading.started for reading in sight.readings} for sight in (before, after)]
        assert began[0] == began[1]

    def test_a_candidate_is_made_ready_without_traffic_and_then_takes_all_of_it(self, airfield, platform, versions):
        platform.apply(state := airfield.serve(versions[0]))
        settled(platform, state)
        platform.apply(state := airfield.serve(versions[0], versions[1]))
        sight = settled(platform, state)
        digests = {digest for reading in sight.readings for digest in reading.ready.values()}
        assert digests == {version.model.digest for version in versions}
        platform.apply(state := airfield.serve(versions[1]))
        settled(platform, state)
        predict(platform)
        counted = [reading.counts.get("2") for reading in settled(platform, state).readings]
        assert sum(counts.requests for counts in counted if counts) >= 1

    def test_a_candidate_is_taken_away_again(self, airfield, platform, versions):
        platform.apply(state := airfield.serve(versions[0], versions[1]))
        settled(platform, state)
        platform.revert(state := airfield.serve(versions[0]))
        sight = settled(platform, state)
        assert {digest for reading in sight.readings for digest in reading.ready.values()} == {versions[0].model.digest}

    def test_no_request_is_lost_while_versions_change(self, airfield, platform, versions):
        platform.apply(state := airfield.serve(versions[0]))
        settled(platform, state)
        with Load(lambda: predict(platform)) as load:
            for live, candidate in ((0, 1), (1, None), (0, None)):
                picked = versions[candidate] if candidate is not None else None
                platform.apply(state := airfield.serve(versions[live], picked))
                settled(platform, state)
        assert load.asked >= 10
        assert load.failed == []

    def test_what_is_removed_is_gone_and_removing_twice_is_the_same(self, airfield, platform, versions):
        platform.apply(state := airfield.serve(versions[0]))
        settled(platform, state)
        platform.remove()
        platform.remove()
        assert not platform.observe(state).settled
        with pytest.raises(BackendError):
            platform.ask("/v2/health/live")

    def test_what_cannot_be_loaded_says_so(self, airfield, platform, versions):
        broken = versions[1].model
        platform.apply(state := airfield.serve(versions[0]))
        settled(platform, state)
        spoil(airfield.place.store, broken)
        platform.apply(state := airfield.serve(versions[0], versions[1]))
        end = time.monotonic() + PATIENCE_S
        while not (sight := platform.observe(state)).failed:
            assert time.monotonic() < end, sight
            time.sleep(0.2)
        assert "integrity" in sight.failed
        assert not sight.settled
        assert len(predict(platform)) == len(ROWS)
