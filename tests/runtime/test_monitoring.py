"""A model in production, looked at as the jobs do it."""

import dataclasses
from datetime import timedelta

import polars as pl
import pytest

from runtime.kit import Workplace
from runtime.monitoring_kit import START, Watch, hour, rows
from taxiway.core.drift import DriftReport
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.evaluation import Rival
from taxiway.core.monitoring import CompareWork, Profiled, ProfileWork, ReferenceWork
from taxiway.core.outcomes import Outcome
from taxiway.core.performance import PerformanceReport
from taxiway.core.profiles import merge
from taxiway.core.records import load_record
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.evaluation import Evaluation
from taxiway.core.specs.monitoring import Alarm, Drift
from taxiway.core.specs.scoring import Scoring
from taxiway.core.stages import ScoreWork
from taxiway.runtime.drift import compare
from taxiway.runtime.profiles import profile, reference
from taxiway.runtime.scoring import score
from taxiway.stores.blobs import Blobs, blob_path
from taxiway.stores.datasets import snapshot
from taxiway.stores.monitoring import Reports

FAIL, PASS, INCONCLUSIVE = Outcome.FAIL, Outcome.PASS, Outcome.INCONCLUSIVE


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return Watch.over(Workplace.at(tmp_path_factory.mktemp("trained")))


@pytest.fixture
def watch(trained, tmp_path):
    """The same model, and windows of the test's own."""
    place = dataclasses.replace(trained.place, folder=tmp_path)
    for path in [info.path for info in place.store.list("monitoring/")]:
        place.store.delete(path)
    return dataclasses.replace(trained, place=place)


def at_hours(data, *, skew=timedelta(0)):
    """The rows with a time each, spread over the first hour."""
    step = timedelta(hours=1) / max(1, data.height)
    return data.with_columns(at=pl.Series([START + n * step + skew for n in range(data.height)]))


def columns(report):
    return {column.name: column for column in report.columns}


def test_a_window_like_the_training_data_passes_and_is_kept(watch):
    uri = watch.write(rows(seed=1), "w/0")
    report = watch.look(watch.monitoring(uri))
    assert (report.outcome, report.rows, report.drifted, report.score) == (PASS, 2000, 0, 0.0)
    assert report.reference == "the data that version 1 learned from"
    assert {(one.role, one.name) for one in report.columns} == {
        ("input", "delay"), ("input", "hour"), ("prediction", "prediction"), ("score", "score"),
    }  # fmt: skip
    assert Reports(watch.place.store, "flight-delay", "all").find(DriftReport, hour()) == report
    assert load_record(report.dump()) == report


def test_a_window_that_moved_fails_by_the_weight_of_what_moved(watch):
    report = watch.look(watch.monitoring(watch.write(rows(seed=1, moved=1.0), "w/0")))
    assert report.outcome is FAIL
    assert {name for name, one in columns(report).items() if one.outcome is FAIL} == {"delay", "prediction", "score"}
    delay = columns(report)["delay"]
    assert delay.effect == pytest.approx(1.0, abs=0.15)
    assert delay.weight > columns(report)["hour"].weight
    assert report.score == pytest.approx(delay.weight * min(1.0, delay.effect), abs=0.01)


def test_performance_is_estimated_without_labels_and_holds_against_them(watch):
    data = rows(4000, seed=1, moved=1.0)
    report = watch.look(watch.monitoring(watch.write(data.drop("late"), "w/0")))
    expected = {one.metric: one.value for one in report.expected}
    assert expected.keys() == {"roc_auc", "log_loss", "accuracy"}
    truth = watch.truth(watch.monitoring(watch.write(data.drop("late"), "w/0")), data.select("id", "late"))
    real = {one.metric: one.value for one in truth.measures}
    for one in report.estimates:
        assert one.low <= real[one.metric] <= one.high, one
    assert abs(real["accuracy"] - expected["accuracy"]) > 0.01, "it was not merely repeated"


