"""Waits for an incident, or for labels."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from taxiway.core.errors import TaxiwayError
from taxiway.core.records import load_spec
from taxiway.core.specs.data import Dataset
from taxiway.hooks.monitoring import labels_fingerprint, open_journal
from taxiway.hooks.place import Place
from taxiway.hooks.store import TaxiwayHook

_log = logging.getLogger("airflow.task.taxiway")


class DriftTrigger(BaseEventTrigger):
    """Fires whenever an incident of a model goes to one of some phases; made for an `AssetWatcher`.

    The event is `{"model", "population", "number", "phase", "severity", "why"}`.

    Args:
        model: the model's name.
        population: which part of the production.
        phases: which phases.
        already: fire at once where an incident is in one of them now.
        taxiway_conn_id: the store's connection, resolved in the triggerer.
        poll_s: seconds between two looks.
    """

    def __init__(
        self,
        model: str,
        *,
        population: str = "all",
        phases: Sequence[str] = ("confirmed",),
        already: bool = False,
        taxiway_conn_id: str = "taxiway_default",
        poll_s: float = 30.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.model, self.population, self.phases, self.already = model, population, tuple(phases), already
        self.taxiway_conn_id, self.poll_s = taxiway_conn_id, poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer builds this again from; plain JSON without secrets."""
        names = ("model", "population", "phases", "already", "taxiway_conn_id", "poll_s")
        given = {name: getattr(self, name) for name in names}
        return "taxiway.triggers.monitoring.DriftTrigger", {**given, "phases": list(self.phases)}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event for each step into such a phase."""
        place = await TaxiwayHook(self.taxiway_conn_id).aplace()
        seen: int | None = None
        while True:
            seen, events = await asyncio.to_thread(self._look, place, seen)
            for event in events:
                yield TriggerEvent(event)  # type: ignore[no-untyped-call]
            await asyncio.sleep(self.poll_s)

    def _look(self, place: Place, seen: int | None) -> tuple[int | None, list[dict[str, Any]]]:
        """The number of the newest entry, and what happened since the one that was seen before."""
        try:
            journal = open_journal(place, self.model, self.population)
            if seen is None:
                tip = journal.tip()
                now = tip.watched.incident if tip and self.already else None
                told = [_told(now, "it was so already")] if now and now.phase in self.phases else []
                return (tip.number if tip else 0), told
            entries = journal.after(seen)
        except TaxiwayError as error:
            _log.warning("Cannot see the journal at the moment: %s", error)
            return seen, []
        steps = [step for entry in entries for step in entry.steps if step.incident.phase in self.phases]
        return entries[-1].number if entries else seen, [_told(step.incident, step.why) for step in steps]


class LabelsTrigger(BaseTrigger):
    """Fires when a dataset with labels has changed, or when the waiting is over.

    The event is `{"changed": …}`.

    Args:
        dataset: the specification of the dataset, as JSON.
        known: its fingerprint when it was last looked at.
        ends_at: when to stop waiting, in seconds since 1970.
        taxiway_conn_id: the store's connection; labels lie elsewhere, and are found by the environment's credentials.
        poll_s: seconds between two looks.
    """

    def __init__(
        self, *, dataset: dict[str, Any], known: str, ends_at: float, taxiway_conn_id: str, poll_s: float = 300.0
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dataset, self.known, self.ends_at = dataset, known, ends_at
        self.taxiway_conn_id, self.poll_s = taxiway_conn_id, poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer builds this again from; plain JSON without secrets."""
        names = ("dataset", "known", "ends_at", "taxiway_conn_id", "poll_s")
        return "taxiway.triggers.monitoring.LabelsTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event."""
        changed = False
        while not changed and time.time() < self.ends_at:
            await asyncio.sleep(max(0.0, min(self.poll_s, self.ends_at - time.time())))
            changed = await asyncio.to_thread(self._changed)
        yield TriggerEvent({"changed": changed})  # type: ignore[no-untyped-call]

    def _changed(self) -> bool:
        try:
            return labels_fingerprint(load_spec(Dataset, self.dataset)) != self.known
        except TaxiwayError as error:
            _log.warning("Cannot see the labels at the moment: %s", error)
            return False


def _told(incident: Any, why: str) -> dict[str, Any]:
    return {
        "model": incident.model,
        "population": incident.population,
        "number": incident.number,
        "phase": str(incident.phase),
        "severity": str(incident.severity),
        "why": why,
    }
