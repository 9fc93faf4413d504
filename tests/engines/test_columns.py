import polars as pl
import pytest

from taxiway.core.errors import SpecError
from taxiway.engines.columns import read_columns, unused


def test_the_columns_are_read_and_no_row_is():
    rows = pl.LazyFrame({"a": [1], "b": ["x"]}).map_batches(lambda _: 1 / 0, schema={"a": pl.Int64, "b": pl.String})
    assert read_columns(rows) == {"a": pl.Int64, "b": pl.String}


def test_a_file_that_is_gone_or_is_no_table_says_that_the_data_cannot_be_read(tmp_path):
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and nothing more")
    for name in ("gone.parquet", "torn.parquet"):
        with pytest.raises(SpecError, match=r"the data cannot be read.*Check that every file is whole"):
            read_columns(pl.scan_parquet(tmp_path / name))


@pytest.mark.parametrize(
    ("taken", "name"), [((), "position"), (("position",), "position_"), (("position", "position_"), "position__")]
)
def test_a_name_that_is_taken_gets_a_line_behind_it(taken, name):
    assert unused("position", taken) == name
