"""Metrics of the user's own: `module:function`, called with the truth and the prediction, one number back."""

import dataclasses
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from taxiway.core.errors import SpecError
from taxiway.engines.bootstrap import resamples
from taxiway.engines.entry_points import load_entry_point
from taxiway.engines.metrics import Answers, Truth

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS = 20_000_000
"""Rows that a custom metric is resampled on, all resamples together, but at least `_FEWEST` resamples."""
_FEWEST = 50
_SECONDS = 30.0
"""After so long no further resample is started."""


@dataclasses.dataclass(frozen=True, slots=True)
class Custom:
    """A function of the user's on the rows of one model; only the function itself can say what a resample gives."""

    name: str
    function: Callable[[Any, Any], Any]
    true: "NDArray[Any]"
    said: "NDArray[Any]"

    def value(self) -> float:
        """What the function says about all rows.

        Raises:
            SpecError: it is not a number.
        """
        return self._ask(self.true, self.said)

    def draws(self, number: int, seed: int) -> "NDArray[np.float64]":
        """What it says about up to `number` resamples, fewer when there are many rows or the function is slow."""
        import numpy as np

        rows, until = len(self.true), time.monotonic() + _SECONDS
        done: list[float] = []
        number = min(number, max(_FEWEST, _ROWS // max(rows, 1)))
        for block in resamples(rows, number, seed):
            for counts in block:
                if time.monotonic() > until:
                    return np.array(done)
                chosen = np.repeat(np.arange(rows), counts)
                done.append(self._ask(self.true[chosen], self.said[chosen]))
        return np.array(done)

    def _ask(self, true: "NDArray[Any]", said: "NDArray[Any]") -> float:
        answer = self.function(true, said)
        try:
            return float(answer)
        except (TypeError, ValueError) as error:
            raise SpecError(
                "a metric must give one number",
                where=f"metric {self.name!r}",
                expected="a float, higher is better",
                got=repr(answer),
                do="Return float(...).",
            ) from error


def custom(name: str, truth: Truth, answers: Answers) -> Custom | str:
    """The user's metric on these rows; or the sentence why it cannot be measured.

    Raises:
        SpecError: the function cannot be imported.
    """
    import numpy as np

    function = load_entry_point(name, where="Evaluation.metrics")
    if truth.codes is not None and answers.codes is not None:
        labels = np.array(truth.classes)
        return Custom(name, function, labels[truth.codes], labels[answers.codes])
    if truth.values is None or answers.values is None:
        return "the target or the answers are not numbers"
    return Custom(name, function, truth.values, answers.values)
