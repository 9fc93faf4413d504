import json
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from runtime.kit import Workplace, flights
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.evaluation import Rival
from taxiway.core.records import load_record
from taxiway.core.scoring import BatchScores
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.scoring import Scoring
from taxiway.core.stages import ScoreWork
from taxiway.runtime import parts
from taxiway.runtime.models import load_model
from taxiway.runtime.scoring import score


@pytest.fixture
def place(tmp_path):
    return Workplace.at(tmp_path)


@pytest.fixture
def champion(place):
    return Rival(name="flight-delay", number=3, model=place.train().model)


def ask(place, champion, data=None, *, job=None, **options):
    options = {"output": (place.folder / "scores").as_uri(), "keep": ("id",), "batch_rows": 250, **options}
    scoring = Scoring(Dataset("december", "file:///lake/december.parquet"), **options)
    return score(ScoreWork(model=champion, scoring=scoring, dataset=place.dataset(data)), job or place.job())


def read(place, scores):
    return pl.concat([pl.read_parquet(place.folder / "scores" / file.path) for file in scores.files])


def test_every_row_is_scored_in_its_order_with_the_version_beside_it(place, champion):
    data = flights(1_000, seed=5)
    scores = ask(place, champion, data)
    table, model = read(place, scores), load_model(champion.model, place.store, place.job().scratch)
    assert scores.rows == table.height == 1_000
    assert table["id"].to_list() == data["id"].to_list()
    assert (table["prediction"].to_numpy() == model.predict(data).values).all()
    np.testing.assert_allclose(table["score"].to_numpy(), model.predict(data).scores)
    assert set(table["model_version"]) == {3}
    assert load_record(scores.dump()) == scores


def test_each_file_says_which_model_and_data_it_is_from(place, champion):
    scores = ask(place, champion)
    said = pq.read_schema(place.folder / "scores" / scores.files[0].path).metadata
    assert said[b"taxiway.model"] == b"flight-delay"
    assert said[b"taxiway.version"] == b"3"
    assert said[b"taxiway.model_digest"].decode() == champion.model.digest
    assert said[b"taxiway.dataset_digest"].decode() == scores.dataset.digest
    assert json.loads(said[b"taxiway.classes"]) == [False, True]


def test_the_manifest_is_the_record_and_names_every_file(place, champion):
    scores = ask(place, champion)
    manifest = place.folder / "scores" / scores.manifest.removeprefix((place.folder / "scores").as_uri() + "/")
    assert BatchScores.load(json.loads(manifest.read_bytes())) == scores
    there = {path.name for path in manifest.parent.iterdir()}
    assert there == {"manifest.json", *(file.path.rpartition("/")[2] for file in scores.files)}


def test_the_same_work_again_gives_the_first_result_and_writes_nothing(place, champion):
    first = ask(place, champion)
    before = {path: path.stat().st_mtime_ns for path in (place.folder / "scores").rglob("*")}
    assert ask(place, champion) == first
    assert {path: path.stat().st_mtime_ns for path in (place.folder / "scores").rglob("*")} == before


@pytest.mark.parametrize("change", [{"keep": ("id", "hour")}, {"data": flights(300)}])
def test_other_work_has_a_manifest_of_its_own(place, champion, change):
    assert ask(place, champion, **change).manifest != ask(place, champion).manifest


def test_a_lost_race_gives_what_the_winner_wrote(place, champion, monkeypatch):
    from taxiway.stores.objects import ObjectStore

    winner = {}
    create = ObjectStore.create

    def slow_create(self, path, data):
        if path.endswith("manifest.json") and not winner:
            winner["scores"] = None
            winner["scores"] = ask(place, champion)
        return create(self, path, data)

    monkeypatch.setattr(ObjectStore, "create", slow_create)
    assert ask(place, champion) == winner["scores"]


def test_a_job_that_ends_early_leaves_nothing_that_counts(place, champion):
    broken = flights().with_columns(pl.when(pl.col("id") == 500).then(None).otherwise(pl.col("delay")).alias("delay"))
    with pytest.raises(ValueError, match="NaN"):
        ask(place, champion, broken)
    assert not list((place.folder / "scores").rglob("manifest.json"))


