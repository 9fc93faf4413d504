"""What an installation does to an environment: nothing to Airflow's packages, and no Airflow into a job's."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs import pages
from venvs import python_with

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]
ROOT = Path(__file__).parents[2]
UV = shutil.which("uv")
if UV is None:
    pytest.skip("uv is not there. Run: pip install uv", allow_module_level=True)


def uv(*words, **kwargs):
    done = subprocess.run([UV, *words], capture_output=True, text=True, timeout=600, check=False, **kwargs)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--out-dir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


@pytest.fixture
def python(tmp_path):
    uv("venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv"))
    return tmp_path / "venv" / "bin" / "python"


def packages(python):
    return {
        one["name"]: one["version"] for one in json.loads(uv("pip", "list", "--format=json", "--python", str(python)))
    }


def airflow(python, home, *words, **variables):
    env = {"AIRFLOW_HOME": str(home), "PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(home), **variables}
    done = subprocess.run(
        [python, "-m", "airflow", *words], env=env, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_existing_airflow_keeps_every_package_it_has_and_sees_taxiway(wheel, python, tmp_path):
    constraints = ["-c", str(ROOT / "docker" / "constraints.txt")]
    uv("pip", "install", "--python", str(python), *constraints, "apache-airflow==3.3.2")
    before = packages(python)
    uv("pip", "install", "--python", str(python), str(wheel))
    after = packages(python)
    assert {name: after.get(name) for name in before} == before
    assert set(after) - set(before) == {"taxiway", "obstore"}
    assert "taxiway" in airflow(python, tmp_path, "providers", "list", "--output", "json")
    assert "taxiway" in airflow(python, tmp_path, "plugins", "--output", "json")


def test_an_airflow_that_takes_only_a_plugins_folder_has_its_pages_and_its_store(wheel, tmp_path):
    python = python_with("apache-airflow==3.3.2", "obstore>=0.9,<1", "-c", str(ROOT / "docker" / "constraints.txt"))
    uv("pip", "install", "--no-deps", "--target", str(tmp_path / "build"), str(wheel))
    shutil.copytree(tmp_path / "build" / "taxiway", tmp_path / "plugins" / "taxiway")
    shutil.copy(ROOT / "plugins" / "taxiway_plugin.py", tmp_path / "plugins")
    (tmp_path / "plugins" / ".airflowignore").write_text("taxiway/\n")
    (found,) = [
        one for one in json.loads(airflow(python, tmp_path, "plugins", "--output", "json")) if "Taxiway" in str(one)
    ]
    assert found["name"] == "taxiway"
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "doctor.py").write_text(pages.blocks(ROOT / "docs/how-to/managed-airflow.md", "python")[0])
    store = {"AIRFLOW__TAXIWAY__STORE": (tmp_path / "store").as_uri(), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    airflow(python, tmp_path, "db", "migrate")
    said = airflow(python, tmp_path, "dags", "test", "taxiway-doctor", **store)
    assert "an object that exists is not created again" in said
    assert [file for file in (tmp_path / "store").rglob("*") if file.is_file()] == []


def test_a_job_needs_no_airflow(wheel, python):
    uv("pip", "install", "--python", str(python), f"{wheel}[data,sklearn]")
    assert [name for name in packages(python) if "airflow" in name] == []
    done = subprocess.run(
        [python, "-m", "taxiway.runtime", "job", "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--store" in done.stdout


def test_the_wheel_holds_what_the_demo_needs(wheel):
    import zipfile

    names = zipfile.ZipFile(wheel).namelist()
    assert "taxiway/cli/demo/flight_delay/train.py" in names
    assert "taxiway/py.typed" in names
    assert [name for name in names if name.startswith("tests/") or "__pycache__" in name] == []
