"""Lists the scikit-learn types that skops does not trust by itself and that scikit-learn's own estimators need.

Run it once per scikit-learn version, read what it prints, and check the result in:

    python tests/engines/flavours/list_sklearn_types.py > src/taxiway/engines/flavours/allowed/sklearn-1.9.txt

It fits every estimator of scikit-learn in the variants of its own test suite, saves each, and collects the types.
Only types that scikit-learn itself defines are printed as allowed; all others are printed as comments to look at.
"""

import inspect
import itertools
import sys
import unittest
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import sklearn
import skops.io as sio
from sklearn import (
    calibration,
    compose,
    ensemble,
    feature_selection,
    gaussian_process,
    linear_model,
    model_selection,
    neighbors,
    neural_network,
    preprocessing,
)
from sklearn.gaussian_process import kernels
from sklearn.utils import all_estimators
from sklearn.utils._test_common.instance_generator import _construct_instances

LOSSES = ("squared_error", "absolute_error", "gamma", "poisson", "quantile")
SCORES = (
    feature_selection.f_classif,
    feature_selection.f_regression,
    feature_selection.chi2,
    feature_selection.r_regression,
    feature_selection.mutual_info_classif,
    feature_selection.mutual_info_regression,
)
CONTAINERS = ("numpy.dtype", "scipy.interpolate._bsplines.BSpline", "scipy.sparse._csr.csr_matrix")
"""Plain holders of numbers that are not scikit-learn's own."""
METRICS = ("euclidean", "manhattan", "chebyshev", "minkowski", "hamming", "canberra", "braycurtis", "haversine")


def instances() -> Iterator[object]:
    for _, estimator in all_estimators():
        try:
            yield from _construct_instances(estimator)
        except unittest.SkipTest as error:
            print(f"# not made: {estimator.__name__}: {type(error).__name__}", file=sys.stderr)
    yield from variants()


def variants() -> Iterator[object]:
    yield from losses()
    yield from (neural_network.MLPClassifier(solver=solver, max_iter=5) for solver in ("adam", "sgd", "lbfgs"))
    for algorithm, metric in itertools.product(("kd_tree", "ball_tree", "brute"), METRICS):
        yield neighbors.KNeighborsRegressor(algorithm=algorithm, metric=metric)
    yield from (gaussian_process.GaussianProcessRegressor(kernel=kernel, optimizer=None) for kernel in all_kernels())
    yield from (feature_selection.SelectKBest(score, k=1) for score in SCORES)
    for method in ("sigmoid", "isotonic"):
        yield calibration.CalibratedClassifierCV(method=method, cv=model_selection.TimeSeriesSplit(2))
    yield compose.ColumnTransformer([("all", preprocessing.StandardScaler(), compose.make_column_selector(".*"))])
    yield preprocessing.SplineTransformer()


def losses() -> Iterator[object]:
    for loss in LOSSES:
        yield ensemble.HistGradientBoostingRegressor(
            loss=loss, quantile=0.5 if loss == "quantile" else None, max_iter=3
        )
    for loss in ("squared_error", "absolute_error", "huber", "quantile"):
        yield ensemble.GradientBoostingRegressor(loss=loss, n_estimators=3)
    for loss in ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron"):
        yield linear_model.SGDClassifier(loss=loss, max_iter=5)
    for loss in ("squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"):
        yield linear_model.SGDRegressor(loss=loss, max_iter=5)
    yield from (linear_model.TweedieRegressor(power=power) for power in (0, 1, 1.5, 2, 3))


def all_kernels() -> Iterator[object]:
    one = kernels.RBF()
    yield from (
        one + kernels.WhiteKernel(),
        one * kernels.ConstantKernel(),
        one**2,
        kernels.Matern(),
        kernels.RationalQuadratic(),
        kernels.ExpSineSquared(),
        kernels.DotProduct(),
        kernels.PairwiseKernel(),
        kernels.CompoundKernel([one, kernels.WhiteKernel()]),
    )


def fitted(estimator: object) -> object:
    """The estimator, fitted on whichever of a few small data sets it accepts; unfitted when on none of them."""
    random = np.random.default_rng(0)
    x = np.abs(random.normal(size=(60, 3))) + 0.1
    classes, values = np.arange(60) % 2, x[:, 0] * 3 + 1
    several = np.column_stack([classes, 1 - classes])
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    text = ["early late", "late never"] * 30
    trials = [(x, classes), (x, values), (frame, classes), (x, several), (x, np.column_stack([values, values]))]
    trials += [(x[:, 0], values), (x[:, :2], values), (text, classes), (np.eye(60), classes)]
    trials += [([{"a": 1.0}] * 60, None), (classes, None)]
    for data, target in trials:
        try:
            return estimator.fit(data, target) if target is not None else estimator.fit(data)
        except Exception:  # noqa: BLE001, S112 - any estimator may refuse any data in any way
            continue
    print(f"# not fitted: {estimator!r}", file=sys.stderr)
    return estimator


def main() -> None:
    warnings.simplefilter("ignore")
    found: set[str] = set()
    needing: set[str] = set()
    for estimator in instances():
        try:
            types = sio.get_untrusted_types(data=sio.dumps(fitted(estimator)))
        except Exception as error:  # noqa: BLE001 - said, so that a person can look at it
            print(f"# not saved: {estimator!r}: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        found.update(types)
        needing.update({type(estimator).__name__} if types else ())
    version = ".".join(sklearn.__version__.split(".")[:2])
    print(inspect.cleandoc(HEADER).format(version=version, estimators=len(needing)))
    for name in sorted(found):
        print(name if name.startswith("sklearn.") or name in CONTAINERS else f"# left out: {name}")


HEADER = """
    # Types of scikit-learn {version} that {estimators} of its own estimators need when they are loaded from a skops
    # file, besides those skops trusts by itself. Made by tests/engines/flavours/list_sklearn_types.py, then reviewed:
    # a type is here only if scikit-learn defines it, or it holds nothing but numbers, and making one runs no code of
    # the file, opens no file and imports nothing.
    # Trees and neighbour indexes do not check the numbers they are given, so a forged file could crash the process;
    # Taxiway reads no file whose digest it has not verified first.
"""

if __name__ == "__main__":
    main()
