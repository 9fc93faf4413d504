"""What Airflow is told of the pages, and what that costs the components that show none."""

import subprocess
import sys

import airflow_home

PROGRAM = """
import sys
from {module} import {name}
heavy = {{'fastapi', 'jinja2', 'obstore', 'starlette', 'taxiway.ui'}}
print(sorted(heavy & sys.modules.keys()))
"""


def loaded(module, name):
    """What of the web server's libraries a process has that imported this."""
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM.format(module=module, name=name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.splitlines()[-1]


def test_loading_the_plugin_builds_no_page(airflow):
    ours = loaded("taxiway.plugin", "TaxiwayPlugin")
    assert ours == loaded("airflow.plugins_manager", "AirflowPlugin")
    assert "taxiway.ui" not in ours


def test_airflow_shows_both_views(web):
    from ui.conftest import bearer

    with airflow_home.airflows_own_warnings():
        told = web.get("/api/v2/plugins", headers={"Authorization": f"Bearer {bearer('viewer')}"}).json()
    plugin = next(one for one in told["plugins"] if one["name"] == "taxiway")
    views = {view["name"]: (view["destination"], view["href"]) for view in plugin["external_views"]}
    assert views == {
        "Models": ("nav", "taxiway/models"),
        "Drift": ("dag", "taxiway/dags/{DAG_ID}/drift?tab=1"),
    }
    assert [app["url_prefix"] for app in plugin["fastapi_apps"]] == ["/taxiway"]


def test_the_first_page_leads_to_the_models(ask):
    assert ask("/").headers["location"] == "models"
