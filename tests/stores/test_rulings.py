from typing import Any

import pytest

import samples
from taxiway.core.errors import SpecError
from taxiway.core.gates import Clearance, clear
from taxiway.core.outcomes import Outcome
from taxiway.core.rulings import DataRuling, Ruling
from taxiway.core.validation import ValidationReport
from taxiway.stores.heads import heads
from taxiway.stores.objects import ObjectStore
from taxiway.stores.rulings import Rulings


def clearance(outcome: Outcome = Outcome.PASS) -> Clearance:
    model = samples.model_ref()
    return clear(model.digest, [samples.verdict(model, outcome)])


def ruling(minute: int, **changes: Any) -> Ruling:
    values = {
        "model": "flight-delay",
        "at": f"2026-01-01T00:{minute:02}:00.000+00:00",
        "by": samples.author(run_id=f"run-{minute}"),
        "clearance": clearance(),
        "report": f"sha256:{samples.hexes('b')}",
    }
    return Ruling(**{**values, **changes})


def data_ruling(minute: int) -> DataRuling:
    report = ValidationReport(dataset=samples.dataset_ref(), outcome=Outcome.PASS, rows=1000, columns={}, checks=())
    return DataRuling(at=f"2026-01-01T00:{minute:02}:00+00:00", by=samples.author(run_id=f"{minute}"), report=report)


def test_the_newest_come_first_and_the_head_is_one_of_them(store: ObjectStore):
    rulings = Rulings(store, Ruling)
    kept = [rulings.keep(ruling(minute, clearance=clearance(Outcome.FAIL))) for minute in range(3)]
    assert rulings.newest("flight-delay", 2) == [kept[2], kept[1]]
    assert rulings.names() == ["flight-delay"]
    assert [(head.kind, head.name) for head in heads(store)] == [("rulings", "models/flight-delay")]


def test_a_task_that_is_tried_again_is_told_once(store: ObjectStore):
    rulings = Rulings(store, Ruling)
    for minute in (1, 2):
        rulings.keep(ruling(minute, by=samples.author(run_id="the-same")))
    assert [one.at for one in rulings.newest("flight-delay", 9)] == ["2026-01-01T00:02:00.000+00:00"]


def test_data_are_ruled_about_per_dataset(store: ObjectStore):
    rulings = Rulings(store, DataRuling)
    kept = [rulings.keep(data_ruling(minute)) for minute in range(2)]
    assert rulings.newest("flights", 9) == kept[::-1]
    assert rulings.newest("weather", 9) == []


def test_what_lies_there_by_mistake_is_no_ruling(memory_store: ObjectStore):
    memory_store.create("rulings/models/flight-delay/notes.txt", b"hello")
    assert Rulings(memory_store, Ruling).newest("flight-delay", 9) == []


def test_a_name_that_nothing_can_have_is_refused(memory_store: ObjectStore):
    with pytest.raises(SpecError):
        Rulings(memory_store, Ruling).newest("../secrets", 1)