def test_a_window_is_the_sum_of_its_parts(watch):
    data = rows(seed=1)
    whole = watch.look(watch.monitoring(watch.write(data, "whole/0")))
    uri = watch.write(data, *(f"cut/{n}" for n in range(5)))
    parts = watch.parts(watch.monitoring(uri, partitions=3)).parts
    assert [(part.number, part.of) for part in parts] == [(1, 3), (2, 3), (3, 3)]
    assert sum(part.dataset.objects for part in parts) == 5
    cut = watch.look(watch.monitoring(uri, partitions=3), n=1)
    a, b = (Blobs(watch.place.store).get_record(one.profile) for one in (whole, cut))
    assert [one.model_copy(update={"moments": None}) for one in a.columns] == [
        one.model_copy(update={"moments": None}) for one in b.columns
    ]
    assert a.confidence == b.confidence


def test_answers_that_are_in_the_rows_are_taken_from_there(watch):
    data = rows(seed=1).with_columns(answer=pl.col("delay") > 0, p=pl.lit(0.5))
    report = watch.look(watch.monitoring(watch.write(data, "w/0"), prediction="answer", score="p"))
    assert columns(report)["score"].outcome is FAIL, "the model itself says something else"


def test_the_model_is_not_asked_what_it_cannot_read(watch):
    report = watch.look(watch.monitoring(watch.write(rows(seed=1).drop("delay"), "w/0")))
    assert [(fault.column, fault.what) for fault in report.faults] == [("delay", "missing")]
    assert report.estimates[0].note == "there are 0 answers, it takes 100"
    assert report.outcome is FAIL


@pytest.mark.parametrize(
    ("data", "rows_", "note"),
    [
        (None, 0, "the window has no rows"),
        (rows(0), 0, "the window has no rows"),
        (rows(1), 1, "1 rows are too few to tell"),
        (rows(100), 100, "100 rows are too few to tell"),
    ],
    ids=["no file", "no rows", "one row", "few rows"],
)
def test_an_empty_or_small_window_is_inconclusive_and_says_so(watch, data, rows_, note):
    uri = watch.write(data, "w/0") if data is not None else f"{(watch.place.folder / 'nowhere').as_uri()}/"
    report = watch.look(watch.monitoring(uri))
    assert (report.outcome, report.rows, report.note) == (INCONCLUSIVE, rows_, note)


