"""Waits for a version, or for an alias to move."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from taxiway.core.errors import BackendError
from taxiway.core.registry import RegistryState
from taxiway.core.training import Target
from taxiway.hooks.place import Place
from taxiway.hooks.store import TaxiwayHook, open_registry

_log = logging.getLogger("airflow.task.taxiway")


class RegistryTrigger(BaseEventTrigger):
    """Fires when an alias points beyond a version, or, without an alias, when a version beyond it was registered.

    The event is `{"model", "alias", "number"}`. It also serves in an `AssetWatcher`.

    Args:
        model: the model's name.
        alias: which alias; none for any registered version.
        beyond: fire on another version than this one for an alias, on a higher one without; 0 for any.
        taxiway_conn_id: the store's connection, resolved in the triggerer.
        poll_s: seconds between two looks.
    """

    def __init__(
        self,
        model: str,
        *,
        alias: str | None = None,
        beyond: int = 0,
        taxiway_conn_id: str = "taxiway_default",
        poll_s: float = 30.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.model, self.alias, self.beyond = model, alias, beyond
        self.taxiway_conn_id, self.poll_s = taxiway_conn_id, poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer builds this again from; plain JSON without secrets."""
        names = ("model", "alias", "beyond", "taxiway_conn_id", "poll_s")
        return "taxiway.triggers.registry.RegistryTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event."""
        place = await TaxiwayHook(self.taxiway_conn_id).aplace()
        while (number := await asyncio.to_thread(self._look, place)) is None:  # noqa: ASYNC110 - the store has no events
            await asyncio.sleep(self.poll_s)
        yield TriggerEvent({"model": self.model, "alias": self.alias, "number": number})  # type: ignore[no-untyped-call]

    def _look(self, place: Place) -> int | None:
        try:
            return arrived(open_registry(place).state(self.model), self.alias, self.beyond)
        except BackendError as error:
            _log.warning("Cannot see the registry at the moment: %s", error)
            return None


def arrived(state: RegistryState, alias: str | None, beyond: int) -> int | None:
    """The version that was waited for, or None while it is not there."""
    if alias is None:
        return state.last_number if state.last_number > beyond else None
    target: Target | None = state.aliases.get(alias)
    return target.number if target and target.number != beyond else None
