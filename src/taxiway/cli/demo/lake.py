"""What happens to the data: months arrive, and one day a broken feed does."""

import importlib
import shutil
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from taxiway.cli.demo.home import Home, find_recipe

if TYPE_CHECKING:
    from types import ModuleType

    import polars as pl

EVALUATION, SCORING = 11, 12


class Days(NamedTuple):
    """Some days of one month, as production saw them.

    Attributes:
        label: what people call them.
        start: the first of them, at midnight UTC.
        end: when they are over.
        broken: whether the sensor of departure delays is.
    """

    label: str
    start: datetime
    end: datetime
    broken: bool = False


class Lake:
    """The flights that have arrived so far, as files of one month each."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._flights = home.lake / "flights"

    def prepare(self) -> None:
        """Unpacks the flights of 2013, and lays the months for evaluation and scoring in place."""
        months = cast("list[Path]", _writer().write(self._home.source))
        self._flights.mkdir()
        (self._home.lake / "production").mkdir()
        for name, month in (("november", EVALUATION), ("december", SCORING)):
            (self._home.lake / name).mkdir()
            shutil.copy(months[month - 1], self._home.lake / name)

    def restore(self) -> None:
        """All that has arrived is as it was recorded again."""
        self.arrive(range(1, EVALUATION))
        _replace(self._source(EVALUATION).read_bytes(), self._november)

    def arrive(self, months: Iterable[int]) -> None:
        """The months are in the lake, as they were recorded."""
        for month in months:
            _replace(self._source(month).read_bytes(), self._flights / self._source(month).name)

    def scramble(self, months: Iterable[int]) -> None:
        """The months arrive again from a feed that joined the arrival times to the wrong flights.

        Every column keeps its type and range, so the contract holds; only what there was to learn is gone.
        """
        import polars as pl

        for month in months:
            late = pl.col("late").shuffle(seed=month)
            _rewrite(self._source(month), self._flights / self._source(month).name, late)

    def change_unit(self) -> None:
        """All that has arrived, November too, arrives again from a feed that tells delays in hours, not in minutes.

        The contract holds, and so does what can be learned: only whoever asks still says minutes.
        """
        import polars as pl

        hours = pl.col("dep_delay") / 60
        for month in range(1, EVALUATION):
            _rewrite(self._source(month), self._flights / self._source(month).name, hours)
        _rewrite(self._source(EVALUATION), self._november, hours)

    def fly(self, days: Days) -> None:
        """Production has seen these days; a broken sensor says of each flight that it left on time.

        Nobody knows yet which of them were late.
        """
        import polars as pl

        of_month = pl.col("day").is_between(days.start.day, (days.end - timedelta(days=1)).day)
        seen = pl.read_parquet(self._source(days.start.month)).filter(of_month).drop("late")
        broken = seen.with_columns(dep_delay=pl.lit(0.0)) if days.broken else seen
        file = self._home.lake / "production" / f"{days.start:%Y-%m-%d}.parquet"
        part = file.with_name(f".{file.name}.part")
        broken.write_parquet(part)
        part.replace(file)

    @property
    def _november(self) -> Path:
        return self._home.lake / "november" / self._source(EVALUATION).name

    def _source(self, month: int) -> Path:
        return self._home.source / "flights" / f"2013-{month:02}.parquet"


def lay_recipe(home: Home) -> None:
    """Copies the DAG file, and the package with the contract and the training function, into the DAGs folder."""
    shutil.copytree(find_recipe(), home.dags / "flight_delay", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(Path(__file__).parent / "dag.py", home.dags / "flight_delay_dag.py")


def _writer() -> "ModuleType":
    folder = str(find_recipe().parent)
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("flight_delay.lake")
    finally:
        sys.path.remove(folder)


def _rewrite(source: Path, file: Path, change: "pl.Expr") -> None:
    """The source with one column changed, whole or not at all."""
    import polars as pl

    part = file.with_name(f".{file.name}.part")
    pl.read_parquet(source).with_columns(change).write_parquet(part)
    part.replace(file)


def _replace(data: bytes, file: Path) -> None:
    part = file.with_name(f".{file.name}.part")
    part.write_bytes(data)
    part.replace(file)
