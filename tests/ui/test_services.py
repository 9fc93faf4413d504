from datetime import UTC, datetime

import samples
from taxiway.core.counts import Counts, Reading
from taxiway.core.serving import Phase
from taxiway.stores.traffic import TrafficLog
from taxiway.stores.windows import Windows
from ui import shelves


def test_without_a_service_the_page_says_what_to_do_next(ask):
    assert "Nothing is served" in ask("/services").text


def test_a_rollout_is_shown_step_by_step_with_its_numbers(ask, store):
    for letter in "ab":
        shelves.register(store, letter=letter)
    shelves.serve(store)
    rolling = {"candidate": samples.target(2), "phase": Phase.TRIAL, "rollout": "flight-delay.deployment/run-2"}
    for generation, weight in ((2, 5), (3, 25)):
        shelves.serve(store, generation=generation, weight=weight, reason=f"on to {weight} %", **rolling)
    windows = Windows(store, "delays")
    answered = Counts(answers={"ok": 100, "failed": 100}, seconds={"0.01": 200}, compared=50, disagreements=5)
    windows.open(2, [Reading(replica="a", started=1.0, counts={"1": Counts(), "2": Counts()})])
    windows.open(3, [Reading(replica="a", started=1.0, counts={"1": Counts(answers={"ok": 9}), "2": answered})])
    page = ask("/services/delays").text
    for said in (
        "75 % live, 25 % candidate",
        "on to 5 %",
        "200 requests, 50.0% errors",
        "5 of 50 answers differ from live",
        "9 requests, 0.0% errors",
        "The rollout under way",
        "have kept no sample",
    ):
        assert said in page, said
    assert "version 2, 25 %" in ask("/services").text


def test_sampled_traffic_is_drawn_by_version(ask, store):
    shelves.register(store)
    shelves.serve(store)
    TrafficLog(store, "delays").write(datetime.now(UTC), 1, "writer", 1, b"x" * 4096)
    assert "KiB of sampled traffic per hour" in ask("/services/delays").text
