"""What the demo asks Airflow over its REST API."""

import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from taxiway.core.errors import BackendError, DeadlineExceeded

if TYPE_CHECKING:
    import httpx

ENDED = frozenset({"success", "failed"})
_TROUBLED_S = 30.0
"""How long a request is repeated that Airflow could not serve: its SQLite lets one write at a time."""
_CONFLICT, _MISSING = 409, 404
TASK_ENDED = ENDED | {"skipped", "upstream_failed", "removed"}


class TaskState(NamedTuple):
    """One task of a run, as Airflow sees it; `seconds` is none before it starts."""

    task_id: str
    state: str
    seconds: float | None
    tries: int


class Api:
    """A client of one Airflow on the loopback address."""

    def __init__(self, url: str, alive: Callable[[], None]) -> None:
        import httpx

        self.url = url
        self._alive = alive
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    def wait_until_up(self, within_s: float = 120) -> None:
        """Returns when the API answers and the scheduler and dag-processor are at work."""
        self._until(self._healthy, within_s, "Airflow did not come up")

    def wait_for_dags(self, *dag_ids: str, within_s: float = 90) -> None:
        """Returns when the DAGs have been read."""
        for dag_id in dag_ids:
            self._until(partial(self._exists, dag_id), within_s, f"DAG {dag_id!r} was not read")

    def trigger(self, dag_id: str, note: str, interval: tuple[str, str] | None = None) -> str:
        """Starts a run, of a stretch of time where one is given, and gives its id.

        It has its id from here, so that a request that is repeated starts no second one.
        """
        run_id = f"demo__{uuid.uuid4().hex}"
        body: dict[str, Any] = {"dag_run_id": run_id, "logical_date": None, "note": note}
        if interval:
            start, end = interval
            body |= {"logical_date": start, "data_interval_start": start, "data_interval_end": end}
        answer = self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)
        if answer.status_code != _CONFLICT:
            _checked(answer)
        return run_id

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """All runs, the newest first."""
        return list(self._ask("GET", f"/api/v2/dags/{dag_id}/dagRuns?order_by=-run_after&limit=20")["dag_runs"])

    def state(self, dag_id: str, run_id: str) -> str:
        """The state of a run."""
        return str(self._ask("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """The tasks of a run."""
        found = self._ask("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return [
            TaskState(task["task_id"], task["state"] or "waiting", task["duration"], task["try_number"])
            for task in found
        ]

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> dict[str, Any] | None:
        """What a task left; None when it left nothing."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}?stringify=false"
        answer = self._send("GET", path)
        if answer.status_code == _MISSING:
            return None
        value = _checked(answer)["value"]
        return dict(value) if isinstance(value, dict) else None

    def log(self, dag_id: str, run_id: str, task: TaskState, lines: int = 15) -> str:
        """The last lines that a task wrote."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/{max(1, task.tries)}"
        content = self._ask("GET", f"{path}?full_content=true")["content"]
        said = [line for entry in content for line in _said(entry)]
        return "\n".join(said[-lines:])

    def link(self, dag_id: str, run_id: str = "") -> str:
        """Where a person sees it."""
        return f"{self.url}/dags/{dag_id}{f'/runs/{run_id}' if run_id else ''}"

    def _healthy(self) -> bool:
        import httpx

        try:
            health = self._ask("GET", "/api/v2/monitor/health")
        except (httpx.TransportError, BackendError):
            return False
        return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))

    def _exists(self, dag_id: str) -> bool:
        for fault in self._ask("GET", "/api/v2/importErrors")["import_errors"]:
            raise BackendError("Airflow cannot read a DAG file", where=fault["filename"], got=fault["stack_trace"])
        return self._send("GET", f"/api/v2/dags/{dag_id}").is_success

    def _until(self, there: Callable[[], bool], within_s: float, what: str) -> None:
        ends_at = time.monotonic() + within_s
        while not there():
            self._alive()
            if time.monotonic() > ends_at:
                raise DeadlineExceeded(what, where=self.url, expected=f"it within {within_s:g} s")
            time.sleep(0.3)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return _checked(self._send(method, path, body))

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> "httpx.Response":
        if "Authorization" not in self._client.headers:
            token = _checked(self._repeated("GET", "/auth/token", None))["access_token"]
            self._client.headers["Authorization"] = f"Bearer {token}"
        return self._repeated(method, path, body)

    def _repeated(self, method: str, path: str, body: dict[str, Any] | None) -> "httpx.Response":
        ends_at = time.monotonic() + _TROUBLED_S
        while (answer := self._client.request(method, path, json=body)).is_server_error and time.monotonic() < ends_at:
            self._alive()
            time.sleep(0.3)
        return answer


def _said(entry: Any) -> list[str]:
    """One entry of a task's log: its event, and the exceptions it carries."""
    if not isinstance(entry, dict):
        return str(entry).splitlines()
    faults = [f"{fault['exc_type']}: {fault['exc_value']}" for fault in entry.get("error_detail") or ()]
    event = str(entry["event"])
    return [*([] if event.startswith("::") else event.splitlines()), *faults]


def _checked(answer: "httpx.Response") -> dict[str, Any]:
    if not answer.is_success:
        raise BackendError(
            "Airflow's API refused a request",
            where=f"{answer.request.method} {answer.request.url}",
            got=f"{answer.status_code}: {answer.text}",
        )
    return dict(answer.json())
