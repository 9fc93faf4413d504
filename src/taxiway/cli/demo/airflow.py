"""A private Airflow: its settings, its processes, and their end."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from taxiway.cli.demo.home import Home
from taxiway.core.errors import BackendError, SpecError

HOST = "127.0.0.1"
_MARK = "TAXIWAY_DEMO_HOME"
_MIGRATE_S = 120
_GRACE_S = 8
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


def free_port(wanted: int | None = None) -> int:
    """A free port of the loopback address: the wanted one, else any.

    Raises:
        SpecError: the wanted one is in use.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or 0))
        except (OSError, OverflowError) as error:
            raise SpecError(
                f"port {wanted} cannot be used: {error}", where="--port", do="Choose another, or leave it out."
            ) from None
        return int(probe.getsockname()[1])


def settings(home: Home, port: int, serving: int) -> dict[str, str]:
    """The environment of every process of this Airflow: nothing of another Airflow's settings is left in it."""
    url = f"http://{HOST}:{port}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "TAXIWAY"))}
    ours = {
        "CORE__DAGS_FOLDER": str(home.dags),
        "CORE__PLUGINS_FOLDER": str(home.airflow / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__PARALLELISM": "4",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__FERNET_KEY": "",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home.airflow}/airflow.db",
        "API__HOST": HOST,
        "API__PORT": str(port),
        "API__BASE_URL": url,
        "API__SECRET_KEY": secrets.token_urlsafe(32),
        "API__INSTANCE_NAME": "Taxiway demo",
        "API_AUTH__JWT_SECRET": secrets.token_urlsafe(32),
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        "LOGGING__BASE_LOG_FOLDER": str(home.airflow / "logs"),
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        "TAXIWAY__STORE": home.store.as_uri(),
    }
    return {
        **kept,
        **{f"AIRFLOW__{name}": value for name, value in ours.items()},
        "AIRFLOW_HOME": str(home.airflow),
        "TAXIWAY_STATE": str(home.jobs),
        "TAXIWAY_DEMO_PORT": str(serving),
        "NO_PROXY": HOST,
        "no_proxy": HOST,
        _MARK: str(home.root),
    }


class Airflow:
    """The components of one Airflow, as child processes in sessions of their own.

    Args:
        home: its folder.
        port: where its pages are.
        serving: where the service of its recipe answers.
    """

    def __init__(self, home: Home, port: int, serving: int) -> None:
        self.home = home
        self.url = f"http://{HOST}:{port}"
        self._env = settings(home, port, serving)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def migrate(self) -> "subprocess.Popen[bytes]":
        """Starts to create the database; `wait_for_database` waits for it."""
        return self._spawn("db-migrate", ("db", "migrate"))

    def wait_for_database(self, migration: "subprocess.Popen[bytes]") -> None:
        """Returns when the database is there.

        Raises:
            BackendError: it could not be made, or not in two minutes.
        """
        try:
            code = migration.wait(_MIGRATE_S)
        except subprocess.TimeoutExpired:
            code = None
        if code != 0:
            raise BackendError(
                "Airflow's database could not be created",
                where=str(self.log("db-migrate")),
                got=tail(self.log("db-migrate")),
            )

    def start(self, *components: str) -> None:
        """Starts components that do not run yet."""
        for name in components:
            self._running[name] = self._spawn(name, COMPONENTS[name])

    def check(self) -> None:
        """Returns while all components run.

        Raises:
            BackendError: one has ended; the end of its log says why.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise BackendError(
                    f"Airflow's {name} ended with exit code {process.returncode}",
                    where=str(self.log(name)),
                    got=tail(self.log(name)),
                )

    def log(self, component: str) -> Path:
        """The file a component prints to."""
        return self.home.logs / f"{component}.log"

    def stop(self) -> None:
        """Ends everything that belongs to this home: components, tasks, jobs and launchers, of earlier demos, too."""
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        ends_at = time.monotonic() + _GRACE_S
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, ends_at - time.monotonic()))
        self._running.clear()
        sweep(self.home)

    def _spawn(self, name: str, words: tuple[str, ...]) -> "subprocess.Popen[bytes]":
        with self.log(name).open("ab") as out:
            return _popen([sys.executable, "-m", "airflow", *words], self._env, self.home.root, out)


def _popen(command: list[str], env: dict[str, str], folder: Path, out: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        env=env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def sweep(home: Home, within_s: float = _GRACE_S) -> int:
    """Ends every process that carries this home's mark, and gives how many there were.

    Raises:
        BackendError: some are still there when the time is over.
    """
    import psutil  # type: ignore[import-untyped]

    found = list(_marked(home))
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
    psutil.wait_procs(found, timeout=within_s / 2)
    left = list(_marked(home))
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _, stuck = psutil.wait_procs(left, timeout=within_s / 2)
    if stuck:
        raise BackendError("some processes do not end", where=str(home.root), got=[process.pid for process in stuck])
    return len(found)


def _marked(home: Home) -> Iterator[Any]:
    """The processes that were started with this home in their environment or, as launchers are, on their command."""
    import psutil

    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            named = any(word.startswith(f"{home.jobs}{os.sep}") for word in process.cmdline())
            if named or process.environ().get(_MARK) == str(home.root):
                yield process


def tail(file: Path, lines: int = 12) -> str:
    """The last lines of a file."""
    try:
        return "\n".join(file.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
