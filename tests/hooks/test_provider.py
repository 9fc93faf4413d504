import json
import subprocess
import sys
from importlib.resources import files

import jsonschema
import pytest

from taxiway.provider_info import get_provider_info

pytestmark = pytest.mark.usefixtures("airflow")


def test_the_provider_is_described_as_airflow_wants_it():
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_describing_the_provider_imports_no_airflow():
    code = "import sys, taxiway.provider_info as p; p.get_provider_info(); print('airflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_everything_the_provider_names_exists():
    from airflow.sdk._shared.module_loading import import_string

    info = get_provider_info()
    names = [c["hook-class-name"] for c in info["connection-types"]] + info["extra-links"] + info["notifications"]
    modules = [
        m for key in ("hooks", "triggers", "sensors", "operators") for e in info[key] for m in e["python-modules"]
    ]
    assert [name for name in names if not import_string(name)] == []
    for module in modules:
        __import__(module)


def test_airflow_finds_the_provider_and_its_connection_type(airflow):
    with airflow.airflows_own_warnings():
        from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

        hook = ProvidersManagerTaskRuntime().hooks["taxiway"]
    assert (hook.hook_name, hook.connection_testable) == ("Taxiway store", True)


def test_the_plugin_is_loaded_once_by_its_entry_point(airflow):
    with airflow.airflows_own_warnings():
        from airflow import plugins_manager

        plugins, errors = plugins_manager._get_plugins()
    assert [plugin.name for plugin in plugins].count("taxiway") == 1
    assert errors == {}
