"""A real Airflow for tests: `airflow standalone` on a free port of the loopback address, over any database."""

import contextlib
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import httpx
import psutil

from operators import stages
from slack_server import Slack

HERE = Path(__file__).parent
AIRFLOW = (sys.executable, "-m", "airflow")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, seconds: float, what: str):
    """What `condition` gives as soon as it gives something."""
    ends_at = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > ends_at:
            raise TimeoutError(what)
        time.sleep(0.3)
    return found


@contextlib.contextmanager
def postgresql():
    """A PostgreSQL of the test's own, as the user `postgres` where the test is root; gives its SQLAlchemy URL."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    folder, port = Path(tempfile.mkdtemp(prefix="taxiway-pg-")), free_port()
    who = []
    if os.getuid() == 0:
        who = ["runuser", "-u", "postgres", "--"]
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, grp.getgrnam("postgres").gr_gid)
    made = [*who, str(programs / "initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", "airflow", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, cwd="/")
    options = ["-p", str(port), "-k", str(folder), "-h", "127.0.0.1", "-c", "fsync=off"]
    server = subprocess.Popen(
        [*who, str(programs / "postgres"), "-D", f"{folder}/data", *options],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        create = [str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "airflow", "airflow"]
        until(lambda: not subprocess.run(create, capture_output=True, check=False).returncode, 60, "no PostgreSQL")
        yield f"postgresql+psycopg2://airflow@127.0.0.1:{port}/airflow"
    finally:
        end(server.pid)
        server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def end(pid: int) -> None:
    """Ends a process and everything that came of it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        family = [*root.children(recursive=True), root]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGTERM)
        _, left = psutil.wait_procs(family, timeout=15)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


class Standalone:
    """One running `airflow standalone` and what the tests ask of it."""

    def __init__(self, folder: Path, database: str | None, *, slack: Slack | None = None, **environment: str) -> None:
        self.folder, self.port, self.slack = folder, free_port(), slack
        self.url = f"http://127.0.0.1:{self.port}"
        stages.write_rows(folder / "lake" / "rows")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        self.env = {
            **kept,
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW_VAR_LAKE": f"{(folder / 'lake').as_uri()}/",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(HERE.parent),
            "TAXIWAY_STATE": str(folder / "jobs"),
            "TAXIWAY_TEST_FOLDER": str(folder),
            **({"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database} if database else {}),
            **({"AIRFLOW_CONN_SLACK_API_DEFAULT": slack.connection()} if slack else {}),
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    ready_when = "/api/v2/dags/approved.training"
    """What answers when the DAGs of the tests are there."""

    def __enter__(self) -> Self:
        with (self.folder / "standalone.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*AIRFLOW, "standalone"],
                env=self.env,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            until(lambda: self._get(self.ready_when), 300, "")
        except TimeoutError:
            self.__exit__()
            raise TimeoutError(self.tail()) from None
        return self

    def __exit__(self, *_) -> None:
        from taxiway.runtime.launch import end_launchers

        end(self.process.pid)
        self.process.wait(10)
        end_launchers(self.folder / "jobs")

    def tail(self) -> str:
        return (self.folder / "standalone.log").read_text(errors="replace")[-3000:]

    def call(self, method: str, path: str, body=None) -> httpx.Response:
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False) as client:
            token = client.get("/auth/token").json()["access_token"]
            return client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})

    def trigger(self, dag_id: str) -> str:
        """Starts a run without a logical date."""
        answer = self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None})
        assert answer.is_success, answer.text
        return answer.json()["dag_run_id"]

    def task(self, dag_id: str, run_id: str, task_id: str) -> str:
        return f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        found = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances").json()
        return {task["task_id"]: task["state"] for task in found["task_instances"]}

    def finish(self, dag_id: str, run_id: str, seconds: float = 180) -> str:
        """The state a run ends in."""

        def ended():
            state = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").json()["state"]
            return state if state in {"success", "failed"} else None

        try:
            return until(ended, seconds, "")
        except TimeoutError:
            raise TimeoutError(f"{self.states(dag_id, run_id)}\n{self.tail()}") from None

    def _get(self, path: str) -> bool:
        assert self.process is None or self.process.poll() is None, self.tail()
        try:
            return self.call("GET", path).is_success
        except (httpx.TransportError, ValueError, KeyError):
            return False


class Parts(Standalone):
    """The same Airflow as four processes, each of which can be killed and started again."""

    parts = ("api-server", "scheduler", "dag-processor", "triggerer")

    def __init__(self, folder: Path, database: str, **environment: str) -> None:
        super().__init__(folder, database, **environment)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        subprocess.run([*AIRFLOW, "db", "migrate"], env=self.env, cwd=self.folder, check=True, capture_output=True)
        for name in self.parts:
            self.start(name)
        try:
            until(lambda: self._get(self.ready_when), 300, "")
        except TimeoutError:
            self.__exit__()
            raise TimeoutError(self.tail()) from None
        return self

    def __exit__(self, *_) -> None:
        from taxiway.runtime.launch import end_launchers

        for process in self.running.values():
            end(process.pid)
            process.wait(10)
        end_launchers(self.folder / "jobs")

    def start(self, name: str) -> None:
        """Starts a part, and after it was killed, starts it again."""
        with (self.folder / "standalone.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [*AIRFLOW, name],
                env=self.env,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """Kills a part, and every process below it, as a machine that fails would."""
        family = [psutil.Process(self.running[name].pid)]
        family += family[0].children(recursive=True)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.running[name].wait(10)