def test_what_an_earlier_attempt_left_is_removed_by_the_one_that_gets_through(place, champion, monkeypatch):
    from taxiway.stores.objects import ObjectStore

    create = ObjectStore.create

    def killed_before_the_end(self, path, data):
        if path.endswith("/manifest.json"):
            raise KeyboardInterrupt
        return create(self, path, data)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "create", killed_before_the_end)
        with pytest.raises(KeyboardInterrupt):
            ask(place, champion)
    (folder,) = (place.folder / "scores").iterdir()
    (left,) = folder.iterdir()
    left.rename(folder / "part-00007-from-another-library.parquet")
    scores = ask(place, champion)
    assert {path.name for path in folder.iterdir()} == {"manifest.json", Path(scores.files[0].path).name}


def test_what_a_loser_left_is_removed_when_the_work_is_asked_for_again(place, champion):
    scores = ask(place, champion)
    folder = (place.folder / "scores" / scores.files[0].path).parent
    (folder / "part-00000-late.parquet").write_bytes(b"PAR1")
    assert ask(place, champion) == scores
    assert {path.name for path in folder.iterdir()} == {"manifest.json", Path(scores.files[0].path).name}


def test_many_rows_become_several_files(place, champion, monkeypatch):
    monkeypatch.setattr(parts, "PART_ROWS", 400)
    scores = ask(place, champion, flights(1_000))
    assert [file.rows for file in scores.files] == [500, 500]
    assert read(place, scores)["id"].to_list() == list(range(1_000))
    for file in scores.files:
        assert (place.folder / "scores" / file.path).stat().st_size == file.size_bytes


def test_predictions_that_are_not_numbers_are_counted(place):
    from own_code import NanEverySeventh

    run = place.train("train_a_folder")
    champion = Rival(name="flight-delay", number=1, model=run.model)
    scores = ask(place, champion, flights(700))
    assert NanEverySeventh.step == 7
    assert (scores.rows, scores.undefined) == (700, 100)


def test_columns_and_labels_may_have_any_name(place):
    data = flights().rename({"delay": "Verspätung 📦 [min]", "hour": 'h <b>&"', "late": "../zu spät"})
    data = data.with_columns(pl.Series("../zu spät", ["a/b", "<!channel>", "ü"] * 200))
    params = {"inputs": ["Verspätung 📦 [min]", 'h <b>&"'], "target": "../zu spät"}
    run = place.train("train_on_any_names", place.dataset(data), params=params)
    scores = ask(place, Rival(name="flight-delay", number=1, model=run.model), data, keep=("../zu spät",))
    table = read(place, scores)
    assert table.columns == ["../zu spät", "prediction", "score_<!channel>", "score_a/b", "score_ü", "model_version"]
    assert set(table["prediction"]) <= {"a/b", "<!channel>", "ü"}


def test_no_rows_are_an_empty_set_of_predictions(place, champion):
    scores = ask(place, champion, flights(0))
    assert (scores.rows, scores.files) == (0, ())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": ("idd",)}, "no column 'idd' to keep.*Did you mean 'id'"),
        ({"data": flights().rename({"id": "prediction"}), "keep": ("prediction",)}, "'prediction' cannot be kept"),
        ({"data": flights().rename({"delay": "delays"})}, "'delay' is missing.*Did you mean 'delays'"),
        ({"data": flights().cast({"hour": pl.String})}, "'hour' is of another type.*Int64.*String"),
        ({"output": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_scored_is_said_in_a_sentence(place, champion, options, message):
    with pytest.raises(SpecError, match=message):
        ask(place, champion, **options)


def test_a_manifest_that_is_not_ours_is_never_believed(place, champion):
    scores = ask(place, champion)
    manifest = place.folder / "scores" / scores.manifest.removeprefix((place.folder / "scores").as_uri() + "/")
    manifest.write_text("{}")
    with pytest.raises(IntegrityError, match="not what was written"):
        ask(place, champion)
