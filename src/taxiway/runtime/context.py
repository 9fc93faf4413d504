"""What a stage function is given besides its work."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from taxiway.core.jobs import JobKey
from taxiway.runtime.stopping import Stop
from taxiway.runtime.world import World

if TYPE_CHECKING:
    from taxiway.stores.objects import ObjectStore


@dataclass(frozen=True)
class Job:
    """The job a stage function runs in.

    Attributes:
        key: which logical attempt it is.
        store: where records and bytes go.
        scratch: a private folder (0700) on the local disk, removed when the job ends.
        stop: whether somebody asked the job to stop.
        world: which of the job's processes this is.
    """

    key: JobKey
    store: ObjectStore
    scratch: Path
    stop: Stop = field(default_factory=Stop)
    world: World = field(default_factory=World)
