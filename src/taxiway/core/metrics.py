"""The metrics that can be asked for by name: what each needs from a model, and which direction is better."""

from enum import StrEnum
from typing import NamedTuple

from taxiway.core.names import check_entry_point, unknown


class Needs(StrEnum):
    """What a metric compares with the truth."""

    SCORE = "score"
    """Probability of the positive class, 0 to 1 (one column per class for several classes)."""
    LABEL = "label"
    VALUE = "value"


class Metric(NamedTuple):
    """One metric: its name, what it needs, whether more is better, and scikit-learn's name of it."""

    name: str
    needs: Needs
    higher_is_better: bool
    sklearn: str


def _table(*rows: tuple[str, Needs, bool, str]) -> dict[str, Metric]:
    return {row[0]: Metric(*row) for row in rows}


METRICS = _table(
    ("roc_auc", Needs.SCORE, True, "roc_auc_score"),
    ("average_precision", Needs.SCORE, True, "average_precision_score"),
    ("log_loss", Needs.SCORE, False, "log_loss"),
    ("neg_log_loss", Needs.SCORE, True, "log_loss"),
    ("brier_score", Needs.SCORE, False, "brier_score_loss"),
    ("neg_brier_score", Needs.SCORE, True, "brier_score_loss"),
    ("accuracy", Needs.LABEL, True, "accuracy_score"),
    ("balanced_accuracy", Needs.LABEL, True, "balanced_accuracy_score"),
    ("precision", Needs.LABEL, True, "precision_score"),
    ("recall", Needs.LABEL, True, "recall_score"),
    ("f1", Needs.LABEL, True, "f1_score"),
    ("matthews_corrcoef", Needs.LABEL, True, "matthews_corrcoef"),
    ("mean_absolute_error", Needs.VALUE, False, "mean_absolute_error"),
    ("neg_mean_absolute_error", Needs.VALUE, True, "mean_absolute_error"),
    ("mean_squared_error", Needs.VALUE, False, "mean_squared_error"),
    ("neg_mean_squared_error", Needs.VALUE, True, "mean_squared_error"),
    ("root_mean_squared_error", Needs.VALUE, False, "root_mean_squared_error"),
    ("neg_root_mean_squared_error", Needs.VALUE, True, "root_mean_squared_error"),
    ("median_absolute_error", Needs.VALUE, False, "median_absolute_error"),
    ("r2", Needs.VALUE, True, "r2_score"),
    ("explained_variance", Needs.VALUE, True, "explained_variance_score"),
)


def metric(name: str) -> Metric:
    """The metric of a name, or of a `module:function` (which compares values, and for which more is better).

    Raises:
        SpecError: the name is unknown; the nearest known one is offered.
    """
    if name in METRICS:
        return METRICS[name]
    if ":" in name:
        return Metric(check_entry_point(name), Needs.VALUE, True, "")
    raise unknown("metric", name, METRICS, where="Evaluation.metrics")
