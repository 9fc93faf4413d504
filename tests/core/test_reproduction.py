import samples
from taxiway.core.history import MetricPoint
from taxiway.core.reproduction import Deviation, Made, Reproduction, differences
from taxiway.core.training import Environment, TrainingRun


def made(letter="a", files=None, curve=(0.5, 0.25), **changes):
    """A training of two steps; `changes` to its environment, the rest to the run."""
    environment = {"python": "3.11.9", "platform": "Linux", "packages": {"polars": "1.34"}, "source": None}
    own = {name: changes.pop(name) for name in list(changes) if name in environment}
    values = {"run": "r", "params": {"C": 1}, "metrics": {}, "seed": 0, "seconds": 1.0, "peak_memory_bytes": 1}
    points = tuple(MetricPoint(name="loss", step=step, value=value, at=0.0) for step, value in enumerate(curve))
    run = TrainingRun(
        model=samples.model_ref(letter), environment=Environment(**{**environment, **own}), **{**values, **changes}
    )
    return Made(run, {"loss": points} if points else {}, files or {"model.skops": "1"})


def said(then, now):
    return [(one.what, one.then, one.now) for one in differences(then, now)]


def test_two_trainings_that_gave_the_same_differ_in_nothing():
    assert said(made(), made("b")) == []


def test_the_cause_comes_before_its_effect():
    now = made(
        files={"model.skops": "2"},
        curve=(0.5, 0.3),
        params={"C": 2},
        seed=1,
        python="3.12.1",
        packages={"polars": "1.35"},
    )
    assert said(made(), now) == [
        ("parameter 'C'", "1", "2"),
        ("seed", "0", "1"),
        ("Python", "3.11.9", "3.12.1"),
        ("package 'polars'", "1.34", "1.35"),
        ("metric 'loss' at step 1", "0.25", "0.3"),
        ("file 'model.skops' of the model", "1", "2"),
    ]


def test_other_data_and_another_source_come_first():
    run = made().run
    other = samples.model_ref("a", trained_on=samples.dataset_ref(digest=f"manifest-sha256:{samples.hexes('f')}"))
    now = Made(run.model_copy(update={"model": other}), made().curves, made().files)
    assert [what for what, *_ in said(made(source=f"sha256:{samples.hexes('1')}"), now)] == [
        "source of the train function",
        "data",
    ]


def test_a_package_that_only_one_of_them_had_imported_is_no_difference():
    assert said(made(packages={"polars": "1", "numpy": "2"}), made(packages={"polars": "1", "scipy": "1"})) == []


def test_of_a_curve_the_first_step_that_differs_is_named():
    assert said(made(curve=(0.5, None)), made(curve=(0.5, 0.25))) == [("metric 'loss' at step 1", "no number", "0.25")]
    assert said(made(curve=(0.5,)), made(curve=(0.5, 0.25))) == [("metric 'loss' at step 1", None, "0.25")]
    assert said(made(curve=()), made(curve=(0.5,))) == [("metric 'loss' at step 0", None, "0.5")]


def test_the_models_own_files_come_before_its_golden_answers():
    then = made(files={"golden/answers.json": "1", "model.skops": "1", "old": "1"})
    now = made(files={"golden/answers.json": "2", "model.skops": "2"})
    whats = [what.split("'")[1] for what, *_ in said(then, now)]
    assert whats == ["model.skops", "old", "golden/answers.json"]


def reproduction(again, *whats):
    found = tuple(Deviation(what=what, then="1", now="2") for what in whats)
    digest = f"folder-sha256:{samples.hexes('a')}"
    return Reproduction(model="m", number=1, digest=digest, again=again, code="c", seconds=(1, 1), differences=found)


def test_the_same_bytes_are_the_same_model_whatever_else_differs():
    found = reproduction(f"folder-sha256:{samples.hexes('a')}", "platform", "package 'polars'")
    assert (found.exact, found.same) == (True, True)


def test_answers_that_another_processor_rounds_otherwise_are_the_same_model():
    found = reproduction(f"folder-sha256:{samples.hexes('b')}", "platform", "file 'golden/answers.json' of the model")
    assert (found.exact, found.same) == (False, True)


def test_another_file_or_another_curve_or_no_model_is_another_model():
    other = f"folder-sha256:{samples.hexes('b')}"
    assert not reproduction(other, "file 'model.skops' of the model").same
    assert not reproduction(other, "metric 'loss' at step 1", "file 'golden/answers.json' of the model").same
    assert not reproduction(None, "data at file:///lake/").same
