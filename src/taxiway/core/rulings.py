"""Rulings: what was decided about candidates and about data, and kept where people look for it, refusals, too.

The registry's log knows only models that every gate let through; a refusal would be seen nowhere but in its task.
"""

from taxiway.core.gates import Clearance
from taxiway.core.names import Digest, Name
from taxiway.core.records import Record
from taxiway.core.registry import Author
from taxiway.core.validation import ValidationReport


class Ruling(Record):
    """What the gates, or a person, said about a candidate.

    Attributes:
        model: the model's name.
        at: ISO 8601, UTC.
        by: the task that asked.
        clearance: all verdicts.
        report: digest of the evaluation report's blob.
    """

    model: Name
    at: str
    by: Author
    clearance: Clearance
    report: Digest


class DataRuling(Record):
    """What its contract said about a snapshot of a dataset.

    Attributes:
        at: ISO 8601, UTC.
        by: the task that asked.
        report: what came back.
    """

    at: str
    by: Author
    report: ValidationReport
