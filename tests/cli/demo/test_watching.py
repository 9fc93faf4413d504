import dataclasses
import io

from rich.console import Console

from cli.demo.story import watched
from taxiway.cli.demo.watching import as_data, is_right, show


def test_one_incident_of_the_broken_sensor_one_thread_and_one_retraining_are_right():
    assert is_right(watched())


def test_anything_else_is_wrong():
    right = watched()
    assert not is_right(watched(incidents=2))
    assert not is_right(watched(incident=None))
    assert not is_right(watched(threads=[*right.threads, *right.threads]))
    assert not is_right(watched(retraining=None))
    assert not is_right(watched(incident=right.incident.model_copy(update={"escalated": False})))
    assert not is_right(watched(looks=[dataclasses.replace(look, drawn=None) for look in right.looks]))
    alarmed = [dataclasses.replace(right.looks[0], entry=right.looks[-1].entry), *right.looks[1:]]
    assert not is_right(watched(looks=alarmed))


def test_a_machine_reads_windows_the_incident_the_thread_and_the_retraining():
    data = as_data(watched())
    assert [window["mark"] for window in data["windows"]] == ["good", "good", "good", "bad", "bad"]
    assert data["windows"][0]["why"] == "dep_delay moved by 0.22, and nothing by more"
    assert [bool(window["evidently"]) for window in data["windows"]] == [False, False, False, True, True]
    assert [(one["number"], one["phase"], one["escalated"]) for one in data["incidents"]] == [(1, "confirmed", True)]
    assert [notice["title"] for notice in data["threads"][0]] == [
        "flight-delay: incident 1 is confirmed",
        "flight-delay: incident 1 is being dealt with",
        "flight-delay: incident 1 is escalated",
    ]
    assert [one["refused"] for one in data["retrainings"]] == [True]


def test_where_nothing_happened_there_is_nothing_to_read():
    data = as_data(watched(incident=None, retraining=None, threads=[]))
    assert (data["incidents"], data["threads"], data["retrainings"]) == ([], [], [])


def test_a_person_sees_what_stood_out_and_where_to_look():
    console = Console(file=io.StringIO(), width=100)
    show(console, as_data(watched()), told="told.txt", ui="http://127.0.0.1:1")
    text = console.file.getvalue()
    for part in (
        "1,234 flights",
        "Incident 1 is escalated",
        "The retraining was refused",
        "told in one thread, told.txt",
        "flight-delay: incident 1 is being dealt with",
        "http://127.0.0.1:1/run/5/tasks/drift.evidently",
        "http://127.0.0.1:1/plugin/models/taxiway/drift/flight-delay/all",
    ):
        assert part in text
