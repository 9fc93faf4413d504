"""Buttons on a task's page."""

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink, conf

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class RecordLink(BaseOperatorLink):
    """Leads to the record that a task wrote: its verdicts, or its version."""

    @property
    def name(self) -> str:
        """What the button says."""
        return "Record"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:  # noqa: ARG002
        """The XCom tab of the task instance, from the root of the web server."""
        root = urlsplit(_base_url()).path.rstrip("/")
        return f"{root}{_path(ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)}/xcom"


class ModelLink(BaseOperatorLink):
    """Leads to the page of the model that a task works on."""

    @property
    def name(self) -> str:
        """What the button says."""
        return "Model"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:  # noqa: ARG002
        """The model's page, from the root of the web server; that of all models while its name is not known."""
        return _ours("models", _model_of(operator))


class DataLink(BaseOperatorLink):
    """Leads to the page of the dataset that a task looks at."""

    @property
    def name(self) -> str:
        """What the button says."""
        return "Data"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:  # noqa: ARG002
        """The dataset's page, from the root of the web server."""
        return _ours("data", str(getattr(getattr(operator, "dataset", None), "name", "")))


class EvidentlyLink(BaseOperatorLink):
    """Leads to the report that Evidently drew of a task's window."""

    @property
    def name(self) -> str:
        """What the button says."""
        return "Evidently"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:  # noqa: ARG002
        """The report's page, from the root of the web server; empty before the task knows its window."""
        from taxiway.core.monitoring import WindowPart

        parts = getattr(operator, "parts", None)
        if not isinstance(parts, list) or not parts:
            return ""
        window = WindowPart.load(parts[0]).window
        return _ours("drift", window.model, window.population, "evidently", window.slug)


class DriftLink(BaseOperatorLink):
    """Leads to the page of the population whose windows a task looks at."""

    @property
    def name(self) -> str:
        """What the button says."""
        return "Drift"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:  # noqa: ARG002
        """The population's page, from the root of the web server; that of all while none is known."""
        given = (getattr(operator, field, None) for field in operator.template_fields)
        found = next(filter(None, map(_population_in, given)), ())
        return _ours("drift", *found)


def _population_in(value: object) -> tuple[str, ...]:
    """The model and the population that a record is about, wherever in it that is said; nothing where it is not."""
    if isinstance(value, dict):
        if "population" in value and "model" in value:
            return str(value["model"]), str(value["population"])
        value = list(value.values())
    if isinstance(value, list | tuple):
        return next(filter(None, map(_population_in, value)), ())
    return ()


def _ours(*parts: str) -> str:
    """One of our pages in the frame of Airflow's: the frame keeps the whole path of what it shows behind its own."""
    root = urlsplit(_base_url()).path.rstrip("/")
    page = "/".join(quote(part, safe="") for part in parts if part)
    return f"{root}/plugin/models{root}/taxiway/{page}"


def _model_of(operator: "BaseOperator") -> str:
    """The name that a task's fields say: as text, or in the record that it was given."""
    named = getattr(operator, "model", None)
    if isinstance(named, str):
        return named
    for field in ("version", "report", "run"):
        given = getattr(operator, field, None)
        model = given.get("model") if isinstance(given, dict) else None
        if isinstance(model, dict):
            return str(model.get("name", ""))
    return ""


def page_of(dag_id: str, run_id: str, task_id: str = "", map_index: int = -1, tab: str = "") -> str:
    """The whole address of the page of a run or a task instance; empty while `[api] base_url` is not set."""
    base = _base_url().rstrip("/")
    return f"{base}{_path(dag_id, run_id, task_id, map_index)}{f'/{tab}' if tab else ''}" if base else ""


def drift_page(model: str, population: str) -> str:
    """The whole address of our page about a part of production; empty while `[api] base_url` is not set."""
    base = urlsplit(_base_url())
    return f"{base.scheme}://{base.netloc}{_ours('drift', model, population)}" if base.netloc else ""


def _base_url() -> str:
    return conf.get("api", "base_url", fallback="") or ""


def _path(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    dag, run, task = (quote(part, safe="") for part in (dag_id, run_id, task_id))
    mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
    return f"/dags/{dag}/runs/{run}/tasks/{task}{mapped}" if task else f"/dags/{dag}/runs/{run}"
