"""Data-parallel training with torch: the same function runs in one process, on several GPUs, or in several pods."""

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from taxiway.core.errors import SpecError
from taxiway.runtime.world import World

if TYPE_CHECKING:
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

_PATIENCE = timedelta(minutes=10)
"""How long the processes wait for each other before they take one of them for dead."""
_GONE = ("gloo/", "Connection closed by peer", "Connection reset by peer")
"""What gloo's errors say, which have no class of their own."""
_NCCL = {"TORCH_NCCL_ASYNC_ERROR_HANDLING": "1", "NCCL_DEBUG": "WARN"}


class Parallel:
    """This process among its fellows, in a training with torch. Alone, everything here does what the plain way would.

    Attributes:
        rank: its number, from 0.
        size: how many processes train together.
    """

    def __init__(self, world: World | None = None, *, seed: int = 0) -> None:
        self._world = world or World()
        self._seed = seed
        self._joined = False
        self.rank, self.size = self._world.rank, self._world.size

    @property
    def leads(self) -> bool:
        """Whether this process speaks for all: it alone logs metrics and keeps artefacts."""
        return self._world.leads

    @property
    def device(self) -> str:
        """Where this process computes: a GPU of its own where there is one, else the processor."""
        torch = _torch()
        return f"cuda:{self._world.local_rank}" if torch.cuda.is_available() else "cpu"

    def model(self, module: "nn.Module") -> "nn.Module":
        """The model on this process's device; with fellows, wrapped so that they all take the same steps."""
        torch = _torch()
        placed = module.to(self.device)
        if self.size == 1:
            return placed
        self.join()
        devices = [self._world.local_rank] if self.device.startswith("cuda") else None
        wrapped: nn.Module = torch.nn.parallel.DistributedDataParallel(placed, device_ids=devices)
        return wrapped

    def loader(
        self, rows: "Dataset[Any]", batch_size: int, *, shuffle: bool = True, **options: Any
    ) -> "DataLoader[Any]":
        """Batches of this process's share of the rows: `batch_size` rows each, another order in each epoch.

        Call `epoch(loader, number)` before each epoch, so that all processes shuffle alike.
        """
        from torch.utils.data import DataLoader
        from torch.utils.data.distributed import DistributedSampler

        sampler = DistributedSampler(
            rows, num_replicas=self.size, rank=self.rank, shuffle=shuffle, seed=self._seed, drop_last=False
        )
        return DataLoader(rows, batch_size=batch_size, sampler=sampler, **options)

    def epoch(self, loader: "DataLoader[Any]", number: int) -> None:
        """Begins an epoch: the order of the rows depends on the seed and on its number alone."""
        set_epoch = getattr(loader.sampler, "set_epoch", None)
        if set_epoch is not None:
            set_epoch(number)

    def mean(self, value: float) -> float:
        """The mean of a number over all processes."""
        if self.size == 1:
            return float(value)
        torch = _torch()
        self.join()
        held = torch.tensor([float(value)], dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(held)
        return float(held.item()) / self.size

    def any(self, flag: bool) -> bool:  # noqa: FBT001 - the one thing it is about
        """Whether it holds in any of the processes."""
        return bool(flag) if self.size == 1 else self.mean(float(flag)) > 0

    def agree(self, value: int) -> int:
        """What the first process says, in all of them."""
        if self.size == 1:
            return value
        torch = _torch()
        self.join()
        held = torch.tensor([value], dtype=torch.int64, device=self.device)
        torch.distributed.broadcast(held, src=0)
        return int(held.item())

    def join(self) -> None:
        """Meets the other processes; once. GPUs talk by NCCL, processors by gloo."""
        if self._joined or self.size == 1:
            return
        torch = _torch()
        for name, value in _NCCL.items():
            os.environ.setdefault(name, value)
        if self.device.startswith("cuda"):
            torch.cuda.set_device(self.device)
        torch.distributed.init_process_group("nccl" if self.device.startswith("cuda") else "gloo", timeout=_PATIENCE)
        self._joined = True

    def bereft(self, error: Exception) -> bool:
        """Whether an exception says no more than that another process is gone: whoever that was knows why."""
        if self.size == 1 or not isinstance(error, RuntimeError):
            return False
        return isinstance(error, _torch().distributed.DistError) or any(word in str(error) for word in _GONE)

    def leave(self) -> None:
        """Parts from the other processes."""
        if self._joined:
            _torch().distributed.destroy_process_group()
            self._joined = False


def _torch() -> Any:
    try:
        import torch
        import torch.distributed
        import torch.nn.parallel
    except ImportError:
        raise SpecError(
            "torch is not installed where the job runs", where="run.parallel", do="pip install 'taxiway[torch]'"
        ) from None
    return torch
