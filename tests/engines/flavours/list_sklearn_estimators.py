"""Lists the estimators of the installed scikit-learn, which skops trusts by itself, as skops finds them.

python tests/engines/flavours/list_sklearn_estimators.py > src/taxiway/engines/flavours/estimators/sklearn-1.9.txt
"""

import warnings

import sklearn
from sklearn.utils import all_estimators


def names() -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {f"{kind.__module__}.{kind.__name__}" for _, kind in all_estimators()}
    return sorted(name for name in found if name.startswith("sklearn."))


if __name__ == "__main__":
    version = ".".join(sklearn.__version__.split(".")[:2])
    print(
        f"# The estimators of scikit-learn {version}, which skops trusts. "
        "Made by tests/engines/flavours/list_sklearn_estimators.py."
    )
    print("\n".join(names()))
