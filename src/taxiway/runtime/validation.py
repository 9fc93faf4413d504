"""The validation stage: take a snapshot, ask its contract, judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taxiway.core.stages import ValidateWork
from taxiway.core.validation import CheckResult, ValidationReport, judge
from taxiway.engines.columns import read_columns
from taxiway.engines.contracts import contract_digest, load_contract
from taxiway.engines.validation import count_rows, examine
from taxiway.runtime.data import frame
from taxiway.stores.datasets import snapshot

if TYPE_CHECKING:
    from taxiway.runtime.context import Job


def validate(work: ValidateWork, job: Job) -> ValidationReport:
    """What a dataset's contract says about its state now; a broken contract is a report, not an error.

    The contract sees the rows as every later stage will: after the column policy, and only the sample if one is asked
    for. A dataset without a contract is counted.

    Raises:
        SpecError: there is no data, it cannot be read, or the contract cannot be found.
    """
    contract = load_contract(work.dataset.checks) if work.dataset.checks is not None else None
    ref = snapshot(work.dataset, job.store, sample_rows=work.sample_rows)
    data = frame(ref, job.store)
    columns = {name: str(dtype) for name, dtype in read_columns(data).items()}
    checks: tuple[CheckResult, ...] = ()
    if contract is None:
        rows = count_rows(data)
    else:
        rows, checks = examine(data, contract, personal=ref.personal)
    return ValidationReport(
        dataset=ref.model_copy(update={"rows": rows}) if ref.sample_rows is None else ref,
        outcome=judge(checks, rows),
        rows=rows,
        columns=columns,
        checks=checks,
        contract=contract_digest(contract) if contract is not None else None,
    )
