"""Recording: a sample of the traffic, held for a while in bounded memory, and handed to a process that writes it down.

Nothing here can cost a request: what the store does not take in time, or what there is no room for, is counted and
forgotten.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from taxiway.core.training import ModelRef
from taxiway.runtime.serving.frames import Ask, Told, pack_bytes, pack_message
from taxiway.runtime.serving.logs import say
from taxiway.runtime.serving.slot import Slot

_FLUSH_S = 60.0
_FULL_BYTES = 4 << 20
MOST_BYTES = 32 << 20
_WRITE_S = 120.0
_OK = 200


class Record(NamedTuple):
    """One request and its answer, as they came and went."""

    at: float
    name: str
    ask: Ask
    told: Told
    version: int
    slot: str
    seconds: float


class Recording:
    """Keeps a share of the traffic and has it written.

    Args:
        store: URI of the store.
        service: the service's name.
        share: of the requests, 0 to 1.
        most_bytes: how much may be held.
        flush_s: how long something is held.
    """

    def __init__(
        self, store: str, service: str, share: float, *, most_bytes: int = MOST_BYTES, flush_s: float = _FLUSH_S
    ) -> None:
        self._store = store
        self._service = service
        self._share = share
        self._most_bytes = most_bytes
        self._flush_s = flush_s
        self._owed = 0.0
        self._held: list[Record] = []
        self._size = 0
        self._owing = 0
        """Of those bytes, the ones on their way to the store."""
        self._models: dict[int, ModelRef] = {}
        self._secrets: dict[int, str] = {}
        self._writer = os.urandom(6).hex()
        self._number = 0
        self._waiting: list[tuple[int, list[Record]]] = []
        self._full = asyncio.Event()
        self._counts = {"written": 0, "lost": 0}

    def counts(self) -> Mapping[str, int]:
        """How many requests were written, and how many were to be but could not."""
        return self._counts

    def offer(self, name: str, ask: Ask, told: Told, slot: Slot, seconds: float) -> None:
        """Looks at one answer."""
        self._owed += self._share
        if self._owed < 1 or told.status != _OK:
            self._owed = min(self._owed, 1.0)
            return
        self._owed -= 1
        size = len(ask.body) + len(told.body)
        if self._size + size > self._most_bytes:
            self._counts["lost"] += 1
            return
        number = slot.target.number
        self._models[number], self._secrets[number] = slot.target.model, slot.secret
        self._held.append(Record(time.time(), name, ask, told, number, str(slot.ledger.slot), seconds))
        self._size += size
        if self._size - self._owing > _FULL_BYTES:
            self._full.set()

    async def run(self) -> None:
        """Has what is held written now and then, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), self._flush_s)
            self._full.clear()
            await self.flush(_WRITE_S)

    async def flush(self, patience_s: float) -> None:
        """Has everything written that is held, within so long; what cannot be is kept for the next time."""
        if self._held:
            self._number += 1
            self._waiting.append((self._number, self._held))
            self._held = []
            self._owing = self._size
        ends = time.monotonic() + patience_s
        while self._waiting:
            number, records = self._waiting[0]
            if not await self._write(number, records, ends - time.monotonic()):
                return
            self._waiting.pop(0)
            self._size -= _bytes(records)
            self._owing -= _bytes(records)
            self._counts["written"] += len(records)

    async def _write(self, number: int, records: list[Record], patience_s: float) -> bool:
        command = (sys.executable, "-m", "taxiway.runtime", "traffic")
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stderr=None)
        except OSError as error:
            say("the traffic log cannot be written", level="error", error=str(error))
            return False
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.communicate(self._order(number, records)), patience_s)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode == 0

    def _order(self, number: int, records: list[Record]) -> bytes:
        versions = {record.version for record in records}
        head: dict[str, Any] = {
            "store": self._store,
            "service": self._service,
            "writer": self._writer,
            "number": number,
            "models": {str(version): self._models[version].dump() for version in versions},
            "secrets": {str(version): self._secrets[version] for version in versions},
        }
        parts = [pack_message(head)]
        for each in records:
            about = each._asdict() | {"ask": each.ask._replace(body=b""), "told": each.told._replace(body=b"")}
            parts += [pack_message(about), pack_bytes(each.ask.body), pack_bytes(each.told.body)]
        return b"".join(parts)


def _bytes(records: list[Record]) -> int:
    return sum(len(each.ask.body) + len(each.told.body) for each in records)
