"""The ledger: what was counted about a version in one place, in plain numbers until somebody asks for the metrics."""

import dataclasses
from bisect import bisect_left
from collections.abc import Mapping, Sequence

from taxiway.core.traffic import SECONDS_EDGES, Answer, Slot
from taxiway.runtime.serving.frames import Batch, Told

BATCH_EDGES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Upper edges of the bins of rows per batch."""
MOST_LABELS = 100
_OUTCOMES = {200: Answer.OK, 400: Answer.REFUSED, 429: Answer.OVERLOADED}


def outcome(told: Told) -> Answer:
    """How a request ended."""
    return _OUTCOMES.get(told.status, Answer.FAILED)


@dataclasses.dataclass
class Ledger:
    """What one version did in one place.

    Attributes:
        version: its number.
        slot: what it was asked as.
        outcomes: how many requests ended how.
        seconds: requests per bin of `SECONDS_EDGES`, and those beyond.
        seconds_sum: the sum of all those times.
        batches: batches per bin of `BATCH_EDGES`, and those beyond.
        rows: how many rows were predicted.
        invalid: how many predictions were NaN or infinite.
        bins: predicted numbers by the index of their bin.
        labels: predicted rows by label.
        compared: requests that the shadow answered.
        disagreements: those whose answers differ.
        dropped: copies that the shadow had no time for.
        crashes: how often its process ended by itself, by reason.
    """

    version: int
    slot: Slot
    outcomes: dict[Answer, int] = dataclasses.field(default_factory=lambda: dict.fromkeys(Answer, 0))
    seconds: list[int] = dataclasses.field(default_factory=lambda: [0] * (len(SECONDS_EDGES) + 1))
    seconds_sum: float = 0.0
    batches: list[int] = dataclasses.field(default_factory=lambda: [0] * (len(BATCH_EDGES) + 1))
    rows: int = 0
    invalid: int = 0
    bins: dict[int, int] = dataclasses.field(default_factory=dict)
    labels: dict[str, int] = dataclasses.field(default_factory=dict)
    compared: int = 0
    disagreements: int = 0
    dropped: int = 0
    crashes: dict[str, int] = dataclasses.field(default_factory=dict)

    def answered(self, told: Told, seconds: float) -> None:
        """Counts one request."""
        self.outcomes[outcome(told)] += 1
        self.seconds[bisect_left(SECONDS_EDGES, seconds)] += 1
        self.seconds_sum += seconds

    def predicted(self, batch: Batch, classes: Sequence[str]) -> None:
        """Counts one batch."""
        if batch.rows:
            self.batches[bisect_left(BATCH_EDGES, batch.rows)] += 1
        self.rows += batch.rows
        self.invalid += batch.invalid
        _add(self.bins, batch.bins)
        for place, count in batch.labels.items():
            name = classes[place] if place < len(classes) else "other"
            name = name if name in self.labels or len(self.labels) < MOST_LABELS else "other"
            self.labels[name] = self.labels.get(name, 0) + count

    def crashed(self, reason: str) -> None:
        """Counts the end of a process."""
        self.crashes[reason] = self.crashes.get(reason, 0) + 1


class Ledgers:
    """One ledger for each version and place, for as long as the process lives: counters never go back."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, Slot], Ledger] = {}

    def of(self, version: int, slot: Slot) -> Ledger:
        """The ledger of a version in a place."""
        found = self._kept.get((version, slot))
        if found is None:
            found = self._kept[version, slot] = Ledger(version, slot)
        return found

    def all(self) -> list[Ledger]:
        """All of them, by version."""
        return [self._kept[key] for key in sorted(self._kept)]


def _add(total: dict[int, int], more: Mapping[int, int]) -> None:
    for key, count in more.items():
        total[key] = total.get(key, 0) + count
