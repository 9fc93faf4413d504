"""The follower: what a service shall serve, read from the log of its model, and the bytes of it, fetched and verified.

Everything here waits for the store, so the server calls it in a thread of its own. When there is nothing new, looking
costs one small request.
"""

import shutil
import time
from collections.abc import Collection
from pathlib import Path

from taxiway.core.errors import TaxiwayError
from taxiway.core.registry import Register
from taxiway.core.serving import Phase, ServiceState
from taxiway.core.training import ModelRef, Target
from taxiway.runtime.signing import Signers
from taxiway.stores.blobs import Blobs, folder_digest
from taxiway.stores.log import Log
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry
from taxiway.stores.services import Services

POLL_PATIENCE_S = 5.0
_FROM_SCRATCH_S = 60.0
"""How often the end of the log is looked for anew: a log that was restored from a backup may be shorter."""
_SPARE_FOLDERS = 2
_HIDDEN = "."
"""What a folder's name begins with while it is being fetched."""


class Follower:
    """Reads one service of one store.

    Attributes:
        model: which model the service serves; None while nobody has said so.
        news: flavours of the versions that were registered since somebody looked here: one may be served soon.

    Args:
        store: URI of the store.
        service: the service's name.
        cache: a private folder for the bytes of models.
        version: the version to serve, whatever the log says.
        signers: whose signature the bytes of a model need; none when that is not asked for.
    """

    def __init__(
        self, store: str, service: str, cache: Path, *, version: int | None = None, signers: Signers | None = None
    ) -> None:
        self.model: str | None = None
        self.news: list[str] = []
        self._service = service
        self._version = version
        self._signers = signers
        self._signed: set[str] = set()
        self._store = open_store(store, patience_s=POLL_PATIENCE_S)
        self._blobs = Blobs(open_store(store))
        self._cache = cache
        for half in cache.glob(f"{_HIDDEN}*"):  # of a server that was killed while it fetched
            shutil.rmtree(half, ignore_errors=True)
        self._key = b""
        self._number = -1
        self._looked_at = 0.0
        self._state: ServiceState | None = None

    def state(self) -> ServiceState | None:
        """What the service shall serve now; None while nobody has said so.

        Raises:
            BackendError: the store does not answer.
            IntegrityError: the log is broken.
        """
        if self.model is None:
            self.model = Services(self._store).model(self._service)
            if self.model is None:
                return None
        if self._version is not None:
            self._state = self._state or self._pinned(self.model, self._version)
            return self._state
        log = Log(self._store, self.model)
        if self._number < 0 or time.monotonic() - self._looked_at > _FROM_SCRATCH_S:
            tip = log.tip()
            self._number, self._looked_at = tip.number, time.monotonic()
            self._state = tip.state.services.get(self._service)
        while (commit := log.after(self._number)) is not None:
            self._number += 1
            if isinstance(commit.change, Register):
                self.news.append(commit.change.entry.model.flavour)
            self._state = commit.state.services.get(self._service)
        return self._state

    def _pinned(self, model: str, version: int) -> ServiceState:
        found = Registry(self._store).version(model, version)
        live = Target(number=version, model=found.model)
        return ServiceState(service=self._service, model=model, generation=1, live=live, phase=Phase.LIVE)

    def folder(self, ref: ModelRef) -> Path:
        """The folder that holds the bytes of a model, fetched if they are not there, and verified either way.

        Raises:
            BackendError: the store does not answer.
            IntegrityError: the bytes in the store are not the ones that were registered, or a signature is missing.
            NotFound: they are gone.
        """
        if self._signers is not None and ref.digest not in self._signed:
            self._signers.require(ref, self._store)
            self._signed.add(ref.digest)
        place = self._cache / ref.digest.rpartition(":")[2]
        if place.is_dir() and not _is_whole(place, ref.digest):
            shutil.rmtree(place)
        if not place.is_dir():
            self._blobs.fetch_folder(ref.digest, place)
        place.touch()
        return place

    def secret(self, ref: ModelRef) -> str:
        """The key of the pseudonyms that a model was trained on, in hexadecimal digits; empty when it was on none.

        Raises:
            BackendError: the store does not answer.
        """
        if "hash" not in ref.trained_on.personal.values():
            return ""
        if not self._key:
            from taxiway.runtime.data import personal_key

            self._key = personal_key(self._store)
        return self._key.hex()

    def forget(self, used: Collection[str]) -> None:
        """Removes the bytes of models, but for those in use, by digest, and the last few: they may be gone back to."""
        names = {digest.rpartition(":")[2] for digest in used}
        there = [path for path in self._cache.iterdir() if path.is_dir() and path.name not in names]
        there = [path for path in there if not path.name.startswith(_HIDDEN)]
        for path in sorted(there, key=lambda path: path.stat().st_mtime)[:-_SPARE_FOLDERS]:
            shutil.rmtree(path, ignore_errors=True)


def _is_whole(place: Path, digest: str) -> bool:
    try:
        return folder_digest(place) == digest
    except (TaxiwayError, OSError):
        return False


def explain(error: Exception) -> str:
    """Why something could not be loaded, in one sentence."""
    return str(error) if isinstance(error, TaxiwayError) else f"{type(error).__name__}: {error}"
