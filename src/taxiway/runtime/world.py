"""Which of the processes of a job this is: `torchrun` starts several for one training, in one pod or in many."""

import os
from collections.abc import Mapping
from typing import NamedTuple


class World(NamedTuple):
    """One process among its fellows.

    Attributes:
        rank: its number, 0 to `size` - 1. The first one delivers the result.
        size: how many there are, on all machines together.
        local_rank: its number on its machine, which is also that of its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @classmethod
    def here(cls, env: Mapping[str, str] = os.environ) -> "World":
        """As `torchrun` says in the environment; alone where it does not."""
        if "RANK" not in env or "WORLD_SIZE" not in env:
            return cls()
        return cls(int(env["RANK"]), int(env["WORLD_SIZE"]), int(env.get("LOCAL_RANK", "0")))

    @property
    def leads(self) -> bool:
        """Whether this is the process that speaks for all."""
        return self.rank == 0
