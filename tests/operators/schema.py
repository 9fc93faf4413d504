"""Contracts for the rows of `stages.write_rows`."""

import pandera.polars as pa


class Rows(pa.DataFrameModel):
    id: int = pa.Field(unique=True)
    x: float = pa.Field(ge=0, le=1)
    late: bool


class Strict(Rows):
    x: float = pa.Field(ge=0, le=0.5)
