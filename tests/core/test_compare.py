import samples
from taxiway.core.compare import compare
from taxiway.core.training import Column, Environment, TrainingRun


def run(version, params, packages):
    return TrainingRun(
        run=version.run,
        model=version.model,
        params=params,
        metrics={},
        environment=Environment(python="3.11", platform="Linux", packages=packages),
        seed=0,
        seconds=1,
        peak_memory_bytes=1,
    )


def test_all_metrics_are_put_side_by_side_and_of_the_rest_what_differs():
    a = samples.model_version(1, "a", metrics={"roc_auc": 0.8, "f1": 0.5})
    b = samples.model_version(2, "b", metrics={"roc_auc": 0.8, "log_loss": 0.3})
    b = b.model_copy(update={"model": b.model.model_copy(update={"trained_on": samples.dataset_ref(rows=2000)})})
    found = compare(a, b, (run(a, {"depth": 3, "seed": 1}, {"polars": "2.0"}), run(b, {"seed": 1}, {"polars": "2.1"})))
    assert found.metrics == {"f1": (0.5, None), "log_loss": (None, 0.3), "roc_auc": (0.8, 0.8)}
    assert found.params == {"depth": (3, None)}
    assert found.packages == {"polars": ("2.0", "2.1")}
    assert found.data == {"rows": (1000, 2000)}
    assert found.inputs == {}


def test_without_a_run_history_parameters_and_packages_are_not_known():
    a, b = samples.model_version(1, "a"), samples.model_version(2, "b")
    found = compare(a, b, (None, run(b, {"depth": 3}, {})))
    assert (found.params, found.packages) == (None, None)


def test_an_input_that_is_new_or_of_another_type_is_told():
    a, b = samples.model_version(1, "a"), samples.model_version(2, "b")
    inputs = (Column(name="dep_delay", dtype="Float32"), Column(name="hour", dtype="Int64"))
    b = b.model_copy(update={"model": b.model.model_copy(update={"inputs": inputs})})
    assert compare(a, b, (None, None)).inputs == {"dep_delay": ("Float64", "Float32"), "hour": (None, "Int64")}
