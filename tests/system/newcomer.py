"""An Airflow as a new user has it: a fresh environment, plain Airflow, our wheel, and one DAG file copied.

Nothing is configured but where it listens: a free port of the loopback address, under a base path.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Self

import httpx
from flight_delay import lake

from system.standalone import end, free_port, until

ROOT = Path(__file__).parents[2]
BASE = "/tower"
DAG, TASK = "flight-delay.training", "registry.register"


def uv(*words: str) -> str:
    program = shutil.which("uv")
    done = subprocess.run([str(program), *words], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def install(folder: Path) -> Path:
    """The interpreter of an environment with plain Airflow, into which the wheel was installed afterwards."""
    uv("build", "--wheel", "--out-dir", str(folder / "dist"), str(ROOT))
    wheel = next((folder / "dist").glob("*.whl"))
    python = folder / "venv" / "bin" / "python"
    constraints = ["-c", str(ROOT / "docker" / "constraints.txt")]
    uv("venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
    uv("pip", "install", "--quiet", "--python", str(python), *constraints, "apache-airflow==3.3.2")
    uv("pip", "install", "--quiet", "--python", str(python), *constraints, f"{wheel}[data,sklearn]")
    return python


class Newcomer:
    """One `airflow standalone` of that environment."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.origin}{BASE}"
        self.store = f"{(folder / 'taxiway').as_uri()}/"
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "TAXIWAY", "PYTHON"))
        }
        self.env = {
            **kept,
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW_VAR_LAKE": f"{(folder / 'lake').as_uri()}/",
        }

    def __enter__(self) -> Self:
        python = install(self.folder)
        shutil.copytree(ROOT / "dags" / "flight_delay", self.folder / "dags" / "flight_delay")
        shutil.copy(ROOT / "dags" / "01_lifecycle.py", self.folder / "dags")
        lake.write(self.folder / "lake", range(1, 3))
        lake.write(self.folder / "lake", range(12, 13))
        self.env["PATH"] = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        with (self.folder / "standalone.log").open("wb") as log:
            self.process = subprocess.Popen(
                [str(python), "-m", "airflow", "standalone"],
                env=self.env,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            until(lambda: self._answers(f"/api/v2/dags/{DAG}"), 420, "")
        except TimeoutError:
            self.__exit__()
            raise TimeoutError(self.tail()) from None
        return self

    def __exit__(self, *_: object) -> None:
        from taxiway.runtime.launch import end_launchers

        end(self.process.pid)
        self.process.wait(10)
        end_launchers(self.folder / "jobs")

    @property
    def password(self) -> str:
        """Of the user `admin`, where Airflow leaves it."""
        return json.loads((self.folder / "simple_auth_manager_passwords.json.generated").read_text())["admin"]

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        with httpx.Client(timeout=120, trust_env=False) as client:
            who = {"username": "admin", "password": self.password}
            token = client.post(f"{self.url}/auth/token", json=who).json()["access_token"]
            return client.request(method, self.url + path, json=body, headers={"Authorization": f"Bearer {token}"})

    def train(self) -> str:
        """Switches the training DAG on, whose schedule starts it at once, and gives the run's id at its end."""
        assert self.call("PATCH", f"/api/v2/dags/{DAG}", {"is_paused": False}).is_success

        def ended() -> dict[str, str] | None:
            runs = self.call("GET", f"/api/v2/dags/{DAG}/dagRuns").json()["dag_runs"]
            return runs[0] if runs and runs[0]["state"] in {"success", "failed"} else None

        run = until(ended, 900, "the training did not end")
        assert run["state"] == "success", self.tail()
        return run["dag_run_id"]

    def tail(self) -> str:
        return (self.folder / "standalone.log").read_text(errors="replace")[-3000:]

    def _answers(self, path: str) -> bool:
        assert self.process.poll() is None, self.tail()
        try:
            return self.call("GET", path).is_success
        except (httpx.TransportError, ValueError, KeyError, FileNotFoundError):
            return False
