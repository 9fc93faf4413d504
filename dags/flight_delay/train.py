"""Learns to tell, when a flight leaves the gate, whether it will arrive late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    from sklearn.pipeline import Pipeline

WORDS = ["carrier", "origin", "dest"]
NUMBERS = ["month", "day", "hour", "dep_delay", "distance"]


def train(data: pl.LazyFrame, params: dict[str, Any], run: Any) -> Pipeline:
    """A gradient-boosted classifier of `late`, in one pipeline with its encoder.

    Parameters it knows: `learning_rate`, `max_iter`, `max_leaf_nodes`, and `columns` to leave some of them out.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    chosen = params.get("columns", WORDS + NUMBERS)
    words, numbers = [c for c in WORDS if c in chosen], [c for c in NUMBERS if c in chosen]
    rows = data.select(*words, *numbers, "late").collect()
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    trees = HistGradientBoostingClassifier(
        learning_rate=params.get("learning_rate", 0.1),
        max_iter=params.get("max_iter", 60),
        max_leaf_nodes=params.get("max_leaf_nodes", 31),
        early_stopping=True,
        random_state=run.seed,
    )
    columns = ColumnTransformer([("words", encoder, words), ("numbers", "passthrough", numbers)])
    model = make_pipeline(columns, trees).fit(rows.drop("late"), rows["late"].to_numpy())
    for step, score in enumerate(trees.validation_score_):
        run.log(validation_log_loss=-float(score), step=step)
    return model
