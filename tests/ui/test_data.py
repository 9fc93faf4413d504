import samples
from taxiway.core.outcomes import Outcome
from ui import shelves


def test_without_any_data_the_page_says_what_to_do_next(ask):
    assert "No data was looked at yet" in ask("/data").text


def test_a_dataset_shows_what_its_contract_said(ask, store):
    shelves.validate(store, Outcome.FAIL)
    assert 'href="data/flights"' in ask("/data").text
    page = ask("/data/flights").text
    for said in ("hour: in_range(0, 23)", "3 (0.3%)", 'class="tag fail"', "No finished run has learned from it yet"):
        assert said in page, said


def test_a_snapshot_shows_whom_it_reaches(ask, store):
    for letter in "ab":
        shelves.train(store, letter=letter)
    shelves.train(store, "other", "c")
    shelves.register(store)
    shelves.promote(store, 1)
    shelves.serve(store)
    digest = samples.dataset_ref().digest
    assert digest[:28].replace(":", "%3A") in ask("/data/flights").text
    page = ask(f"/data/flights/{digest}").text
    assert "3 runs." in page
    for said in (
        "version 1",
        "champion",
        'href="../../services/delays"',
        "not registered",
        'href="../../models/other"',
    ):
        assert said in page, said


def test_a_yanked_version_is_shown_as_such(ask, store):
    from taxiway.stores.registry import Registry

    shelves.train(store)
    shelves.register(store)
    Registry(store).yank("flight-delay", 1, by=samples.author())
    assert "yanked" in ask(f"/data/flights/{samples.dataset_ref().digest}").text
