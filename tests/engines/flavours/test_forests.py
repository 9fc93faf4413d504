import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from runtime.kit import flights
from taxiway.engines.flavours.forests import MOST_ROWS, forest
from taxiway.engines.flavours.sklearn import Estimator, by_position

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(300, 4))
CLASSES = np.array(["a", "b", "c"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 1)]
KINDS = [
    RandomForestClassifier(20, random_state=0),
    ExtraTreesClassifier(20, random_state=0),
    RandomForestRegressor(20, random_state=0),
    ExtraTreesRegressor(20, random_state=0),
]


def fitted(kind):
    return kind.fit(X, CLASSES if hasattr(kind, "predict_proba") else X[:, 2])


def by_itself(model, rows):
    return model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_a_forest_asked_tree_by_tree_says_exactly_what_scikit_learn_says(kind, rows):
    model = fitted(kind)
    expected = by_itself(model, X[:rows])
    np.testing.assert_array_equal(forest(model).answers(X[:rows]).reshape(expected.shape), expected)
    prediction = Estimator(model).predict_array(X[:rows])
    np.testing.assert_array_equal(prediction.values, model.predict(X[:rows]))


MODEL = fitted(RandomForestClassifier(10, random_state=1))


@given(st.lists(st.lists(st.floats(-1e30, 1e30), min_size=4, max_size=4), min_size=1, max_size=5))
@settings(deadline=None, max_examples=50)
def test_whatever_the_numbers_are(rows):
    np.testing.assert_array_equal(forest(MODEL).answers(np.array(rows)), MODEL.predict_proba(np.array(rows)))


@pytest.mark.parametrize(
    "rows",
    [np.full((1, 4), np.nan), np.full((1, 4), 1e300), np.zeros((1, 3)), np.zeros((0, 4)), np.zeros((MOST_ROWS + 1, 4))],
)
def test_what_scikit_learn_should_answer_itself_is_left_to_it(rows):
    assert forest(MODEL).answers(rows) is None


def test_what_is_no_plain_forest_is_none():
    several = RandomForestClassifier(3).fit(X, np.column_stack([CLASSES, CLASSES]))
    boosted = GradientBoostingClassifier(n_estimators=2).fit(X, CLASSES)

    class Own(RandomForestClassifier):
        pass

    assert [forest(one) for one in (several, boosted, Own(2).fit(X, CLASSES), LogisticRegression())] == [None] * 4


def test_a_pipeline_that_ends_in_a_forest_is_asked_the_same_way():
    model = make_pipeline(StandardScaler(), RandomForestClassifier(10, random_state=0)).fit(X, CLASSES)
    estimator = Estimator(model)
    assert estimator._forest is not None
    np.testing.assert_array_equal(estimator.predict_array(X[:5]).scores, model.predict_proba(X[:5]))


WORDS, NUMBERS = ["carrier"], ["delay", "hour"]


@pytest.mark.parametrize(
    "last",
    [LogisticRegression(), RandomForestClassifier(10, random_state=0), GradientBoostingClassifier(n_estimators=3)],
)
@pytest.mark.parametrize("encoder", [OneHotEncoder(handle_unknown="ignore"), OrdinalEncoder()])
def test_columns_by_name_are_found_by_their_place_in_bare_arrays(last, encoder):
    data = flights(300)
    inner = ColumnTransformer([("scaled", StandardScaler(), ["hour"])], remainder="passthrough")
    columns = ColumnTransformer([("words", encoder, WORDS), ("numbers", inner, NUMBERS), ("one", "drop", "late")])
    model = make_pipeline(columns, last).fit(data.select(*WORDS, *NUMBERS, "late"), data["late"].to_numpy())
    rows = data.select(*WORDS, *NUMBERS, "late")[:20]
    expected = model.predict_proba(rows)
    objects = np.array([list(row) for row in rows.iter_rows()], dtype=object)
    found = Estimator(model).predict_array(objects)
    np.testing.assert_allclose(found.scores, expected[:, 1], rtol=1e-12)
    np.testing.assert_allclose(Estimator(model).predict(rows).scores, expected[:, 1], rtol=1e-12)


def test_binding_twice_or_what_needs_no_binding_changes_nothing():
    model = ColumnTransformer([("all", StandardScaler(), slice(0, 4))]).fit(X)
    before = model.transform(X)
    by_position(model)
    by_position(model)
    np.testing.assert_array_equal(model.transform(X), before)
