"""Checkpoints: what a training keeps of itself so that the next attempt need not begin at the beginning."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.jobs import JobKey
from taxiway.core.names import digest_of
from taxiway.core.records import dump_spec
from taxiway.core.stages import TrainWork
from taxiway.runtime.parallel import Parallel
from taxiway.runtime.stopping import Stop

if TYPE_CHECKING:
    from taxiway.stores.objects import ObjectStore

_DIGITS = 20
_EVERY_S = 600.0


class Checkpoint(NamedTuple):
    """One saved state: the step it was saved at, and the folder that holds it."""

    step: int
    folder: Path


class Checkpoints:
    """The checkpoints of one training: the same task, function, parameters, seed and data, whichever attempt it is.

    A checkpoint is a folder. Its files are written first and what names them last, so that one that was cut off does
    not exist. The first checkpoint of a step stays. Where several processes train together each keeps a folder of its
    own, and a step counts when all of them did; folders that are alike are stored once.

    Args:
        store: where they lie.
        scope: whose they are.
        scratch: a private folder for what is fetched.
        stop: whether the job was asked to stop.
        parallel: its processes, where it has several.
    """

    def __init__(
        self,
        store: "ObjectStore",
        scope: str,
        scratch: Path,
        *,
        stop: Stop | None = None,
        parallel: Parallel | None = None,
    ) -> None:
        self._store, self._scratch = store, scratch
        self._prefix = f"checkpoints/{scope}/"
        self._stop, self.parallel = stop or Stop(), parallel or Parallel()
        self._saved_at = time.monotonic()

    def due(self, every_s: float = _EVERY_S) -> bool:
        """Whether to save now: the last time was `every_s` seconds ago, or the job was asked to stop.

        Whoever asks this after each step loses at most that much when a pod is evicted: `save` then ends the job, once
        the state is kept.
        """
        self._stop.heeded = True
        return self.parallel.any(self._stop.told or time.monotonic() - self._saved_at >= every_s)

    def save(self, step: int, folder: Path) -> None:
        """Keeps a folder, or a single file, as the state at a step; ends the job afterwards if it was asked to stop.

        Raises:
            SpecError: there is no such folder or file, or the step is negative.
            Stopped: the job was asked to stop.
        """
        from taxiway.stores.blobs import Blobs

        self._stop.heeded = True
        folder = Path(folder)
        if step < 0 or not folder.exists():
            raise SpecError(
                "there is nothing to keep as a checkpoint",
                where="run.checkpoint.save",
                expected="a step of 0 or more and a folder that exists",
                got=f"step {step}, {folder}",
                do="Write the state into a folder under run.scratch first.",
            )
        if folder.is_file():
            folder = _alone(folder, self._scratch / f"step-{step}")
        blob = Blobs(self._store).put_folder(folder)
        entry = json.dumps({"step": step, "folder": blob.digest}, sort_keys=True).encode()
        self._store.create(f"{self._prefix}{step:0{_DIGITS}d}/{part(self.parallel.rank, self.parallel.size)}", entry)
        self._saved_at = time.monotonic()
        self._stop.told = self.parallel.any(self._stop.told)
        self._stop.obey()

    def load(self) -> Checkpoint | None:
        """The newest state that was saved whole, or None when there is none.

        Raises:
            SpecError: another number of processes saved it, each a state of its own.
        """
        from taxiway.stores.blobs import Blobs

        found = newest(entry.path.removeprefix(self._prefix) for entry in self._store.list(self._prefix))
        step = self.parallel.agree(-1 if found is None else found[0])
        if step < 0:
            return None
        folder = Blobs(self._store).fetch_folder(self._folder(step), self._scratch / f"from-step-{step}")
        return Checkpoint(step, folder)

    def _folder(self, step: int) -> str:
        """Digest of the folder that this process resumes from."""
        rank, size = self.parallel.rank, self.parallel.size
        prefix = f"{self._prefix}{step:0{_DIGITS}d}/"
        whole = newest(f"{step}/{entry.path.removeprefix(prefix)}" for entry in self._store.list(prefix))
        parts = whole[1] if whole else size
        if parts == size:
            return self._entry(f"{prefix}{part(rank, size)}")
        folders = {self._entry(f"{prefix}{part(each, parts)}") for each in range(parts)}
        if len(folders) > 1:
            raise SpecError(
                "another number of processes saved this checkpoint, each its own part",
                where=f"step {step}",
                expected=f"{size} parts",
                got=f"{parts} parts",
                do="Resume with as many nodes and GPUs as before, or change a parameter to begin anew.",
            )
        return folders.pop()

    def _entry(self, path: str) -> str:
        try:
            return str(json.loads(self._store.get(path))["folder"])
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError("a checkpoint's entry is not what was written", where=path, got=str(error)) from error


def part(rank: int, size: int) -> str:
    """What the entry of one of the processes is called."""
    return f"{rank:06d}-of-{size:06d}.json"


def newest(paths: Iterable[str]) -> tuple[int, int] | None:
    """The newest step of which every process kept its part, and how many they were; None where there is none.

    Paths are `STEP/RANK-of-SIZE.json`.
    """
    kept: dict[tuple[int, int], int] = {}
    for path in paths:
        step, size = int(path.partition("/")[0]), int(path.removesuffix(".json").rpartition("-")[2])
        kept[step, size] = kept.get((step, size), 0) + 1
    return max((which for which, parts in kept.items() if parts == which[1]), default=None)


def scope(key: JobKey, work: TrainWork) -> str:
    """What the attempts of one training have in common, as 32 hexadecimal digits."""
    training = dump_spec(work.training)
    what = [key.dag_id, key.task_id, key.map_index, training["function"], training["params"], work.training.seed]
    rows = [work.dataset.digest, work.dataset.sample_rows, dump_spec(work.holdout) if work.holdout else None]
    return digest_of([work.model, what, rows]).removeprefix("sha256:")[:32]


def _alone(file: Path, folder: Path) -> Path:
    """A folder that holds nothing but this file."""
    import shutil

    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(file, folder / file.name)
    return folder