BROKEN = {
    "all null": pl.lit(None, pl.Float64),
    "infinite": pl.lit(float("inf")),
    "constant": pl.lit(7.0),
    "text": pl.col("delay").cast(pl.String),
    "words": pl.col("id").cast(pl.String),
    "huge": pl.col("delay") * 1e300,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_sensor_is_told_whatever_it_says(watch, kind):
    report = watch.look(watch.monitoring(watch.write(rows(seed=1).with_columns(delay=BROKEN[kind]), "w/0")))
    assert report.outcome is FAIL
    assert "delay" in {one.name for one in report.columns if one.outcome is FAIL} | {
        one.column for one in report.faults
    }
    assert load_record(report.dump()) == report


def test_a_million_levels_in_a_column_the_model_reads(tmp_path):
    watch = Watch.over(Workplace.at(tmp_path), function="train_on_carriers")
    many = rows(seed=1).with_columns(carrier=pl.col("id").cast(pl.String))
    report = watch.look(watch.monitoring(watch.write(many, "w/0")))
    assert {finding.asks: finding.outcome for finding in columns(report)["carrier"].findings}["levels"] is FAIL


def test_a_version_without_a_profile_is_inconclusive_and_says_why(watch):
    old = dataclasses.replace(watch, live=watch.live.model_copy(update={"profile": None, "baseline": None}))
    report = old.look(watch.monitoring(watch.write(rows(seed=1), "w/0")))
    assert (report.outcome, report.rows) == (INCONCLUSIVE, 2000)
    assert report.note == (
        "there is nothing to compare with: version 1 was registered by a taxiway that kept no profile"
    )


def test_a_profile_that_is_gone_or_of_a_newer_taxiway_is_inconclusive_and_says_why(watch):
    asked = watch.monitoring(watch.write(rows(seed=1), "w/0"))
    gone = watch.live.model_copy(update={"profile": f"sha256:{'1' * 64}"})
    assert dataclasses.replace(watch, live=gone).look(asked).note.startswith("there is nothing to compare with: ")
    newer = Blobs(watch.place.store).put(b'{"kind": "Profile", "v": 99}')
    strange = watch.live.model_copy(update={"profile": newer})
    report = dataclasses.replace(watch, live=strange).look(asked)
    assert "this record was written by another version of Taxiway" in report.note
    other = watch.live.model_copy(update={"profile": watch.live.baseline})
    assert "is a Baseline" in dataclasses.replace(watch, live=other).look(asked).note


def test_a_version_without_a_baseline_is_compared_without_its_answers(watch):
    bare = dataclasses.replace(watch, live=watch.live.model_copy(update={"baseline": None}))
    report = bare.look(watch.monitoring(watch.write(rows(seed=1), "w/0")))
    assert report.outcome is PASS
    assert {one.role for one in report.columns} == {"input"}
    assert report.estimates == report.expected == ()


def test_rows_of_another_time_are_left_out_and_counted(watch):
    late = pl.concat([at_hours(rows(1000, 1)), at_hours(rows(200, 2), skew=timedelta(hours=2))])
    report = watch.look(watch.monitoring(watch.write(late, "w/0"), time="at"))
    assert (report.rows, report.outside) == (1000, 200)
    text = late.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S+00:00"))
    report = watch.look(watch.monitoring(watch.write(text, "text/0"), time="at"))
    assert (report.rows, report.outside) == (1000, 200)
    nobody = watch.look(watch.monitoring(watch.write(late.drop("at"), "bare/0"), time="at"))
    assert (nobody.rows, nobody.outside) == (1200, 0)


def test_partitions_that_arrive_late_make_another_report_of_the_window(watch):
    uri = watch.write(rows(1000, 1), "w/0")
    first = watch.look(watch.monitoring(uri))
    watch.write(rows(500, 2), "w/1")
    second = watch.look(watch.monitoring(uri))
    assert (first.rows, second.rows) == (1000, 1500)
    assert Reports(watch.place.store, "flight-delay", "all").find(DriftReport, hour()).rows == 1500


def test_data_that_is_rewritten_between_two_stages_is_not_mixed(watch):
    asked = watch.monitoring(watch.write(rows(seed=1), "w/0"))
    (part,) = watch.parts(asked).parts
    watch.write(rows(seed=2), "w/0")
    with pytest.raises(IntegrityError, match="the data changed since its snapshot"):
        profile(ProfileWork(part=part, monitoring=asked), watch.place.job())


WEEK = 7 * 24


def test_the_same_hour_of_earlier_weeks_is_the_reference_once_there_is_enough_of_it(watch):
    drift = Drift(season="weekday")

    def look(week, seed):
        # this hour of the week is always different from the training data as a whole, and like itself
        data = rows(1500, seed).filter(pl.col("hour") < 6)
        asked = watch.monitoring(watch.write(data, f"w{week}/0"), drift=drift, alarm=Alarm(max_drop=0.5))
        return watch.look(asked, n=week * WEEK)

    first = [look(week, week + 1) for week in range(3)]
    assert {report.outcome for report in first} == {FAIL}
    later = look(3, 9)
    assert later.reference == "3 earlier windows of the same hour"
    assert later.outcome is PASS
    broken = rows(1500, 11).filter(pl.col("hour") < 6).with_columns(delay=pl.col("delay") + 2)
    asked = watch.monitoring(watch.write(broken, "w4/0"), drift=drift, alarm=Alarm(max_drop=0.5))
    after = watch.look(asked, n=4 * WEEK)
    assert {name for name, one in columns(after).items() if one.outcome is FAIL} == {"delay", "prediction", "score"}


def test_a_jump_of_the_quality_of_the_data_is_told_beside_what_was_usual(watch):
    for n in range(9):
        watch.look(watch.monitoring(watch.write(rows(400, n + 1), f"h{n}/0")), n=n)
    holes = rows(400, 20).with_columns(delay=pl.when(pl.col("id") % 10 > 0).then("delay"))
    report = watch.look(watch.monitoring(watch.write(holes, "h9/0")), n=9)
    assert [(one.series, one.change, one.worse) for one in report.trends if one.series == "missing delay"] == [
        ("missing delay", "sudden", True)
    ]
    quiet = Reports(watch.place.store, "flight-delay", "all").find(DriftReport, hour(8))
    assert "missing delay" not in {one.series for one in quiet.trends}


def test_metrics_that_are_measured_make_a_series(watch):
    for n in range(9):
        data = rows(400, n + 1)
        watch.truth(watch.monitoring(watch.write(data.drop("late"), f"h{n}/0")), data.select("id", "late"), n)
    data = rows(400, 20)
    wrong = data.select("id", late=~pl.col("late"))
    report = watch.truth(watch.monitoring(watch.write(data.drop("late"), "h9/0")), wrong, 9)
    assert {one.series for one in report.trends} == {"roc_auc", "log_loss", "accuracy"}
    assert all(one.worse for one in report.trends)


def test_windows_of_another_version_are_no_season(watch):
    drift = Drift(season="weekday")
    for week in range(3):
        watch.look(watch.monitoring(watch.write(rows(seed=week + 1), f"w{week}/0"), drift=drift), n=week * WEEK)
    other = dataclasses.replace(watch, live=watch.live.model_copy(update={"number": 2}))
    report = other.look(watch.monitoring(watch.write(rows(seed=9), "w3/0"), drift=drift), n=3 * WEEK)
    assert report.reference == "the data that version 2 learned from"


def scored(watch, data, keep=("id",)):
    dataset = snapshot(Dataset("partition", f"{watch.write(data, 'partition/0')}"), watch.place.store)
    scoring = Scoring(Dataset("p", "file:///p/"), f"{(watch.place.folder / 'scores').as_uri()}/", keep=keep)
    rival = Rival(name="flight-delay", number=1, model=watch.live.model)
    return score(ScoreWork(model=rival, scoring=scoring, dataset=dataset), watch.place.job())


def test_a_partition_that_was_scored_is_a_window(watch):
    scores = scored(watch, rows(seed=1, moved=1.0))
    asked = watch.monitoring()
    assert [part.holds for part in watch.parts(asked, scores=(scores,)).parts] == ["inputs", "answers"]
    report = watch.look(asked, scores=(scores,))
    assert report.rows == 2000
    same = watch.look(watch.monitoring(watch.write(rows(seed=1, moved=1.0), "w/0")), n=1)
    assert columns(report)["score"].findings == columns(same)["score"].findings
    assert report.estimates == same.estimates


def test_the_truth_is_joined_with_a_scored_partition(watch):
    data = rows(seed=1)
    parts = watch.parts(watch.monitoring(), scores=(scored(watch, data),)).parts
    truth = watch.truth(watch.monitoring(), data.select("id", "late"), parts=parts)
    assert (truth.outcome, truth.coverage, truth.labelled) == (PASS, 1.0, 2000)


def logged(watch, data, n=0, *, version=1, slot="live", name="a"):
    """Writes rows as the server's traffic log does."""
    said = data.select(
        pl.lit(START + timedelta(hours=n, minutes=5)).alias("at"),
        pl.format("r{}", "id").alias("request_id"),
        pl.lit(version).alias("version"),
        pl.lit(slot).alias("slot"),
        *(pl.col(one).alias(f"input.{one}") for one in ("delay", "hour")),
        (pl.col("delay") > 0).alias("prediction"),
        (1 / (1 + (-2 * pl.col("delay")).exp())).alias("score"),
    )
    path = f"traffic/svc/{START + timedelta(hours=n):%Y-%m-%d/%H}/v{version}-{name}-000001.parquet"
    file = watch.place.folder / "traffic.parquet"
    said.write_parquet(file)
    watch.place.store.create(path, file.read_bytes())


def test_the_traffic_of_a_service_is_a_window(watch):
    logged(watch, rows(1000, 1))
    logged(watch, rows(500, 2), slot="shadow", name="b")
    logged(watch, rows(500, 3), version=2, name="c")
    logged(watch, rows(700, 4), n=1)
    asked = watch.monitoring(service="svc")
    report = watch.look(asked)
    assert report.rows == 1000, "what was answered to somebody, by the live version, in this hour"
    assert {one.role for one in report.columns} == {"input", "prediction", "score"}
    assert columns(report)["delay"].outcome is PASS
    assert watch.look(asked, n=1).rows == 700
    assert watch.look(asked, n=2).note == "the window has no rows"
    labels = rows(1000, 1).select(pl.format("r{}", "id").alias("request_id"), "late")
    truth = watch.truth(asked, labels, labels={"key": "request_id"})
    assert (truth.coverage, truth.outcome) == (1.0, PASS)
    for path in [info.path for info in watch.place.store.list("traffic/")]:
        watch.place.store.delete(path)


def test_a_file_that_changed_after_it_was_written_once_is_not_read(watch):
    scores = scored(watch, rows(seed=1))
    place = watch.place.folder / "scores" / scores.files[0].path
    place.write_bytes(b"PAR1 something else")
    with pytest.raises(IntegrityError, match="the data changed since its snapshot"):
        watch.look(watch.monitoring(), scores=(scores,))


def test_the_truth_is_measured_beside_what_was_estimated_for_the_same_rows(watch):
    data = rows(3000, 1)
    labels = data.select("id", "late").head(2700).with_columns(known=pl.lit(START + timedelta(hours=3)))
    asked = watch.monitoring(watch.write(data.drop("late"), "w/0"))
    evaluation = Evaluation("late", ("roc_auc", "accuracy"), slices=("carrier",))
    report = watch.truth(asked, labels, labels={"at": "known"}, evaluation=evaluation)
    assert (report.outcome, report.rows, report.labelled, report.coverage) == (PASS, 3000, 2700, 0.9)
    assert report.delay_s == 7200
    assert [one.metric for one in report.measures] == ["roc_auc", "accuracy"]
    assert all(one.low < one.value < one.high for one in report.measures)
    for real, told in zip(report.measures, report.estimates, strict=True):
        assert told.low <= real.value <= told.high
    assert {one.level for one in report.slices} == {"AA", "DL", "UA"}
    assert Reports(watch.place.store, "flight-delay", "all").find(PerformanceReport, hour()) == report


def test_too_few_labels_are_shown_and_decide_nothing(watch):
    data = rows(3000, 1)
    asked = watch.monitoring(watch.write(data.drop("late"), "w/0"))
    half = watch.truth(asked, data.select("id", "late").head(1500))
    assert (half.outcome, half.coverage) == (INCONCLUSIVE, 0.5)
    assert half.note == "50.0% of the predictions have a label, it takes 80.0%"
    assert half.measures
    few = watch.truth(asked, data.select("id", "late").head(50))
    assert few.note == "50 labels are too few, it takes 200"


def test_without_labels_the_truth_is_not_known(watch):
    asked = watch.monitoring(watch.write(rows(seed=1), "w/0"))
    report = watch.truth(asked, None)
    assert (report.outcome, report.note) == (INCONCLUSIVE, "there are no labels for 2000 predictions")


def test_a_look_at_the_labels_keeps_no_report(watch):
    data = rows(seed=1)
    asked = watch.monitoring(watch.write(data, "w/0"))
    report = watch.truth(asked, data.select("id", "late"), final=False)
    assert (report.coverage, report.measures) == (1.0, ())
    assert Reports(watch.place.store, "flight-delay", "all").find(PerformanceReport, hour()) is None


def test_a_window_without_predictions_has_no_truth(watch):
    report = watch.truth(watch.monitoring(f"{(watch.place.folder / 'nowhere').as_uri()}/"), rows().select("id", "late"))
    assert (report.rows, report.labelled, report.coverage) == (0, 0, 0.0)


def test_slices_of_personal_columns_are_not_told(watch):
    data = rows(3000, 1)
    dataset = Dataset("production", watch.write(data.drop("late"), "w/0"), personal={"carrier": "mask"})
    evaluation = Evaluation("late", ("accuracy",), slices=("carrier",))
    report = watch.truth(watch.monitoring(window=dataset), data.select("id", "late"), evaluation=evaluation)
    assert report.slices == ()
    assert "UA" not in report.model_dump_json()


def test_labels_that_nobody_named_are_asked_for(watch):
    from taxiway.core.monitoring import MeasureWork
    from taxiway.runtime.performance import measure

    asked = watch.monitoring(watch.write(rows(seed=1), "w/0"))
    with pytest.raises(SpecError, match="nobody said where the labels are"):
        measure(MeasureWork(parts=watch.parts(asked).parts, monitoring=asked), watch.place.job())
    with pytest.raises(SpecError, match="nobody said which column is the truth"):
        watch.truth(asked, None, labels={"target": None})


def test_a_regressor_is_watched_like_a_classifier(tmp_path):
    watch = Watch.over(Workplace.at(tmp_path), function="train_regression")
    data = rows(3000, 1).with_columns(hour=pl.col("hour") % 6)
    asked = watch.monitoring(watch.write(data, "w/0"))
    report = watch.look(asked)
    assert {one.name for one in report.columns if one.outcome is FAIL} == {"hour", "prediction"}
    assert report.estimates[0].value == pytest.approx(report.expected[0].value, rel=0.1)
    truth = watch.truth(asked, data.select("id", "delay"), labels={"target": "delay"})
    assert truth.measures[0].value == pytest.approx(truth.estimates[0].value, rel=0.1)


def test_two_tables_are_compared_without_any_model(place_of_tables):
    place, before, now = place_of_tables
    asked = Watch(place, None).monitoring(now, drift=Drift(ignore=("id", "late")))
    made = reference(ReferenceWork(dataset=before, drift=asked.drift), place.job())
    (part,) = Watch(place, None).parts(asked).parts
    found = profile(ProfileWork(part=part, monitoring=asked, reference=made.profile), place.job())
    work = CompareWork(window=hour(), live=None, parts=(found,), monitoring=asked, reference=made.profile)
    report = compare(work, place.job())
    assert report.outcome is FAIL
    assert {one.name for one in report.columns if one.outcome is FAIL} == {"delay"}
    assert (report.number, report.reference) == (None, "the reference")


@pytest.fixture
def place_of_tables(tmp_path):
    place = Workplace.at(tmp_path)
    return place, place.dataset(rows(seed=1)), Watch(place, None).write(rows(seed=2, moved=0.5), "now/0")


def test_a_table_without_a_reference_is_inconclusive(place_of_tables):
    place, _, now = place_of_tables
    report = Watch(place, None).look(Watch(place, None).monitoring(now))
    assert (report.outcome, report.note) == (INCONCLUSIVE, "there is nothing to compare with: no reference was named")


def test_a_part_whose_profile_was_lost_is_inconclusive(watch):
    asked = watch.monitoring(watch.write(rows(seed=1), "w/0"))
    (part,) = watch.parts(asked).parts
    found = profile(ProfileWork(part=part, monitoring=asked), watch.place.job())
    watch.place.store.delete(blob_path(found.profile))
    work = CompareWork(window=hour(), live=watch.live, parts=(found, Profiled(rows=3, note="lost")), monitoring=asked)
    assert compare(work, watch.place.job()).note == "lost"


def test_profiles_that_jobs_make_side_by_side_add_up(watch):
    asked = watch.monitoring(watch.write(rows(seed=1), "w/0", "w/1"), partitions=2)
    made = [profile(ProfileWork(part=part, monitoring=asked), watch.place.job()) for part in watch.parts(asked).parts]
    profiles = [Blobs(watch.place.store).get_record(one.profile) for one in made]
    assert merge(profiles).rows == sum(one.rows for one in made) == 2000
