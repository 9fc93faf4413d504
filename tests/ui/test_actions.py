import re

import pytest
from sqlalchemy import select

import airflow_home
import samples
from taxiway.core.serving import Phase
from taxiway.stores.journal import Journal
from taxiway.stores.registry import Registry
from taxiway.stores.services import Services
from ui import drifts, shelves

WHY = {"reason": "  because of\nthe <b>incident</b> "}
CLEAN = "because of the <b>incident</b>"


@pytest.fixture
def registry(store):
    for letter in "ab":
        shelves.register(store, letter=letter)
    shelves.promote(store, 1)
    return Registry(store)


@pytest.fixture
def act(ask):
    """Fills in a form of a page as somebody, and sends it."""

    def acting(page: str, to: str, role: str = "op", **fields):
        word = re.search(r'name="token" value="([^"]+)"', ask(page, role=role).text)
        given = {"token": word[1] if word else "", **WHY, **fields}
        return ask(to, role=role, method="POST", data=given)

    return acting


def said(ask, answer):
    """What the page says that an action leads to."""
    to = answer.headers["location"]
    page = ask(f"/{to.removeprefix('../../../../')}").text
    return re.search(r'role="status">([^<]+)<', page)[1]


def test_nobody_makes_our_pages_say_anything(ask, registry):
    assert "your password" not in ask("/models/flight-delay?done=Enter+your+password").text


def test_a_promotion_is_a_commit_with_a_name_and_a_reason(act, ask, registry):
    answer = act("/models/flight-delay/versions/2", "/models/flight-delay/versions/2/promote", expected=1)
    assert answer.status_code == 303, answer.text
    last = registry.history("flight-delay")[-1]
    assert (last.change.to, last.by.who, last.by.why) == (2, "a-op", CLEAN)
    assert said(ask, answer).startswith("Version 2 is the champion now.")
    page = ask("/models/flight-delay").text
    assert "&lt;b&gt;incident" in page
    assert "<b>incident" not in page


def test_a_champion_that_moved_meanwhile_is_not_overrun(act, registry):
    registry.promote("flight-delay", 2, by=samples.author())
    answer = act("/models/flight-delay/versions/1", "/models/flight-delay/versions/1/promote", expected=1)
    assert answer.status_code == 409
    assert "moved by somebody else" in answer.text
    answer = act("/models/flight-delay", "/models/flight-delay/rollback", expected=1)
    assert answer.status_code == 409
    assert registry.resolve("flight-delay").number == 2


def test_a_rollback_brings_the_version_before(act, registry):
    registry.promote("flight-delay", 2, by=samples.author())
    answer = act("/models/flight-delay", "/models/flight-delay/rollback", expected=2)
    assert answer.status_code == 303
    assert registry.resolve("flight-delay").number == 1
    assert registry.history("flight-delay")[-1].by.why == CLEAN


def test_a_yanked_version_is_out_of_use(act, ask, registry):
    path = "/models/flight-delay/versions/2"
    assert act(path, f"{path}/yank").status_code == 303
    assert registry.state("flight-delay").yanked == (2,)
    assert "yanked" in ask(path).text
    answer = act("/models/flight-delay/versions/1", f"{path}/promote", expected=1)
    assert answer.status_code == 409
    assert "was yanked" in answer.text


def test_a_candidate_is_given_up(act, store, registry):
    shelves.serve(store)
    shelves.serve(store, generation=2, candidate=samples.target(2), weight=25, phase=Phase.TRIAL)
    answer = act("/services/delays", "/services/delays/rollback", expected=2)
    assert answer.status_code == 303, answer.text
    state = Services(store).state("delays")
    assert (state.phase, state.candidate, state.reason) == (Phase.ROLLED_BACK, None, f"a-op: {CLEAN}")
    answer = act("/models/flight-delay/versions/2", "/services/delays/rollback", expected=2)
    assert (answer.status_code, "somebody else was faster" in answer.text) == (409, True)


