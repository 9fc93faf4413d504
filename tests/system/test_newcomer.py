"""As a new user would: a fresh environment, a plain Airflow, the wheel, `taxiway init`, and only its printed advice."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from system.standalone import end, free_port, until

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(1200)]
ROOT = Path(__file__).parents[2]
UV = shutil.which("uv")
if UV is None:
    pytest.skip("uv is not there. Run: pip install uv", allow_module_level=True)


class Newcomer:
    """Somebody at a shell in an empty home, with a fresh environment."""

    def __init__(self, home: Path) -> None:
        self.home, self.place = home, home
        self.port = free_port()
        ours = ("AIRFLOW", "TAXIWAY", "PYTHON", "PYTEST", "COVERAGE", "XDG")
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
            "HOME": str(home),
            "PATH": f"{home / 'venv' / 'bin'}{os.pathsep}{Path(UV).parent}{os.pathsep}/usr/local/bin:/usr/bin:/bin",
            "VIRTUAL_ENV": str(home / "venv"),
            "UV_CACHE_DIR": self.uv("cache", "dir"),
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{self.port}",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        }

    def uv(self, *words):
        return subprocess.run([UV, *words], check=True, capture_output=True, text=True, timeout=900).stdout.strip()

    def install(self):
        """Plain Airflow first, then the wheel with its extras."""
        python = str(self.home / "venv" / "bin" / "python")
        self.uv("venv", "--quiet", "--seed", "--python", sys.executable, str(self.home / "venv"))
        constraints = ["-c", str(ROOT / "docker" / "constraints.txt")]
        self.uv("pip", "install", "--python", python, *constraints, "apache-airflow==3.3.2")
        self.uv("build", "--quiet", "--wheel", "--out-dir", str(self.home / "dist"), str(ROOT))
        (wheel,) = (self.home / "dist").glob("*.whl")
        self.uv("pip", "install", "--python", python, *constraints, f"{wheel}[cli,data,sklearn]")

    def type(self, command):
        """What a command prints; a `cd` lasts, as it does in a shell."""
        if command.startswith("cd "):
            self.place = self.place / command.removeprefix("cd ")
            return ""
        command = command.replace("pip install pytest", "uv pip install -q pytest")  # the same package, from the cache
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.place,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def is_up(self):
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/api/v2/version", timeout=10, trust_env=False).is_success
        except httpx.TransportError:
            return False


def test_the_printed_advice_alone_leads_to_a_first_scheduled_model(tmp_path):
    me = Newcomer(tmp_path)
    me.install()
    started = time.monotonic()
    steps = {one["do"]: one["why"] for one in json.loads(me.type("taxiway init churn --json"))["next"]}
    *before, doctor, reserialize, trigger, show = steps
    me.place = tmp_path
    with (tmp_path / "standalone.log").open("wb") as log:
        assert "airflow standalone" in steps[doctor]
        airflow = subprocess.Popen(
            ["bash", "-c", "exec airflow standalone"],
            cwd=tmp_path,
            env=me.env,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            until(me.is_up, 300, (tmp_path / "standalone.log").read_text)
            for step in before:
                me.type(step)
            until(lambda: "All is well." in me.type(f"{doctor} || true"), 180, "the doctor has nothing to mend")
            me.type(reserialize)
            me.type(trigger)
            shown = until(lambda: "champion" in me.type(f"{show} || true") and me.type(show), 420, "a version is live")
        finally:
            end(airflow.pid)
            airflow.wait(20)
    assert "roc_auc" in shown
    details = me.type("airflow dags details churn.training --output json")
    assert "@weekly" in details or "0 0 * * 0" in details
    print(f"From `taxiway init` to a champion: {time.monotonic() - started:.0f} s")
