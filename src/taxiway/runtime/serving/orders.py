"""Orders: what a predictor shall load, as the server says it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from taxiway.core.training import ModelRef


@dataclasses.dataclass(frozen=True)
class Order:
    """What a predictor shall load.

    Attributes:
        number: of the version.
        model: its record.
        folder: where its bytes lie.
        secret: the key of the pseudonyms it was trained on, in hexadecimal digits; empty when it was on none.
        patience_s: how long one batch may take before the process is ended; 0 for ever.
        quiet: it answers only when nobody else needs the processor.
    """

    number: int
    model: ModelRef
    folder: str
    secret: str = ""
    patience_s: float = 60.0
    quiet: bool = False

    def message(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {**dataclasses.asdict(self), "model": self.model.dump()}

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> "Order":
        """What `message` gave."""
        return cls(**{**message, "model": ModelRef.load(message["model"])})
