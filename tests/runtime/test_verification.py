import shutil

import pytest

import samples
from runtime.kit import Workplace
from taxiway.core.gates import decide
from taxiway.core.registry import ModelVersion
from taxiway.core.specs.gates import Threshold
from taxiway.runtime.verification import verify
from taxiway.stores.blobs import Blobs, blob_path
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry

LOG, VERDICTS, BYTES, EVIDENCE, RUN, DATA, GOLDEN = range(7)


@pytest.fixture
def place(tmp_path):
    return Workplace.at(tmp_path)


@pytest.fixture
def version(place):
    """A version that was trained, judged and registered."""
    run = place.train()
    report = samples.report(model=run.model)
    return Registry(place.store).register(
        run.model,
        run=run.run,
        verdicts=(decide(report, Threshold("roc_auc", at_least=0.7)),),
        metrics={"roc_auc": 0.8},
        report=Blobs(place.store).put_record(report),
        profile=run.profile,
        by=samples.author(),
    )


@pytest.fixture
def wrong(place):
    """Which questions about a version are answered with no, and what is said then."""

    def asking(version, **options):
        found = verify(place.store, version, place.job().scratch, **options)
        return {number: one.detail for number, one in enumerate(found) if not one.ok}

    return asking


def overwrite(place, path, data=b"other"):
    (place.folder / "store" / path).write_bytes(data)


def test_a_version_is_what_the_registry_says(version, wrong):
    assert wrong(version) == {}


def test_a_copy_of_the_store_at_another_place_is_as_good(place, version, tmp_path):
    shutil.move(tmp_path / "store", tmp_path / "restored")
    restored = open_store((tmp_path / "restored").as_uri())
    found = Registry(restored).version("flight-delay", 1)
    assert found == version
    assert all(one.ok for one in verify(restored, found, place.job().scratch))


def test_a_changed_byte_of_the_model_is_found(place, version, wrong):
    overwrite(place, blob_path(version.model.digest))
    found = wrong(version)
    assert list(found) == [BYTES, GOLDEN]
    assert "not what the object's name promises" in found[BYTES]


def test_a_report_that_was_rewritten_after_the_decision_is_found(place, version, wrong):
    overwrite(place, blob_path(version.report))
    assert list(wrong(version)) == [EVIDENCE]


def test_data_that_was_rewritten_or_deleted_is_found_unless_it_is_not_asked_for(place, version, wrong):
    (file,) = (place.folder / "lake").iterdir()
    file.write_bytes(b"other")
    assert list(wrong(version)) == [DATA]
    file.unlink()
    assert "it is gone" in wrong(version)[DATA]
    assert wrong(version, data=False) == {}


def test_a_log_that_somebody_rewrote_is_found(place, version, wrong):
    Registry(place.store).promote("flight-delay", 1, by=samples.author())
    path = f"models/flight-delay/log/{1:020}.json"
    overwrite(place, path, (place.folder / "store" / path).read_bytes().replace(b"ann", b"bob"))
    assert list(wrong(version)) == [LOG]


def test_a_version_that_was_yanked_is_said_to_be(place, version, wrong):
    Registry(place.store).yank("flight-delay", 1, by=samples.author(why="it leaks"))
    assert "ann: it leaks" in wrong(version)[LOG]


def test_verdicts_about_other_bytes_or_of_gates_that_did_not_let_it_through_are_found(version, wrong):
    fail = samples.verdict(version.model, "fail", evidence=version.report)
    other = samples.verdict(samples.model_ref("f"), evidence=version.report)
    for verdicts, said in (((fail,), "did not let it through"), ((other,), "other bytes"), ((), "no gate was asked")):
        assert said in wrong(ModelVersion(**{**dict(version), "verdicts": verdicts}))[VERDICTS]


def test_a_run_that_made_something_else_or_is_not_there_is_found(place, version, wrong):
    another = place.train(params={"C": 0.1}).run
    assert "other bytes" in wrong(version.model_copy(update={"run": another}))[RUN]
    assert "left no result" in wrong(version.model_copy(update={"run": "never"}))[RUN]


def test_other_answers_to_the_golden_requests_are_found(version, wrong, monkeypatch):
    import sklearn.linear_model

    def other(model, rows):
        import numpy as np

        return np.full((len(rows), 2), 0.5)

    monkeypatch.setattr(sklearn.linear_model.LogisticRegression, "predict_proba", other)
    assert "does not answer its golden requests" in wrong(version)[GOLDEN]
    assert wrong(version, replay=False) == {}
