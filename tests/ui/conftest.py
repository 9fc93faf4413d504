"""Pages under test: the web server's own application with our plugin in it, users of every role, a store per test."""

import httpx
import pytest

import airflow_home
from taxiway.stores.objects import ObjectStore, open_store
from taxiway.ui import shop

ROLES = ("viewer", "user", "op", "admin")


@pytest.fixture(scope="session")
def web(airflow):
    """The whole web server of Airflow, in this process."""
    with airflow_home.airflows_own_warnings():
        from airflow.api_fastapi.app import create_app
        from starlette.testclient import TestClient

        app = create_app()
        with TestClient(app, follow_redirects=False, raise_server_exceptions=True) as client:
            yield client


@pytest.fixture
def store(tmp_path, monkeypatch) -> ObjectStore:
    """A store of the test's own, as the pages find it."""
    uri = f"{(tmp_path / 'store').as_uri()}/"
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", uri)
    monkeypatch.setattr(shop, "_SHOP", shop.Shop())
    return open_store(uri)


@pytest.fixture
def ask(web, store):
    """Asks as somebody of a role, or as nobody."""

    def asking(path: str, role: str | None = "viewer", method: str = "GET", **kwargs) -> httpx.Response:
        headers = {"Authorization": f"Bearer {bearer(role)}"} if role else {}
        with airflow_home.airflows_own_warnings():
            return web.request(method, f"/taxiway{path}", headers=headers, **kwargs)

    return asking


def bearer(role: str) -> str:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return get_auth_manager().generate_jwt(
        SimpleAuthManagerUser(username=f"a-{role}", role=role if role in ROLES else None)
    )
