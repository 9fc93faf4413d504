"""What must hold of the flights before anybody learns from them."""

import pandera.polars as pa
import polars as pl


class Flights(pa.DataFrameModel):
    """One row per flight that arrived."""

    flight_id: int = pa.Field(unique=True, ge=0)
    month: int = pa.Field(ge=1, le=12)
    day: int = pa.Field(ge=1, le=31)
    hour: int = pa.Field(ge=0, le=23)
    dep_delay: float = pa.Field(ge=-120, le=2880)
    distance: int = pa.Field(gt=0, le=10_000)
    carrier: str = pa.Field(str_length={"min_value": 2, "max_value": 2})
    origin: str = pa.Field(isin=["EWR", "JFK", "LGA"])
    dest: str = pa.Field(str_length={"min_value": 3, "max_value": 3})
    late: pl.Boolean

    class Config:
        """A missing column is an error; one more than these is not."""

        strict = False
