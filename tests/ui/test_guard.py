"""Every route, asked by everybody."""

import re

import pytest
from starlette.routing import BaseRoute, Route

import airflow_home
from ui import drifts, shelves
from ui.conftest import ROLES

VALUES = {"name": "flight-delay", "number": "1", "population": "all"}


def routes() -> list[BaseRoute]:
    from taxiway.ui.app import build

    with airflow_home.airflows_own_warnings():
        return build().routes


def every() -> list[tuple[str, str]]:
    """Method and path of every route there is."""
    return [
        (method, re.sub(r"{(\w+)(:\w+)?}", lambda found: VALUES.get(found[1], "x"), route.path))
        for route in routes()
        for method in sorted(route.methods - {"HEAD"})
    ]


@pytest.fixture
def full(store):
    shelves.register(store)
    shelves.promote(store, 1)
    shelves.serve(store)
    drifts.confirm(store)


def test_there_is_nothing_but_routes_that_the_guard_sees(airflow):
    assert [one for one in routes() if not isinstance(one, Route)] == []
    assert {"/openapi.json", "/docs", "/redoc"} & {one.path for one in routes()} == set()


def test_nobody_is_answered_without_signing_in(ask, full):
    for method, path in every():
        answer = ask(path, role=None, method=method)
        assert answer.status_code == 401, (method, path)
        assert "flight-delay" not in answer.text


def test_every_role_reads(ask, full):
    for method, path in every():
        for role in ROLES if method == "GET" else ():
            answer = ask(path, role=role)
            assert answer.status_code not in (401, 403, 405, 500, 503), (role, path, answer.text)


def form(role: str) -> dict[str, object]:
    """What the forms of all actions hold, with the word that only this user can have."""
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    from taxiway.ui import guard

    word = guard.token(SimpleAuthManagerUser(username=f"a-{role}", role=role))
    return {"token": word, "reason": "because of a test", "expected": 1, "incident": 1}


def test_only_who_may_edit_assets_acts(ask, full):
    actions = [path for method, path in every() if method == "POST"]
    assert len(actions) == 5
    for role in ("viewer", "user", "op"):
        for path in actions:
            status = ask(path, role=role, method="POST", data=form(role)).status_code
            assert status in ((303, 409) if role == "op" else (403,)), (role, path)


def test_a_user_without_a_role_reads_nothing(ask, full):
    for method, path in every():
        assert ask(path, role="nothing", method=method).status_code in (401, 403), (method, path)


def test_every_answer_forbids_what_pages_do_not_need(ask, full):
    for path in ("/models", "/static/taxiway.css", "/nowhere"):
        headers = ask(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/static/../guard.py", "/static/..%2fguard.py", "/static/%2e%2e/app.py", "/static/x"])
def test_no_file_but_ours_is_handed_out(ask, path):
    assert ask(path).status_code == 404
