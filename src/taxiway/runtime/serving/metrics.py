"""Metrics: what the ledgers hold, in the Prometheus text format; the names that rollouts read are in `core.traffic`."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from taxiway.core import traffic
from taxiway.core.traffic import PREDICTION_EDGES, SECONDS_EDGES, Answer
from taxiway.core.traffic import Slot as Place
from taxiway.runtime.serving.fleet import Fleet
from taxiway.runtime.serving.ledger import BATCH_EDGES, Ledger, Ledgers

if TYPE_CHECKING:
    from prometheus_client.core import Metric

BATCHES = "taxiway_batch_rows"
ROWS = "taxiway_predicted_rows_total"
QUEUE = "taxiway_waiting_requests"
ENDED = "taxiway_predictor_ends_total"
DROPPED = "taxiway_shadow_dropped_total"
DESIRED = "taxiway_desired_generation"
STORE_FAILURES = "taxiway_store_failures_total"
LOGGED = "taxiway_traffic_requests_total"
_WHO = ("service", "version", "slot")
Counts = Iterator[tuple[Ledger, tuple[str, ...], float]]
Histograms = Iterator[tuple[Ledger, list[tuple[str, float]], float | None]]


class Counted(Protocol):
    """Whoever counts things of its own, by outcome: the follower's failures, the traffic log's requests."""

    def counts(self) -> Mapping[str, int]:
        """How many, by outcome."""


class Collector:
    """Gives Prometheus what there is, when it asks."""

    def __init__(self, service: str, fleet: Fleet, ledgers: Ledgers, store: Counted, log: Counted | None) -> None:
        self._service = service
        self._fleet = fleet
        self._ledgers = ledgers
        self._store = store
        self._log = log

    def collect(self) -> "Iterator[Metric]":
        """All metrics, as `prometheus_client` wants them."""
        kept = self._ledgers.all()
        yield self._counter(traffic.REQUESTS, "Requests by outcome.", ("outcome",), _outcomes(kept))
        yield self._histogram(traffic.SECONDS, "From a request's arrival to its answer.", _seconds(kept))
        yield self._histogram(traffic.PREDICTIONS, "Finite predicted numbers, by row.", _predictions(kept))
        yield self._counter(traffic.LABELS, "Predicted rows by label.", ("label",), _labels(kept))
        yield self._counter(traffic.INVALID, "Predicted rows that are NaN or infinite.", (), _plain(kept, "invalid"))
        yield self._counter(ROWS, "Predicted rows.", (), _plain(kept, "rows"))
        yield self._histogram(BATCHES, "Rows per batch.", _batches(kept))
        yield self._counter(ENDED, "Predictors that ended by themselves.", ("reason",), _crashes(kept))
        yield from self._shadow([each for each in kept if each.slot is Place.SHADOW])
        yield from self._state()

    def _state(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        routes, desired = self._fleet.routes, self._fleet.desired
        generation = GaugeMetricFamily(traffic.GENERATION, "The generation that was taken up.", labels=["service"])
        generation.add_metric([self._service], self._fleet.taken_up)
        wanted = GaugeMetricFamily(DESIRED, "The generation that the log asks for.", labels=["service"])
        wanted.add_metric([self._service], desired.generation if desired else 0)
        ready = GaugeMetricFamily(traffic.READY, "Who can answer.", labels=[*_WHO, "digest"])
        waiting = GaugeMetricFamily(QUEUE, "Requests that wait for a predictor.", labels=[*_WHO])
        for slot, place in routes.slots():
            who = [self._service, str(slot.target.number), str(place)]
            ready.add_metric([*who, slot.target.model.digest], int(slot.ready))
            waiting.add_metric(who, slot.waiting)
        failed = GaugeMetricFamily(
            traffic.CANDIDATE_FAILED, "Who cannot be served.", labels=["service", "version", "reason"]
        )
        for version, (fault, _) in self._fleet.faults.items():
            if fault is not None:
                failed.add_metric([self._service, str(version), str(fault)], 1)
        yield from (generation, wanted, ready, waiting, failed)
        yield self._outcomes(STORE_FAILURES, "Times the store failed.", self._store)
        yield self._outcomes(LOGGED, "Requests sampled for the traffic log.", self._log)

    def _outcomes(self, name: str, words: str, counted: Counted | None) -> "Metric":
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(name.removesuffix("_total"), words, labels=["service", "outcome"])
        for outcome, count in (counted.counts() if counted else {}).items():
            family.add_metric([self._service, outcome], count)
        return family

    def _shadow(self, kept: Sequence[Ledger]) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily

        for name, words, field in (
            (traffic.COMPARED, "Requests that the shadow answered.", "compared"),
            (traffic.DISAGREEMENTS, "Those whose answers differ.", "disagreements"),
            (DROPPED, "Copies that the shadow had no time for.", "dropped"),
        ):
            family = CounterMetricFamily(name.removesuffix("_total"), words, labels=["service", "version"])
            for each in kept:
                family.add_metric([self._service, str(each.version)], getattr(each, field))
            yield family

    def _counter(self, name: str, words: str, more: tuple[str, ...], values: Counts) -> "Metric":
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(name.removesuffix("_total"), words, labels=[*_WHO, *more])
        for ledger, labels, value in values:
            family.add_metric([self._service, str(ledger.version), str(ledger.slot), *labels], value)
        return family

    def _histogram(self, name: str, words: str, values: Histograms) -> "Metric":
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(name, words, labels=[*_WHO])
        for ledger, buckets, total in values:
            family.add_metric([self._service, str(ledger.version), str(ledger.slot)], buckets, total)
        return family


def text(collector: Collector) -> bytes:
    """The metrics of this process as Prometheus reads them."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(collector)
    return bytes(generate_latest(registry))


