"""A store and a DAG of the test's own, as the operators' tests have them."""

from operators.conftest import dag, store

__all__ = ["dag", "store"]
