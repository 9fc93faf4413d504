"""What a run of a monitoring DAG is about: which stretch of time, and which version was live."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from taxiway.core.names import CHAMPION
from taxiway.core.specs.monitoring import Monitoring

if TYPE_CHECKING:
    from taxiway.core.monitoring import Live
    from taxiway.core.registry import RegistryState
    from taxiway.core.specs.data import Dataset
    from taxiway.core.training import Target
    from taxiway.core.windows import Window
    from taxiway.hooks.place import Place
    from taxiway.hooks.store import TaxiwayHook
    from taxiway.stores.journal import Journal

_INSTANT = timedelta(seconds=1)


class Span:
    """The window of a run, as templates see it: `{{ window.start }}` and `{{ window.end }}`, both in UTC.

    It is that of the run's configuration (`{"start": …, "end": …}`), else the run's data interval, else the newest one
    that was over when the run began; of a run that an event started, the second in which it did.
    """

    def __init__(self, context: Mapping[str, Any], schedule: str | None) -> None:
        self._context, self._schedule = context, schedule

    @property
    def start(self) -> datetime:
        """What happens then is in the window."""
        return self._both()[0]

    @property
    def end(self) -> datetime:
        """What happens then is not."""
        return self._both()[1]

    def _both(self) -> tuple[datetime, datetime]:
        from taxiway.core.windows import last_whole, moment

        run = self._context["dag_run"]
        said = getattr(run, "conf", None) or {}
        if said.get("start") and said.get("end"):
            return moment(str(said["start"])), moment(str(said["end"]))
        start, end = (self._context.get(f"data_interval_{name}") for name in ("start", "end"))
        if start and end and start < end:
            return start.astimezone(UTC), end.astimezone(UTC)
        began = (getattr(run, "run_after", None) or datetime.now(UTC)).astimezone(UTC)
        if self._schedule is None:
            whole = began.replace(microsecond=0)
            return whole, whole + _INSTANT
        return last_whole(self._schedule, began)


def window_of(context: Mapping[str, Any], model: str, asked: Monitoring, schedule: str | None) -> "Window":
    """The window of a run.

    Raises:
        SpecError: the run does not say which, or it has no length.
    """
    from taxiway.core.windows import window

    span = Span(context, schedule)
    return window(model, asked.population, span.start, span.end)


def live_version(hook: "TaxiwayHook", model: str, service: str | None, number: int | None = None) -> "Live | None":
    """The version that is live: of the service if it serves one, else the champion; None when there is none yet.

    With a number it is that version, which may not be live any more: then nobody knows since when it is.
    """
    from taxiway.core.monitoring import Live
    from taxiway.stores.registry import live_since

    registry = hook.registry()
    target = _target(registry.state(model), service)
    chosen = number or (target.number if target else None)
    if chosen is None:
        return None
    version = registry.version(model, chosen)

    def serving(state: "RegistryState") -> int | None:
        live = _target(state, service)
        return live.number if live else None

    return Live(
        number=chosen,
        model=version.model,
        profile=version.profile,
        baseline=version.baseline,
        since=live_since(hook.store(), model, chosen, serving),
    )


def _target(state: "RegistryState", service: str | None) -> "Target | None":
    serving = state.services.get(service) if service else None
    return serving.live if serving and serving.live else state.aliases.get(CHAMPION)


def open_journal(place: "Place", model: str, population: str) -> "Journal":
    """The journal of a model's incidents at a place."""
    from taxiway.stores.journal import Journal

    return Journal(place.open(), model, population)


def labels_fingerprint(dataset: "Dataset") -> str:
    """Changes whenever the labels do.

    Raises:
        SpecError: they cannot be listed.
    """
    from taxiway.stores.datasets import fingerprint

    return fingerprint(dataset)
