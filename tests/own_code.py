"""Train functions, metrics and models of a user, for the tests that name them by `own_code:name`."""

import math

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder


def train(data, params, run):
    """Learns `late` from two columns, logs a curve, and keeps a file."""
    rows = data.select("delay", "hour", "late").collect()
    for step in range(3):
        run.log(step=step, loss=1 / (step + 1))
    note = run.scratch / "note.txt"
    note.write_text(f"{rows.height} rows")
    run.artifact(note)
    model = LogisticRegression(C=params.get("C", 1.0), random_state=run.seed)
    return model.fit(rows.drop("late"), rows["late"].to_numpy())


def train_worse(data, params, run):
    rows = data.select("hour", "late").collect()
    return LogisticRegression().fit(rows.drop("late"), rows["late"].to_numpy())


def train_regression(data, params, run):
    rows = data.select("delay", "hour").collect()
    return LinearRegression().fit(rows.select("hour"), rows["delay"].to_numpy())


def train_on_carriers(data, params, run):
    rows = data.select("delay", "carrier", "late").collect()
    encoder = ColumnTransformer(
        [("words", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["carrier"])],
        remainder="passthrough",
    )
    return make_pipeline(encoder, LogisticRegression()).fit(rows.drop("late"), rows["late"].to_numpy())


def train_with_a_bare_matrix(data, params, run):
    rows = data.select("delay", "hour", "late").collect()
    run.inputs(*params.get("inputs", ()))
    return LogisticRegression().fit(rows.drop("late").to_numpy(), rows["late"].to_numpy())


def train_on_made_up_columns(data, params, run):
    import polars as pl

    rows = data.select((pl.col("delay") * 2).alias("delay_twice"), "late").collect()
    return LogisticRegression().fit(rows.drop("late"), rows["late"].to_numpy())


def train_on_the_target(data, params, run):
    rows = data.select("delay", "late").collect()
    return LogisticRegression().fit(rows, rows["late"].to_numpy())


def train_with_own_step(data, params, run):
    rows = data.select("delay", "hour", "late").collect()
    step = FunctionTransformer(halve, feature_names_out="one-to-one")
    return make_pipeline(step, LogisticRegression()).fit(rows.drop("late"), rows["late"].to_numpy())


def train_with_words(data, params, run):
    """Learns `late` from a column of text and two of numbers, found by their names."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder

    rows = data.select("carrier", "delay", "hour", "late").collect()
    encoder = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("words", encoder, ["carrier"])], remainder="passthrough")
    return make_pipeline(columns, LogisticRegression()).fit(rows.drop("late"), rows["late"].to_numpy())


def train_a_forest(data, params, run):
    """Learns `late` by ten trees."""
    from sklearn.ensemble import RandomForestClassifier

    rows = data.select("delay", "hour", "late").collect()
    return RandomForestClassifier(10, random_state=run.seed).fit(rows.drop("late"), rows["late"].to_numpy())


def train_drawing(data, params, run):
    import random

    run.log(python=random.random(), numpy=float(np.random.rand()))  # noqa: NPY002 - what is tested
    return train(data, params, run)


def train_logging_nan(data, params, run):
    run.log(step=0, loss=0.5)
    run.log(step=1, loss=math.nan)
    return train_worse(data, params, run)


def train_logging_words(data, params, run):
    run.log(loss="low")


def train_and_return_nothing(data, params, run):
    train(data, params, run)


def train_and_return_a_dict(data, params, run):
    return {"weights": [1, 2]}


def train_and_raise(data, params, run):
    run.log(step=0, loss=0.5)
    raise ZeroDivisionError("the learning rate is nothing")


def train_and_be_interrupted(data, params, run):
    """Saves a checkpoint per step; the first attempt ends after step 2, the next goes on from there."""
    found = run.checkpoint.load()
    first = found.step + 1 if found else 0
    seen = int((found.folder / "state").read_text()) if found else 0
    for step in range(first, 5):
        seen += 1
        state = run.scratch / f"at-{step}"
        state.mkdir()
        (state / "state").write_text(str(seen))
        run.checkpoint.save(step, state)
        if params.get("interrupt") and step == 2 and found is None:
            raise KeyboardInterrupt
    run.log(first=first, seen=seen)
    return train_worse(data, params, run)


def halve(x):
    return x / 2


def mean_agreement(true, predicted):
    return (true == predicted).mean()


def words(true, predicted):
    return "good"


class NanEverySeventh:
    step = 7

    def predict(self, rows):
        return np.where(rows["id"].to_numpy() % self.step == 0, np.nan, 1.0)


def load_nan(folder):
    return NanEverySeventh()


def train_a_folder(data, params, run):
    folder = run.scratch / "model"
    folder.mkdir()
    (folder / "loader").write_text("own_code:load_nan")
    return folder


def train_on_any_names(data, params, run):
    rows = data.collect()
    return LogisticRegression().fit(rows.select(params["inputs"]), rows[params["target"]].to_numpy())
