"""Waits for a job."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from taxiway.hooks.jobs import Started, Watch
from taxiway.hooks.store import TaxiwayHook


class JobTrigger(BaseTrigger):
    """Fires when a job has a result; the task reads it. Cancels the job when a person ends or clears the task.

    What the job prints goes to the task's log meanwhile.

    Args:
        taxiway_conn_id: the store's connection, resolved in the triggerer, so that no secret is serialized.
        job: which job, as `Started.dump` has it.
        poll_s: the longest pause between two looks, in seconds.
    """

    def __init__(self, *, taxiway_conn_id: str, job: dict[str, Any], poll_s: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.taxiway_conn_id = taxiway_conn_id
        self.job, self.poll_s = job, poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer builds this again from; plain JSON without secrets."""
        arguments = {"taxiway_conn_id": self.taxiway_conn_id, "job": self.job, "poll_s": self.poll_s}
        return "taxiway.triggers.jobs.JobTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event, when there is a result: the job, and up to where its output was shown."""
        watch = await self._watch()
        while await asyncio.to_thread(watch.look) is None:
            self._show(await asyncio.to_thread(watch.said))
            await asyncio.sleep(watch.pause_s())
        yield TriggerEvent({**self.job, "position": watch.position})  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Cancels the job: somebody cleared the task or marked it; a restart of the triggerer does not come here."""
        watch = await self._watch()
        await asyncio.to_thread(watch.cancel, "the task was cleared or marked by a person")

    async def _watch(self) -> Watch:
        hook, job = TaxiwayHook(self.taxiway_conn_id), Started.load(self.job)
        access = await hook.aaccess(job.where)
        return await asyncio.to_thread(lambda: Watch(access.desk, job, poll_s=self.poll_s))

    def _show(self, text: str) -> None:
        for line in text.splitlines():
            self.log.info("%s", line)