def _outcomes(kept: Sequence[Ledger]) -> Counts:
    return ((each, (str(answer),), each.outcomes[answer]) for each in kept for answer in Answer)


def _labels(kept: Sequence[Ledger]) -> Counts:
    return ((each, (label,), count) for each in kept for label, count in sorted(each.labels.items()))


def _crashes(kept: Sequence[Ledger]) -> Counts:
    return ((each, (reason,), count) for each in kept for reason, count in sorted(each.crashes.items()))


def _plain(kept: Sequence[Ledger], field: str) -> Counts:
    return ((each, (), getattr(each, field)) for each in kept)


def _seconds(kept: Sequence[Ledger]) -> Histograms:
    return ((each, _cumulative(SECONDS_EDGES, each.seconds), each.seconds_sum) for each in kept)


def _batches(kept: Sequence[Ledger]) -> Histograms:
    return ((each, _cumulative(BATCH_EDGES, each.batches), each.rows) for each in kept)


def _cumulative(edges: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    names = (*(repr(float(edge)) for edge in edges), "+Inf")
    return list(zip(names, itertools.accumulate(counts), strict=True))


def _predictions(kept: Sequence[Ledger]) -> Histograms:
    for each in kept:
        places = sorted(place for place in each.bins if place < len(PREDICTION_EDGES))
        totals = list(itertools.accumulate(each.bins[place] for place in places))
        buckets = [(repr(PREDICTION_EDGES[place]), float(total)) for place, total in zip(places, totals, strict=True)]
        yield each, [*buckets, ("+Inf", float(sum(each.bins.values())))], None


def status(service: str, fleet: Fleet) -> dict[str, Any]:
    """What a person wants to know first: what shall be served, what is, and why the two differ, if they do."""
    routes, desired = fleet.routes, fleet.desired
    slots = {
        str(place): {
            "version": slot.target.number,
            "digest": slot.target.model.digest,
            "state": str(slot.state),
            "reason": slot.reason,
            "golden": slot.golden,
            "waiting": slot.waiting,
            "busy": slot.busy,
        }
        for slot, place in routes.slots()
    }
    return {
        "service": service,
        "ready": routes.ready,
        "generation": fleet.taken_up,
        "desired_generation": desired.generation if desired else 0,
        "phase": str(desired.phase) if desired else None,
        "weight": routes.weight,
        "slots": slots,
        "faults": {str(version): reason for version, (_, reason) in fleet.faults.items()},
    }
