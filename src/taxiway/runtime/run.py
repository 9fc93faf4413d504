"""What a train function is given besides its data: a place for metrics, artefacts and checkpoints, and its inputs."""

import math
import numbers
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from taxiway.core.data import DatasetRef
from taxiway.core.errors import SpecError
from taxiway.core.specs.training import Training
from taxiway.runtime.checkpoints import Checkpoints


class Writer(Protocol):
    """Where a run's history goes while it runs."""

    def log_metric(self, name: str, value: float, step: int, at: float) -> None:
        """Keeps one point of a curve."""

    def artifact(self, name: str, path: Path) -> Any:
        """Keeps a file."""


class Silent:
    """Keeps nothing: of several processes one alone writes."""

    def log_metric(self, name: str, value: float, step: int, at: float) -> None:
        """Drops a point of a curve."""

    def artifact(self, name: str, path: Path) -> None:
        """Drops a file."""


class Run:
    """One call of a train function.

    Attributes:
        key: of the run in the run history.
        params: the function's parameters.
        seed: what the generators of Python, NumPy and torch were seeded with; hand it to what has its own.
        dataset: the snapshot; none outside a job.
        scratch: a private folder, removed when the job ends.
        checkpoint: `checkpoint.due()`, `checkpoint.save(step, folder)` and `checkpoint.load()`, for trainings that may
            be interrupted.
        parallel: the processes that train together, and the device of this one; `parallel.model(module)` and
            `parallel.loader(rows, batch_size)` make of a plain training with torch one that uses all of them.
        metrics: the last value of each metric that was logged; None where it was NaN or infinite.
        named_inputs: the columns that `inputs` named.
    """

    def __init__(
        self,
        writer: Writer,
        checkpoint: Checkpoints,
        scratch: Path,
        training: Training,
        *,
        key: str = "",
        dataset: DatasetRef | None = None,
    ) -> None:
        self.key = key
        self.params = dict(training.params)
        self.seed = training.seed
        self.dataset = dataset
        self.scratch = scratch
        self.checkpoint = checkpoint
        self.parallel = checkpoint.parallel
        self.metrics: dict[str, float | None] = {}
        self.named_inputs: tuple[str, ...] = ()
        self._writer = writer
        self._steps: dict[str, int] = {}

    def log(self, step: int | None = None, **metrics: float) -> None:
        """Keeps a value of one or more metrics, at a step of the training; without one, at the metric's next step.

        A step keeps its first value. A NaN or an infinity is kept as a gap, and said on the output.

        Raises:
            SpecError: a value is not a number, or the step is not a whole one.
        """
        for name, value in metrics.items():
            number = _number(name, value)
            at_step = self._steps.get(name, 0) if step is None else _step(step)
            self._steps[name] = at_step + 1
            if not math.isfinite(number):
                self._say(f"metric {name} is {number} at step {at_step}: kept as a gap")
            self.metrics[name] = number if math.isfinite(number) else None
            self._writer.log_metric(name, number, at_step, time.time())

    def artifact(self, item: Any, name: str = "") -> None:
        """Keeps a file, or a figure of matplotlib (as PNG) or plotly (as HTML), under a name.

        Raises:
            SpecError: it is neither, or the file does not exist.
        """
        path = item if isinstance(item, Path) else Path(item) if isinstance(item, str) else self._drawn(item, name)
        if not path.is_file():
            raise SpecError(
                "there is no such file",
                where="run.artifact",
                expected="a file that exists, or a figure",
                got=str(path),
                do="Write the file before you hand it over.",
            )
        self._writer.artifact(name or path.name, path)

    def inputs(self, *columns: str) -> None:
        """Names the columns the model reads, in its order, where the model itself does not know them."""
        self.named_inputs = columns

    def progress(self, done: float, of: float, note: str = "") -> None:
        """Says on the job's output how far the training is."""
        share = min(max(done / of, 0.0), 1.0) if of else 0.0
        self._say(f"{share:4.0%} {note}".rstrip())

    def _drawn(self, figure: Any, name: str) -> Path:
        for method, ending in (("savefig", ".png"), ("write_html", ".html")):
            save: Callable[[str], object] | None = getattr(figure, method, None)
            if callable(save):
                stem = Path(name or "figure").stem
                path = self.scratch / f"{stem}{ending}"
                save(str(path))
                return path
        raise SpecError(
            "this cannot be kept as an artefact",
            where="run.artifact",
            expected="the path of a file, or a figure of matplotlib or plotly",
            got=type(figure).__name__,
            do="Write it to a file under run.scratch and hand over its path.",
        )

    def _say(self, line: str) -> None:
        sys.stdout.write(f"[{self.key or 'run'}] {line}\n")
        sys.stdout.flush()


def _number(name: str, value: object) -> float:
    if not isinstance(value, numbers.Real) and not hasattr(value, "item"):
        raise SpecError(
            f"metric {name!r} is not a number",
            where="run.log",
            expected="a number",
            got=f"{type(value).__name__} {value!r}",
            do="Log one number per metric and step.",
        )
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise SpecError(f"metric {name!r} is not one number", where="run.log", got=str(error)) from error


def _step(step: object) -> int:
    if isinstance(step, numbers.Integral) and int(step) >= 0:
        return int(step)
    raise SpecError("a step is a whole number, 0 or more", where="run.log", got=repr(step))
