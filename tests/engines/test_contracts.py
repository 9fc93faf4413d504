"""A contract has an identity: equal rules have equal digests, in every process; other rules have others."""

import os
import subprocess
import sys

import pandera.polars as pa
import polars as pl
import pytest

from taxiway.core.errors import SpecError
from taxiway.engines.contracts import as_schema, contract_digest

DIGEST_OF_A_SET = """
import pandera.polars as pa
from taxiway.engines.contracts import contract_digest
print(contract_digest(pa.DataFrameSchema({"a": pa.Column(str, pa.Check.isin({"x", "y", "z", "w"}))})))
"""


def digest(*checks, **options) -> str:
    return contract_digest(as_schema(pa.DataFrameSchema({"a": pa.Column(int, list(checks), **options)})))


def test_a_model_and_the_schema_it_stands_for_have_the_same_digest():
    class Model(pa.DataFrameModel):
        a: int = pa.Field(ge=0, nullable=True)

    assert contract_digest(as_schema(Model)) == digest(pa.Check.ge(0), nullable=True)


def test_every_rule_counts():
    own = pa.Check(lambda data: data.lazyframe.select(pl.col("a") > 1), name="own")
    other = pa.Check(lambda data: data.lazyframe.select(pl.col("a") > 2), name="own")
    digests = {
        digest(),
        digest(nullable=True),
        digest(unique=True),
        digest(coerce=True),
        digest(required=False),
        digest(metadata={"severity": "warning"}),
        digest(pa.Check.ge(0)),
        digest(pa.Check.ge(1)),
        digest(pa.Check.ge(0, raise_warning=True)),
        digest(own),
        digest(other),
    }
    assert len(digests) == 11


def test_the_code_of_a_models_check_counts():
    def contract(limit: int) -> str:
        if limit == 1:

            class Model(pa.DataFrameModel):
                @pa.check("a")
                def own(cls, data):  # noqa: N805 - pandera makes it a class method
                    return data.lazyframe.select(pl.col("a") > 1)

                a: int
        else:

            class Model(pa.DataFrameModel):
                @pa.check("a")
                def own(cls, data):  # noqa: N805
                    return data.lazyframe.select(pl.col("a") > 2)

                a: int

        return contract_digest(as_schema(Model))

    assert contract(1) == contract(1) != contract(2)


def test_the_digest_is_the_same_in_every_process():
    def elsewhere(seed: str) -> str:
        command = [sys.executable, "-c", DIGEST_OF_A_SET]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=120).stdout

    assert elsewhere("1") == elsewhere("2")


def test_a_contract_that_would_change_the_data_is_refused():
    with pytest.raises(SpecError, match="may not drop them"):
        as_schema(pa.DataFrameSchema({"a": pa.Column(int)}, drop_invalid_rows=True))
    with pytest.raises(SpecError, match="may not change them"):
        as_schema(pa.DataFrameSchema({"a": pa.Column(int)}, parsers=pa.Check.ge(0)))
