"""What a server counted: read from its metrics, taken from one another, added up over replicas."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import NonNegativeInt

from taxiway.core import traffic
from taxiway.core.errors import BackendError
from taxiway.core.records import Record
from taxiway.core.traffic import Answer

_LINE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)(?:\s+\S+)?")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")


class Counts(Record):
    """What one version answered, in one process or in several.

    Attributes:
        answers: how many requests ended how, by `Answer`.
        seconds: how many took how long, by the upper edge of the bin; not cumulative.
        predictions: how many rows were predicted as how much, by the upper edge of the bin; not cumulative.
        labels: how many rows were predicted as what, by label.
        invalid: rows predicted as NaN or infinite.
        compared: requests whose answer was compared with the live version's.
        disagreements: those of them that were answered differently.
    """

    answers: dict[str, NonNegativeInt] = {}
    seconds: dict[str, NonNegativeInt] = {}
    predictions: dict[str, NonNegativeInt] = {}
    labels: dict[str, NonNegativeInt] = {}
    invalid: NonNegativeInt = 0
    compared: NonNegativeInt = 0
    disagreements: NonNegativeInt = 0

    @property
    def requests(self) -> int:
        """How many requests there were."""
        return sum(self.answers.values())

    @property
    def errors(self) -> int:
        """How many were not answered with predictions, whoever's fault it was."""
        return self.requests - self.answers.get(Answer.OK, 0)

    @property
    def faults(self) -> int:
        """How many were not, by no fault of theirs."""
        return self.errors - self.answers.get(Answer.REFUSED, 0)

    @property
    def rows(self) -> int:
        """How many rows were predicted."""
        return sum((self.labels or self.predictions).values()) + self.invalid


class Reading(Record):
    """What one process says of a service.

    Attributes:
        replica: its name; a process that was started again may have the same.
        started: when the process began, in seconds since 1970.
        generation: which one it has taken up.
        ready: the digest of what is ready, by `Slot`.
        failed: why it can never make the candidate ready; empty while it may.
        counts: what each version answered, by its number as text.
    """

    replica: str
    started: float = 0.0
    generation: NonNegativeInt = 0
    ready: dict[str, str] = {}
    failed: str = ""
    counts: dict[str, Counts] = {}


class Origin(Record):
    """From where the requests of a generation are counted: what the replicas had counted when it began to be judged."""

    generation: NonNegativeInt
    readings: tuple[Reading, ...]


class _Sample(NamedTuple):
    name: str
    labels: Mapping[str, str]
    value: float


def read(text: str, *, service: str, replica: str) -> Reading:
    """What the metrics of a process say of a service.

    Raises:
        BackendError: this is not the Prometheus text format.
    """
    found = [sample for sample in _samples(text, replica) if sample.labels.get("service", service) == service]
    counts: dict[str, dict[str, Any]] = {}
    for sample in found:
        if "version" in sample.labels:
            _count(counts.setdefault(sample.labels["version"], {}), sample)
    values = {sample.name: sample.value for sample in found}
    failed = [sample for sample in found if sample.name == traffic.CANDIDATE_FAILED and sample.value]
    return Reading(
        replica=replica,
        started=values.get(traffic.STARTED, 0.0),
        generation=int(values.get(traffic.GENERATION, 0)),
        ready={s.labels["slot"]: s.labels["digest"] for s in found if s.name == traffic.READY and s.value},
        failed="; ".join(f"version {s.labels.get('version')}: {s.labels.get('reason')}" for s in failed),
        counts={version: _counts(raw) for version, raw in counts.items() if raw},
    )


def since(base: Iterable[Reading], now: Iterable[Reading]) -> dict[str, Counts]:
    """What each version answered between two rounds of reading, by number, over all replicas.

    A process that began in between counts from nothing; one that is gone takes what it counted with it.
    """
    before = {(reading.replica, reading.started): reading.counts for reading in base}
    parts: dict[str, list[Counts]] = {}
    for reading in now:
        known = before.get((reading.replica, reading.started), {})
        for version, counts in reading.counts.items():
            parts.setdefault(version, []).append(_less(counts, known.get(version, Counts())))
    return {version: total(each) for version, each in parts.items()}


def total(parts: Iterable[Counts]) -> Counts:
    """All of them together."""
    return _combined(list(parts), 1)


def _less(after: Counts, before: Counts) -> Counts:
    return _combined([after, before], -1)


def _combined(parts: list[Counts], sign: int) -> Counts:
    """The first, plus or minus the others; never below nothing."""
    made: dict[str, Any] = {}
    for field in Counts.model_fields:
        values = [getattr(part, field) for part in parts]
        if field in ("invalid", "compared", "disagreements"):
            made[field] = max(0, sum(values[:1]) + sign * sum(values[1:]))
            continue
        sums: Counter[str] = Counter(values[0] if values else {})
        for other in values[1:]:
            sums.update({key: sign * number for key, number in other.items()})
        made[field] = {key: number for key, number in sums.items() if number > 0}
    return Counts(**made)


def _samples(text: str, replica: str) -> Iterator[_Sample]:
    """The lines that are about serving; others are none of our business."""
    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None and line.strip() and not line.lstrip().startswith("#"):
            raise _unreadable(line, replica)
        if match is None or not match["name"].startswith(("taxiway_", traffic.STARTED)):
            continue
        try:
            value = float(match["value"])
        except ValueError:
            raise _unreadable(line, replica) from None
        if not math.isfinite(value):
            raise _unreadable(line, replica)
        labels = {name: _ESCAPE.sub(_unescaped, quoted) for name, quoted in _LABEL.findall(match["labels"] or "")}
        yield _Sample(match["name"], labels, value)


def _unreadable(line: str, replica: str) -> BackendError:
    return BackendError(
        "these are not metrics in the Prometheus text format",
        where=f"replica {replica!r}",
        got=line,
        do="Look at what answers at /metrics there.",
    )


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


_KEYED = {
    traffic.REQUESTS: ("answers", "outcome"),
    traffic.LABELS: ("labels", "label"),
    f"{traffic.SECONDS}_bucket": ("seconds", "le"),
    f"{traffic.PREDICTIONS}_bucket": ("predictions", "le"),
}
_PLAIN = {traffic.INVALID: "invalid", traffic.COMPARED: "compared", traffic.DISAGREEMENTS: "disagreements"}


def _count(raw: dict[str, Any], sample: _Sample) -> None:
    """Adds a sample to what its version counted; of histograms still cumulative, and apart for each slot."""
    if sample.name in _PLAIN:
        raw[_PLAIN[sample.name]] = raw.get(_PLAIN[sample.name], 0) + int(sample.value)
    elif sample.name in _KEYED:
        field, label = _KEYED[sample.name]
        slot = sample.labels.get("slot", "") if label == "le" else ""
        into = raw.setdefault(field, {}).setdefault(slot, Counter())
        into[sample.labels.get(label, "")] += int(sample.value)


def _counts(raw: dict[str, Any]) -> Counts:
    made = dict(raw)
    for field, label in _KEYED.values():
        slots = raw.get(field, {}).values()
        made[field] = dict(sum((_bins(slot) if label == "le" else slot for slot in slots), Counter()))
    return Counts(**made)


def _bins(cumulative: Mapping[str, int]) -> "Counter[str]":
    """The bins of a cumulative histogram."""
    bins: Counter[str] = Counter()
    below = 0
    for edge, number in sorted(cumulative.items(), key=lambda item: float(item[0])):
        bins[edge] = max(0, number - below)
        below = max(below, number)
    return +bins
