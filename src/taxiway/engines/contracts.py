"""Contracts: the pandera schema a person wrote, found by name and given an identity."""

from __future__ import annotations

import inspect
import textwrap
from typing import TYPE_CHECKING, Any, cast

from taxiway.core.errors import SpecError
from taxiway.core.names import digest_of
from taxiway.engines.entry_points import load_entry_point

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema


def load_contract(entry_point: str) -> DataFrameSchema:
    """The schema that `package.module:Name` names, a `DataFrameModel` or a `DataFrameSchema` of `pandera.polars`.

    Raises:
        SpecError: the module cannot be imported, has no such name, or the name is not a polars schema.
    """
    where = f"checks={entry_point!r}"
    try:
        found = load_entry_point(entry_point, where=where)
    except SpecError:
        raise
    except Exception as error:
        raise SpecError(
            "the module of a data contract cannot be imported",
            where=where,
            got=f"{type(error).__name__}: {error}",
            do="Import it where the job runs, and mend what it says.",
        ) from error
    return as_schema(found, where=where)


def as_schema(contract: object, *, where: str = "contract") -> DataFrameSchema:
    """A `pandera.polars` schema or model as a schema.

    Raises:
        SpecError: it is something else, or asks for what a judge may not do (parsers, dropping rows).
    """
    import pandera.polars as pa
    from pandera.errors import SchemaDefinitionError, SchemaInitError

    schema: Any = contract
    if inspect.isclass(contract) and issubclass(contract, pa.DataFrameModel):
        try:
            schema = cast("Any", contract).to_schema()
        except (SchemaInitError, SchemaDefinitionError, TypeError, ValueError) as error:
            raise SpecError("pandera refuses this model", where=where, got=str(error), do="Mend the model.") from error
    if not isinstance(schema, pa.DataFrameSchema):
        raise SpecError(
            "this is not a data contract",
            where=where,
            expected="a DataFrameModel or DataFrameSchema of pandera.polars",
            got=f"{type(contract).__module__}.{type(contract).__qualname__}",
            do="Write `import pandera.polars as pa` and build it from there.",
        )
    _refuse_changes(schema, where)
    return schema


def contract_digest(schema: DataFrameSchema) -> str:
    """`sha256:…` of the rules themselves: equal for equal rules, whatever the module or the order of the keywords.

    A check written in Python counts by its source text, so it changes when its code does, but not when a function it
    calls does.
    """
    rules = {
        "columns": {name: _column_rules(column) for name, column in schema.columns.items()},
        "checks": [_check_rules(check) for check in schema.checks],
        "dtype": str(schema.dtype),
        "flags": [str(schema.strict), schema.ordered, schema.coerce, schema.add_missing_columns],
        "unique": schema.unique,
    }
    return digest_of(rules)


def _column_rules(column: Any) -> dict[str, Any]:
    flags = [column.nullable, column.unique, column.coerce, column.required, column.regex]
    return {
        "dtype": repr(column.dtype),
        "flags": flags,
        "default": repr(column.default),
        "metadata": repr(column.metadata),
        "checks": [_check_rules(check) for check in column.checks],
    }


def _check_rules(check: Any) -> list[str]:
    arguments = sorted((name, _stable(value)) for name, value in check.statistics.items())
    flags = [check.ignore_na, check.element_wise, check.raise_warning]
    return [str(check.name), repr(arguments), repr(flags), _source(check)]


def _source(check: Any) -> str:
    function = _written(check._check_fn)  # noqa: SLF001 - pandera has no public name for it
    if str(getattr(function, "__module__", "")).startswith("pandera."):
        return ""
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        return code.co_code.hex() if code is not None else ""


def _written(function: Any) -> Any:
    """The function a person wrote, inside the one that pandera makes of a model's method."""
    function = inspect.unwrap(function)
    if not inspect.isfunction(function) or not function.__closure__:
        return function
    method = getattr(inspect.getclosurevars(function).nonlocals.get("self"), "check_fn", function)
    return getattr(method, "__func__", method)


def _stable(value: object) -> str:
    """`repr`, in the same order in every process."""
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(_stable, value)))}}}"
    return repr(value)


def _refuse_changes(schema: Any, where: str) -> None:
    columns = list(schema.columns.values())
    if any(getattr(part, "parsers", None) for part in [schema, *columns]):
        raise SpecError(
            "a data contract judges rows and may not change them",
            where=where,
            got="parsers",
            do="Prepare the data before, or in the training function, and take the parsers out.",
        )
    if any(getattr(part, "drop_invalid_rows", False) for part in [schema, *columns]):
        raise SpecError(
            "a data contract judges rows and may not drop them",
            where=where,
            got="drop_invalid_rows=True",
            do="Take it out; give the check raise_warning=True if its failures may pass.",
        )
