"""The same contract in several hands; each runs in a process of its own: `python validation_contenders.py NAME FILE`.

Ten columns; the rules are types, nulls, ranges, allowed sets, text, a unique id and a rule over two columns.
"""

import importlib
import json
import os
import sys
import warnings

CARRIERS = ["AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV", "9E"]
ORIGINS = ["EWR", "JFK", "LGA"]


def generate(path: str, rows: int) -> None:
    import polars as pl

    def noise(salt: int, below: int) -> pl.Expr:
        return (pl.col("id") * 2654435761 + salt).hash(salt) % below

    data = pl.select(pl.int_range(rows, dtype=pl.Int64).alias("id")).lazy()
    data.select(
        ((pl.col("id") * 7919) % rows).alias("id"),
        (pl.lit(1_356_998_400_000_000) + noise(1, 31_536_000) * 1_000_000).cast(pl.Datetime("us")).alias("scheduled"),
        pl.lit(pl.Series(CARRIERS)).gather(noise(2, len(CARRIERS))).alias("carrier"),
        pl.lit(pl.Series(ORIGINS)).gather(noise(3, len(ORIGINS))).alias("origin"),
        (noise(4, 200_000).cast(pl.Float64) / 100 - 60).alias("delay"),
        pl.when(noise(5, 20) > 0).then(noise(6, 90_000).cast(pl.Float64) / 100).alias("air_time"),
        (noise(7, 4900) + 80).cast(pl.Int64).alias("distance"),
        (noise(8, 100) + 1).cast(pl.Int64).alias("booked"),
        (noise(8, 100) + 1 + noise(9, 50)).cast(pl.Int64).alias("seats"),
        pl.format("N{}", noise(10, 90_000) + 10_000).alias("tail"),
    ).sink_parquet(path)


def bare(path: str) -> int:
    """The limit: what somebody who knows polars would write by hand for exactly these rules."""
    import polars as pl

    types = {
        "id": pl.Int64, "scheduled": pl.Datetime("us"), "carrier": pl.String, "origin": pl.String, "delay": pl.Float64,
        "air_time": pl.Float64, "distance": pl.Int64, "booked": pl.Int64, "seats": pl.Int64, "tail": pl.String,
    }  # fmt: skip
    data = pl.scan_parquet(path)
    wrong = sum(data.collect_schema()[name] != dtype for name, dtype in types.items())
    c = pl.col
    counts = data.select(
        *(c(name).null_count().alias(f"null {name}") for name in types if name != "air_time"),
        c("delay").is_nan().sum().alias("nan delay"),
        (pl.len() - c("id").n_unique()).alias("repeated"),
        c("id").ge(0).not_().sum().alias("id"),
        c("carrier").is_in(CARRIERS).not_().sum().alias("carrier"),
        c("origin").is_in(ORIGINS).not_().sum().alias("origin"),
        c("delay").is_between(-60, 2000).not_().sum().alias("delay"),
        c("air_time").ge(0).not_().sum().alias("air_time"),
        c("distance").is_between(50, 5000).not_().sum().alias("distance"),
        c("booked").ge(0).not_().sum().alias("booked"),
        c("tail").str.starts_with("N").not_().sum().alias("tail"),
        (c("booked") <= c("seats")).not_().sum().alias("overbooked"),
    ).collect(engine="streaming")
    return wrong + sum(counts.row(0))


def contract() -> type:
    import pandera.polars as pa
    import polars as pl

    class Flights(pa.DataFrameModel):
        id: int = pa.Field(unique=True, ge=0)
        scheduled: pl.Datetime("us")
        carrier: str = pa.Field(isin=CARRIERS)
        origin: str = pa.Field(isin=ORIGINS)
        delay: float = pa.Field(in_range={"min_value": -60, "max_value": 2000})
        air_time: float = pa.Field(ge=0, nullable=True)
        distance: int = pa.Field(in_range={"min_value": 50, "max_value": 5000})
        booked: int = pa.Field(ge=0)
        seats: int
        tail: str = pa.Field(str_startswith="N")

        @pa.dataframe_check
        def not_overbooked(cls, data):  # noqa: N805 - pandera makes it a class method
            return data.lazyframe.select(pl.col("booked") <= pl.col("seats"))

    return Flights


def taxiway(path: str) -> int:
    import polars as pl

    from taxiway.engines.validation import check

    return sum(result.failed for result in check(pl.scan_parquet(path), contract()))


def pandera_polars(path: str) -> int:
    import polars as pl

    contract().validate(pl.read_parquet(path), lazy=True)
    return 0


def pandera_pandas(path: str) -> int:
    import pandas as pd
    import pandera.pandas as pa

    schema = pa.DataFrameSchema(
        {
            "id": pa.Column("int64", pa.Check.ge(0), unique=True),
            "scheduled": pa.Column("datetime64[us]"),
            "carrier": pa.Column("string", pa.Check.isin(CARRIERS)),
            "origin": pa.Column("string", pa.Check.isin(ORIGINS)),
            "delay": pa.Column("float64", pa.Check.in_range(-60, 2000)),
            "air_time": pa.Column("float64", pa.Check.ge(0), nullable=True),
            "distance": pa.Column("int64", pa.Check.in_range(50, 5000)),
            "booked": pa.Column("int64", pa.Check.ge(0)),
            "seats": pa.Column("int64"),
            "tail": pa.Column("string", pa.Check.str_startswith("N")),
        },
        checks=pa.Check(lambda rows: rows["booked"] <= rows["seats"]),
    )
    text = dict.fromkeys(("carrier", "origin", "tail"), "string")
    schema.validate(pd.read_parquet(path).astype(text), lazy=True)
    return 0


def forked(name: str, path: str) -> None:
    """Runs a contender in a fork that has loaded what the launcher of local jobs loads; prints seconds and bytes."""
    from taxiway.core.stages import Stage
    from taxiway.runtime.launcher import WARM

    for library in WARM[Stage.VALIDATE]:
        importlib.import_module(library)
    child = os.fork()
    if child == 0:
        os._exit(int(CONTENDERS[name](path) != 0))
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{name} failed with status {status}")
    print(json.dumps([usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024]))


CONTENDERS = {each.__name__: each for each in (bare, taxiway, pandera_polars, pandera_pandas)}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    command, *arguments = sys.argv[1:]
    if command == "generate":
        generate(arguments[0], int(arguments[1]))
    elif command == "forked":
        forked(*arguments)
    elif CONTENDERS[command](*arguments):
        raise SystemExit(f"{command} found failures in data that has none")
