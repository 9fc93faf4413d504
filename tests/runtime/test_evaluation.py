import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

import samples
from runtime.kit import Workplace, flights
from taxiway.core.errors import SpecError
from taxiway.core.evaluation import Rival
from taxiway.core.gates import decide
from taxiway.core.outcomes import Outcome
from taxiway.core.records import load_record
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.evaluation import Evaluation, Holdout
from taxiway.core.specs.gates import BeatsChampion, Threshold
from taxiway.core.stages import EvaluateWork
from taxiway.runtime.data import frame, split
from taxiway.runtime.evaluation import evaluate
from taxiway.runtime.models import load_model
from taxiway.stores.blobs import Blobs

HOLDOUT = Holdout(0.3, seed=1)
METRICS = ("roc_auc", "log_loss", "accuracy")


@pytest.fixture
def place(tmp_path):
    return Workplace.at(tmp_path)


def rival(run):
    return Rival(name="flight-delay", number=1, model=run.model)


def ask(place, run, champion=None, dataset=None, **options):
    options = {"target": "late", "metrics": METRICS, "on": HOLDOUT, "resamples": 200, **options}
    work = EvaluateWork(
        model=run.model,
        champion=rival(champion) if champion else None,
        evaluation=Evaluation(**options),
        dataset=dataset or run.model.trained_on,
    )
    return evaluate(work, place.job())


def test_the_report_is_what_sklearn_says_about_the_held_out_rows(place):
    run = place.train(holdout=HOLDOUT)
    report = ask(place, run)
    held = split(frame(run.model.trained_on, place.store), HOLDOUT)[1].collect()
    scores = load_model(run.model, place.store, place.job().scratch).predict(held).scores
    assert report.rows == held.height
    assert report.measure("roc_auc").value == pytest.approx(roc_auc_score(held["late"], scores))
    assert report.holdout == "30% of the rows, chosen by their position with seed 1"
    assert load_record(report.dump()) == report


def test_the_report_keeps_what_the_candidate_answered_to_rows_it_had_never_seen(place):
    run = place.train(holdout=HOLDOUT)
    report = ask(place, run, champion=place.train("train_worse", holdout=HOLDOUT))
    kept = Blobs(place.store).get_record(report.baseline)
    assert kept.rows == report.rows == kept.answers.rows
    assert kept.measures == report.measures
    assert (kept.positive, [one.label for one in kept.hits]) == ("true", ["false", "true"])
    assert kept.importance.keys() == {"delay", "hour"}
    assert kept.importance["delay"] > kept.importance["hour"]


def test_a_better_candidate_beats_the_champion_and_a_worse_one_does_not(place):
    dataset = place.dataset(flights(3_000))
    good, bad = (place.train(name, dataset, holdout=HOLDOUT) for name in ("train", "train_worse"))
    gate = BeatsChampion("roc_auc")
    assert decide(ask(place, good, bad), gate).outcome is Outcome.PASS
    assert decide(ask(place, bad, good), gate).outcome is Outcome.FAIL
    assert decide(ask(place, good, good), gate).outcome is not Outcome.PASS


def test_the_champion_is_measured_on_the_same_rows(place):
    dataset = place.dataset()
    good, bad = (place.train(name, dataset, holdout=HOLDOUT) for name in ("train", "train_worse"))
    report, alone = ask(place, good, bad), ask(place, bad)
    assert [one.value for one in report.champion_measures] == [one.value for one in alone.measures]
    assert report.champion.number == 1


def test_the_same_work_gives_the_same_report(place):
    run = place.train(holdout=HOLDOUT)
    assert ask(place, run) == ask(place, run)


def test_a_dataset_of_its_own_is_used_whole(place):
    run = place.train()
    report = ask(
        place, run, dataset=place.dataset(flights(200, seed=9)), on=Dataset("later", "file:///lake/later.parquet")
    )
    assert (report.rows, report.holdout) == (200, "")


def test_slices_are_measured_for_both_models(place):
    run = place.train(holdout=HOLDOUT)
    report = ask(place, run, run, slices=("carrier",), min_slice_rows=10)
    assert sorted(one.level for one in report.slices) == ["AA", "DL", "UA"]
    assert sum(one.rows for one in report.slices) == report.rows
    assert all(len(one.measures) == len(one.champion) == 3 for one in report.slices)
    assert decide(report, Threshold("roc_auc", at_least=0.5, slice="carrier")).outcome is Outcome.PASS


def test_rows_without_a_target_are_left_out(place):
    data = flights().with_columns(pl.when(pl.col("id") % 3 == 0).then(None).otherwise(pl.col("late")).alias("late"))
    report = ask(place, place.train(), dataset=place.dataset(data), on=Dataset("later", "file:///lake/later.parquet"))
    assert report.rows == 400


def test_one_class_alone_is_inconclusive_and_never_passes(place):
    dataset = place.dataset(flights().with_columns(late=pl.lit(True)))
    report = ask(place, place.train(), dataset=dataset)
    assert report.measure("roc_auc").value is None
    assert "one class" in report.measure("roc_auc").note
    assert decide(report, Threshold("roc_auc", at_least=0.1)).outcome is Outcome.INCONCLUSIVE


def test_a_regressor_is_measured_by_its_own_metrics(place):
    report = ask(
        place, place.train("train_regression"), target="delay", metrics=("mean_absolute_error", "r2", "roc_auc")
    )
    assert report.measure("mean_absolute_error").value == pytest.approx(0.8, abs=0.15)
    assert report.measure("roc_auc").value is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "lat"}, "no column 'lat'.*Did you mean 'late'"),
        ({"slices": ("carier",)}, "no column 'carier'.*Did you mean 'carrier'"),
        ({"target": "carrier"}, "does not hold what the model predicts"),
        ({"target": "hour"}, "reads the very column it should predict"),
        ({"positive": "yes"}, "no such class"),
        ({"on": Holdout(1e-9)}, "no rows to evaluate on"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_a_sentence(place, options, message):
    with pytest.raises(SpecError, match=message):
        ask(place, place.train(), **options)


def test_a_column_that_is_gone_is_named(place):
    with pytest.raises(SpecError, match=r"column 'delay' is missing.*Did you mean 'delays'"):
        ask(place, place.train(), dataset=place.dataset(flights().rename({"delay": "delays"})))


def test_a_record_of_bytes_that_were_never_stored_is_refused(place):
    from taxiway.stores.objects import NotFound

    run = place.train()
    ghost = run.model_copy(update={"model": samples.model_ref("f")})
    with pytest.raises(NotFound):
        ask(place, ghost, dataset=run.model.trained_on)
