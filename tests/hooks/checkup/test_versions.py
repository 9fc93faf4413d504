import shutil

import pytest

import airflow_home
from taxiway.hooks.checkup.versions import plugin, versions


@pytest.fixture
def installed(tmp_path):
    """Makes a folder in which packages of these versions are installed, and a Taxiway that asks for some."""

    def making(asks=("apache-airflow<4,>=3.3; extra == 'airflow'", "pydantic>=2.11", "slack-sdk>=3.36"), **packages):
        ours = {"taxiway": "0.1.0"} if asks else {}
        for name, version in {**ours, **packages}.items():
            folder = tmp_path / f"{name}-{version}.dist-info"
            folder.mkdir()
            lines = [f"Name: {name.replace('_', '-')}", f"Version: {version}"]
            lines += [f"Requires-Dist: {one}" for one in asks if name == "taxiway"]
            (folder / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))
        return [str(tmp_path)]

    return making


def test_what_is_installed_here_is_what_taxiway_asks_for():
    (found,) = versions()
    assert found.ok
    assert found.check.startswith("apache-airflow 3.")


@pytest.mark.parametrize("version", ["2.10.5", "3.2.1", "4.0.0"])
def test_an_airflow_that_is_too_old_or_too_new_is_found_with_its_remedy(installed, version):
    (found,) = versions(installed(apache_airflow=version, pydantic="2.12"))
    assert (found.ok, found.check) == (False, f"apache-airflow {version} is one that Taxiway works with")
    assert "pip install 'apache-airflow<4,>=3.3'" in found.remedy


def test_a_package_beside_it_is_found_too_and_what_is_not_there_is_not_asked_for(installed):
    first, second = versions(installed(apache_airflow="3.3.2", pydantic="2.5"))
    assert (first.ok, second.ok) == (True, False)
    assert "pydantic>=2.11" in second.remedy


def test_a_pre_release_is_a_version_like_others(installed):
    (found,) = versions(installed(apache_airflow="3.4.0rc1"))
    assert found.ok


def test_a_taxiway_that_nobody_installed_still_knows_which_airflow_it_needs(installed):
    (found,) = versions(installed((), apache_airflow="3.1.0"))
    assert not found.ok
    assert "apache-airflow<4,>=3.3" in found.remedy


def test_no_airflow_at_all_is_said(installed):
    (found,) = versions(installed(pydantic="2.12"))
    assert (found.ok, found.check) == (False, "Airflow is installed here")
    assert "in the image of its workers" in found.remedy


def test_a_plugin_that_is_registered_by_its_package_is_registered_once(tmp_path):
    assert [one.ok for one in plugin(tmp_path)] == [True, True]
    assert [one.ok for one in plugin(tmp_path / "nowhere")] == [True, True]


@pytest.mark.parametrize(
    "text", [None, "import taxiway.plugin", "class TaxiwayPlugin(AirflowPlugin):\n    name = 'taxiway'"]
)
def test_a_plugin_that_is_registered_twice_is_found_and_the_file_to_delete_is_named(tmp_path, text):
    file = tmp_path / "team" / "taxiway_plugin.py"
    file.parent.mkdir()
    if text is None:
        shutil.copy(airflow_home.REPOSITORY / "plugins" / "taxiway_plugin.py", file)
    else:
        file.write_text(text)
    (tmp_path / "other.py").write_text("from airflow.plugins_manager import AirflowPlugin  # beside taxiway\n")
    _, found = plugin(tmp_path)
    assert (found.ok, found.remedy) == (False, f"Delete {file}.")
    assert "taxiway.plugin:TaxiwayPlugin" in found.detail


def test_a_copy_of_the_package_in_the_plugins_folder_is_not_a_second_plugin(tmp_path):
    (tmp_path / "taxiway").mkdir()
    (tmp_path / "taxiway" / "provider_info.py").write_text("")
    (tmp_path / "taxiway" / "plugin.py").write_text("class TaxiwayPlugin(AirflowPlugin): ...")
    assert [one.ok for one in plugin(tmp_path)] == [True, True]
