"""Every route of the pages, asked by every role of the auth manager that production Airflows have."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import samples
from taxiway.stores.objects import open_store
from ui import drifts, shelves

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
if importlib.util.find_spec("airflow.providers.fab") is None:
    pytest.skip("FAB is not there. Run: pip install apache-airflow-providers-fab", allow_module_level=True)
TESTS = Path(__file__).parents[1]
WORD = "for tests alone, and long enough for a key " * 2


@pytest.fixture(scope="module")
def statuses(tmp_path_factory):
    """Role to route to status."""
    home = tmp_path_factory.mktemp("fab")
    store = open_store((home / "taxiway").as_uri())
    shelves.register(store)
    shelves.promote(store, 1)
    shelves.serve(store, live=samples.target(1))
    shelves.validate(store)
    drifts.confirm(store)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    ours = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__API_AUTH__JWT_SECRET": WORD,
        "AIRFLOW__API__SECRET_KEY": WORD,
        "PYTHONPATH": str(TESTS),
    }
    command = [sys.executable, "-m", "system.fab_roles"]
    done = subprocess.run(command, env=kept | ours, cwd=home, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_route_was_asked_by_everybody(statuses):
    assert len({tuple(sorted(routes)) for routes in statuses.values()}) == 1
    assert len(statuses["Admin"]) > 20


@pytest.mark.parametrize("role", ["nobody", "Public"])
def test_who_may_not_read_assets_is_shown_nothing(statuses, role):
    assert set(statuses[role].values()) <= {401, 403}


@pytest.mark.parametrize("role", ["Viewer", "User", "Op", "Admin"])
def test_who_may_read_assets_reads_every_page(statuses, role):
    got = {route: status for route, status in statuses[role].items() if route.startswith("GET")}
    assert {route: status for route, status in got.items() if status in (401, 403, 405, 500, 503)} == {}


@pytest.mark.parametrize("role", ["Viewer", "User"])
def test_who_may_not_edit_assets_acts_nowhere(statuses, role):
    assert {status for route, status in statuses[role].items() if route.startswith("POST")} == {403}


@pytest.mark.parametrize("role", ["Op", "Admin"])
def test_who_may_edit_assets_acts(statuses, role):
    acted = {status for route, status in statuses[role].items() if route.startswith("POST")}
    assert acted <= {303, 409}, "done, or refused for what it would do"
