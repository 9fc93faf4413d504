"""What servers count about the requests they answer: the names that servers write and rollouts read.

Everything is in the Prometheus text format under `/metrics`, per process. Labels: `service`; `version`, the number of
the version that answered; `slot`, what it was asked as: one of `Slot`.
"""

from bisect import bisect_left
from enum import StrEnum
from hashlib import blake2b
from typing import Final


class Slot(StrEnum):
    """What a version was asked as."""

    LIVE = "live"
    CANDIDATE = "candidate"
    SHADOW = "shadow"
    """Its answer was compared with the live version's, and nobody got it."""


class Answer(StrEnum):
    """How a request ended."""

    OK = "ok"
    REFUSED = "refused"
    """The request does not fit this version: wrong columns, wrong shape, NaN (400)."""
    FAILED = "failed"
    """The version could not answer: predict raised or crashed, or was past the deadline (500, 503, 504)."""
    OVERLOADED = "overloaded"
    """Its queue was full (429)."""


class Fault(StrEnum):
    """Why a version cannot be served, whoever tries."""

    INTEGRITY = "integrity"
    """The bytes in the store are not the ones that were registered."""
    GOLDEN = "golden"
    """It does not answer its golden requests as it did when it was trained."""
    LOAD = "load"
    """It cannot be loaded, or its process ends."""


REQUESTS: Final = "taxiway_requests_total"
"""Requests by `service`, `version`, `slot` and `outcome`, one of `Answer`."""
SECONDS: Final = "taxiway_request_seconds"
"""Histogram of the time from a request's arrival to its answer, by `service`, `version`, `slot`; at `SECONDS_EDGES`."""
PREDICTIONS: Final = "taxiway_predictions"
"""Histogram of finite predicted numbers (rows, not requests), by `service`, `version`, `slot`; at `PREDICTION_EDGES`,
of which only those of bins that hold something, and `+Inf`, are written."""
LABELS: Final = "taxiway_predicted_labels_total"
"""Predicted rows by `label`, where predictions are labels; at most 100 labels, then `label="other"`."""
INVALID: Final = "taxiway_invalid_predictions_total"
"""Predicted rows that are NaN or infinite, by `service`, `version`, `slot`."""
COMPARED: Final = "taxiway_compared_total"
"""Requests that the shadow answered, by `service` and its `version`."""
DISAGREEMENTS: Final = "taxiway_disagreements_total"
"""Those of them whose answers differ by more than rounding, or where only one of the two answered."""
GENERATION: Final = "taxiway_generation"
"""The generation of the `service` that this process has taken up: all that it asks for is loaded and warm, and has
answered its golden requests with the predictions that were kept with them."""
READY: Final = "taxiway_ready"
"""1 for each `slot` of the `service` that can answer, with the `version` and the `digest` of the bytes it loaded."""
CANDIDATE_FAILED: Final = "taxiway_candidate_failed"
"""1 for a candidate's `version` that can never be made ready here, with the `reason`: its bytes are not those promised,
cannot be loaded, or do not answer their golden requests as at training. Not while the store is away: that passes."""
STARTED: Final = "process_start_time_seconds"
"""When the process began: counters of another one begin anew."""

SECONDS_EDGES: Final = tuple(float(f"{0.0005 * 1.25**k:.3g}") for k in range(50))
"""Upper edges of the latency's bins, 0.5 ms to 28 s."""
_FINE = tuple(round(0.05 * k, 2) for k in range(21))
_COARSE = tuple(float(f"{1.1**k:.4g}") for k in range(1, 219))
PREDICTION_EDGES: Final = (*(-x for x in reversed((*_FINE[1:], *_COARSE))), *_FINE, *_COARSE)
"""Upper edges of the predictions' bins: twentieths from -1 to 1, then a tenth wider each, up to a thousand million."""


def prediction_edge(value: float) -> float:
    """The upper edge of the bin of a finite predicted number; infinity above all edges."""
    at = bisect_left(PREDICTION_EDGES, value)
    return PREDICTION_EDGES[at] if at < len(PREDICTION_EDGES) else float("inf")


def place_of(key: str, service: str) -> float:
    """Where a key falls in a service's traffic, from 0 up to but without 100: always the same place.

    The candidate gets the places below its weight, so whoever it answered once, it answers as the weight grows.
    """
    secret = blake2b(service.encode()).digest()
    digest = blake2b(key.encode("utf-8", "surrogatepass"), key=secret, digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48 * 100
