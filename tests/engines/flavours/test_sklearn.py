import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import sklearn.ensemble
import sklearn.linear_model
import sklearn.naive_bayes
import sklearn.neural_network
import sklearn.tree
from sklearn.cluster import Birch
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer

from taxiway.core.errors import IntegrityError, SpecError
from taxiway.engines.flavours import flavour
from taxiway.engines.flavours.sklearn import _LIKELIEST, _PICKLED, _SAFE, Estimator, allowed

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(120, 2))
Y = (X[:, 0] + RANDOM.normal(size=120) > 0).astype(int) + (X[:, 1] > 1)
SKLEARN = flavour("sklearn")


def double(x):
    return x * 2


def of_ones_own():
    return make_pipeline(FunctionTransformer(double), LinearRegression()).fit(X, Y)


class Bomb:
    """Would run code when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_a_type_of_ones_own_is_refused_and_named(tmp_path):
    with pytest.raises(SpecError, match=r"without pickle.*test_sklearn\.double.*allow_pickle=True"):
        SKLEARN.save(of_ones_own(), tmp_path, allow_pickle=False)
    assert not (tmp_path / _SAFE).exists()
    assert not (tmp_path / _PICKLED).exists()


def test_pickle_is_used_only_where_skops_cannot_and_it_is_allowed(tmp_path):
    safe, own = tmp_path / "safe", tmp_path / "own"
    safe.mkdir()
    own.mkdir()
    assert SKLEARN.save(LinearRegression().fit(X, Y), safe, allow_pickle=True) is False
    assert SKLEARN.save(of_ones_own(), own, allow_pickle=True) is True


def test_a_pickled_model_is_not_loaded_unless_its_record_says_so(tmp_path):
    SKLEARN.save(of_ones_own(), tmp_path, allow_pickle=True)
    with pytest.raises(IntegrityError, match="can run code"):
        SKLEARN.load(tmp_path, allow_pickle=False)
    assert SKLEARN.load(tmp_path, allow_pickle=True).model.predict(X).shape == (120,)


def test_a_forged_pickle_beside_a_record_that_promises_none_never_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    SKLEARN.save(LinearRegression().fit(X, Y), tmp_path, allow_pickle=False)
    (tmp_path / _SAFE).unlink()
    (tmp_path / _PICKLED).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(IntegrityError, match="can run code"):
        SKLEARN.load(tmp_path, allow_pickle=False)
    assert not (tmp_path / "exploded").exists()


def test_a_skops_file_with_a_type_off_the_list_is_not_loaded(tmp_path):
    import skops.io

    SKLEARN.save(LinearRegression().fit(X, Y), tmp_path, allow_pickle=False)
    (tmp_path / _SAFE).write_bytes(skops.io.dumps(of_ones_own()))
    with pytest.raises(IntegrityError, match=r"not on the reviewed list.*double"):
        SKLEARN.load(tmp_path, allow_pickle=False)


def test_a_lambda_cannot_be_saved_by_any_means(tmp_path):
    model = make_pipeline(FunctionTransformer(lambda x: x), LinearRegression()).fit(X, Y)
    with pytest.raises(SpecError, match="not even with pickle"):
        SKLEARN.save(model, tmp_path, allow_pickle=True)


def test_what_skops_does_not_support_is_said(tmp_path):
    with pytest.raises(SpecError, match="Birch"):
        SKLEARN.save(Birch().fit(X), tmp_path, allow_pickle=False)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LinearRegression(), "never fitted"),
        (FunctionTransformer(), "no predict"),
        (sklearn.tree.DecisionTreeClassifier().fit(X, np.column_stack([Y, Y])), "several targets"),
    ],
)
def test_what_cannot_predict_one_target_is_refused(model, message, tmp_path):
    with pytest.raises(SpecError, match=message):
        SKLEARN.save(model, tmp_path, allow_pickle=False)


def test_a_regression_with_two_targets_is_refused():
    import polars as pl

    model = Estimator(LinearRegression().fit(X, X))
    with pytest.raises(SpecError, match="several answers per row"):
        model.predict(pl.DataFrame(X))


def test_every_list_is_made_of_sklearns_own_types_and_plain_containers():
    _, types = allowed()
    strangers = {name for name in types if not name.startswith("sklearn.")}
    assert strangers == {"numpy.dtype", "scipy.interpolate._bsplines.BSpline", "scipy.sparse._csr.csr_matrix"}


def test_the_list_is_the_installed_versions_own_or_says_which_it_is():
    name, types = allowed()
    assert ".".join(sklearn.__version__.split(".")[:2]) in name
    assert "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor" in types


@pytest.mark.parametrize("name", sorted(_LIKELIEST))
def test_the_likeliest_class_is_the_label_where_only_probabilities_are_asked_for(name):
    modules = (sklearn.ensemble, sklearn.linear_model, sklearn.naive_bayes, sklearn.neural_network, sklearn.tree)
    kind = next(getattr(module, name) for module in modules if hasattr(module, name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = kind().fit(X, Y)
    probabilities = model.predict_proba(X)
    np.testing.assert_array_equal(model.classes_[probabilities.argmax(axis=1)], model.predict(X))


def test_a_classifier_with_a_threshold_of_its_own_keeps_its_labels():
    import polars as pl
    from sklearn.model_selection import FixedThresholdClassifier

    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.9).fit(X, Y > 0)
    prediction = Estimator(model).predict(pl.DataFrame(X))
    np.testing.assert_array_equal(prediction.values, model.predict(X))
    assert not np.array_equal(prediction.values, prediction.scores > 0.5)


def test_several_classes_have_one_probability_each():
    import polars as pl

    prediction = Estimator(LogisticRegression().fit(X, Y)).predict(pl.DataFrame(X))
    assert prediction.scores.shape == (120, 3)
    np.testing.assert_allclose(prediction.scores.sum(axis=1), 1)
    assert prediction.classes == (0, 1, 2)


def test_the_same_training_gives_the_same_bytes_wherever_its_objects_lie_in_memory(tmp_path):
    kept = []
    for number in (1, 2):
        forest = sklearn.ensemble.RandomForestClassifier(3, random_state=0)
        kept.append(make_pipeline(KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), forest).fit(X, Y))
        folder = tmp_path / str(number)
        folder.mkdir()
        SKLEARN.save(kept[-1], folder, allow_pickle=False)
    assert (tmp_path / "1" / _SAFE).read_bytes() == (tmp_path / "2" / _SAFE).read_bytes()


def test_saving_and_loading_do_not_import_torch():
    code = """
import sys, tempfile
from pathlib import Path
from sklearn.dummy import DummyClassifier
from taxiway.engines.flavours import flavour
folder = Path(tempfile.mkdtemp())
flavour("sklearn").save(DummyClassifier().fit([[0], [1]], [0, 1]), folder, allow_pickle=False)
flavour("sklearn").load(folder, allow_pickle=False)
assert "skops.io" in sys.modules and "torch" not in sys.modules and "sklearn.gaussian_process" not in sys.modules
assert not [name for name, module in sys.modules.items() if module is None and name.startswith("sklearn")]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_skops_trusts_the_estimators_it_would_have_found_itself():
    code = """
import warnings
from taxiway.engines.flavours.sklearn import skops_io
skops_io()
from skops.io._trusted_types import SKLEARN_ESTIMATOR_TYPE_NAMES as given
from sklearn.utils import all_estimators
warnings.simplefilter("ignore")
found = {f"{kind.__module__}.{kind.__name__}" for _, kind in all_estimators()}
assert {*given} == {name for name in found if name.startswith("sklearn.")}, {*given} ^ found
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
