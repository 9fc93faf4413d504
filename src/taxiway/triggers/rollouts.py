"""Waits until something is to be done about a rollout."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from taxiway.core.errors import BackendError, TaxiwayError
from taxiway.core.records import dump_spec, load_spec
from taxiway.core.registry import Author
from taxiway.core.rollouts import Action, Decision, Tally
from taxiway.core.specs.serving import Service
from taxiway.hooks.rollouts import Pilot
from taxiway.hooks.serving import afield
from taxiway.hooks.store import TaxiwayHook

_SLACK_S = 600.0
"""How much later than the rollout's own deadline it fires in any case."""
_log = logging.getLogger("airflow.task.taxiway")


def waiting(pilot: Pilot, decision: Decision) -> dict[str, Any]:
    """What a trigger must know, besides the store's connection, to look on where a pilot decided to wait."""
    began = decision.state.began_at or decision.state.since
    at = datetime.fromisoformat(began).timestamp() if began else time.time()
    return {
        "service": dump_spec(pilot.course.service),
        "course": pilot.where(),
        "tally": decision.tally.dump(),
        "by": pilot.by.dump(),
        "ends_at": at + pilot.course.service.deadline.total_seconds() + _SLACK_S,
    }


class RolloutTrigger(BaseTrigger):
    """Looks at a rollout again and again, and fires when there is something to do; the task does it.

    It changes nothing, so two of them, or one that starts again, do no harm. When a person ends or clears the task, the
    candidate is given up.

    Args:
        taxiway_conn_id: the store's connection, resolved in the triggerer, so that no secret is serialized.
        service: the recipe's service, as JSON.
        course: what the rollout is to do, as `Pilot.where` has it.
        tally: what was seen so far in this stage, as JSON.
        by: who says so in the log, as JSON.
        ends_at: when to fire in any case, in seconds since 1970.
    """

    def __init__(
        self,
        *,
        taxiway_conn_id: str,
        service: dict[str, Any],
        course: dict[str, Any],
        tally: dict[str, Any],
        by: dict[str, Any],
        ends_at: float,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.taxiway_conn_id = taxiway_conn_id
        self.service, self.course = service, course
        self.tally, self.by, self.ends_at = tally, by, ends_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer builds this again from; plain JSON without secrets."""
        names = ("taxiway_conn_id", "service", "course", "tally", "by", "ends_at")
        return "taxiway.triggers.rollouts.RolloutTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event: what was seen, so that the task goes on from there."""
        pilot = await self._pilot()
        tally, pause_s, said = Tally.load(self.tally), pilot.course.service.every.total_seconds(), ""
        while time.time() < self.ends_at:
            try:
                decision = await asyncio.to_thread(pilot.look, tally)
            except BackendError as error:
                _log.warning("Cannot see the rollout at the moment: %s", error)
            except TaxiwayError as error:
                _log.warning("%s", error)  # the task meets it, too, and says so
                break
            else:
                if decision.action is not Action.HOLD:
                    break
                tally = decision.tally
                if decision.reason != said:
                    said = decision.reason
                    self.log.info("%s", said)
            await asyncio.sleep(pause_s)
        yield TriggerEvent({"tally": tally.dump(), "course": self.course})  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Gives the candidate up: a person ended the task; a restart of the triggerer does not come here."""
        pilot = await self._pilot()
        await asyncio.to_thread(pilot.give_up, "the task was cleared or marked by a person")

    async def _pilot(self) -> Pilot:
        service, course = load_spec(Service, self.service), self.course
        found = await afield(TaxiwayHook(self.taxiway_conn_id), service, course["model"])
        return await asyncio.to_thread(
            found.pilot,
            course["rollout"],
            by=Author.load(self.by),
            version=course["version"],
            candidate=course["candidate"],
        )