def test_the_champion_follows_a_service_that_goes_back(act, store, registry):
    shelves.serve(store)
    registry.promote("flight-delay", 2, by=samples.author())
    shelves.serve(store, generation=2, candidate=samples.target(2), weight=25, phase=Phase.TRIAL)
    assert act("/services/delays", "/services/delays/rollback", expected=2).status_code == 303
    assert registry.resolve("flight-delay").number == 1


def test_an_incident_is_acknowledged_once(act, store):
    drifts.confirm(store)
    to = "/drift/flight-delay/all/acknowledge"
    assert act("/drift/flight-delay/all", to, incident=1).status_code == 303
    incident = Journal(store, "flight-delay", "all").watched().incident
    assert incident.acknowledged_by == "a-op"
    assert act("/drift/flight-delay/all", to, incident=7).status_code in (403, 409)


def test_the_dags_that_wait_for_the_champion_are_told(act, ask, registry, airflow):
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session

    from taxiway.core.assets import champion

    known = champion("flight-delay")
    with airflow_home.airflows_own_warnings(), create_session() as session:
        if session.scalar(select(AssetModel).where(AssetModel.uri == known.uri)) is None:
            session.add(AssetModel(name=known.name, uri=known.uri, group="taxiway", extra={}))
    answer = act("/models/flight-delay/versions/2", "/models/flight-delay/versions/2/promote", expected=1)
    assert said(ask, answer).endswith("The DAGs that wait for the champion were told.")
    with airflow_home.airflows_own_warnings(), create_session() as session:
        asset = session.scalar(select(AssetModel).where(AssetModel.uri == known.uri))
        event = session.scalars(
            select(AssetEvent).where(AssetEvent.asset_id == asset.id).order_by(AssetEvent.id)
        ).all()[-1]
        assert event.extra["number"] == 2


@pytest.mark.parametrize("reason", ["", "no", "x" * 501])
def test_a_reason_is_needed(act, registry, reason):
    path = "/models/flight-delay/versions/2"
    assert act(path, f"{path}/yank", reason=reason).status_code == 422
    assert registry.state("flight-delay").yanked == ()


@pytest.mark.parametrize(
    "fields", [{"token": ""}, {"token": "made-up"}, {"token": "of somebody else"}], ids=["none", "made up", "another's"]
)
def test_a_form_that_no_page_of_ours_showed_does_nothing(act, ask, registry, fields):
    if fields["token"] == "of somebody else":
        page = ask("/models/flight-delay/versions/2", role="admin").text
        fields = {"token": re.search(r'name="token" value="([^"]+)"', page)[1]}
    answer = act("/models/flight-delay/versions/2", "/models/flight-delay/versions/2/yank", **fields)
    assert answer.status_code == 403
    assert registry.state("flight-delay").yanked == ()


def test_a_form_from_another_site_does_nothing(ask, registry, web):
    from ui.conftest import bearer

    path = "/models/flight-delay/versions/2"
    word = re.search(r'name="token" value="([^"]+)"', ask(path, role="op").text)[1]
    headers = {"Authorization": f"Bearer {bearer('op')}", "Sec-Fetch-Site": "cross-site"}
    with airflow_home.airflows_own_warnings():
        answer = web.post(f"/taxiway{path}/yank", data={"token": word, **WHY}, headers=headers)
    assert answer.status_code == 403
    assert registry.state("flight-delay").yanked == ()


def test_nothing_is_done_by_merely_asking(ask, registry):
    for path in ("/models/flight-delay/rollback", "/models/flight-delay/versions/2/yank"):
        assert ask(path, role="admin").status_code == 405


def test_who_may_only_read_is_shown_no_form(ask, registry):
    assert '<form method="post"' not in ask("/models/flight-delay/versions/2", role="user").text
    assert '<form method="post"' in ask("/models/flight-delay/versions/2", role="op").text
