"""The library of the connection `taxiway_default`: opened on first use, again when the connection has changed."""

import threading
import time
from typing import Annotated

from fastapi import Depends

from taxiway.hooks.place import Place
from taxiway.hooks.store import TaxiwayHook
from taxiway.ui.library import Library

_BELIEVED_S = 30.0


class Shop:
    """Opens the library, once per process and connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._place: Place | None = None
        self._library: Library | None = None
        self._asked_at = 0.0

    def library(self) -> Library:
        """The library.

        Raises:
            SpecError: the connection names no store.
        """
        with self._lock:
            if self._library is None or time.monotonic() - self._asked_at > _BELIEVED_S:
                place = TaxiwayHook().place
                if self._library is None or place != self._place:
                    self._library, self._place = Library(place.open()), place
                self._asked_at = time.monotonic()
            return self._library


_SHOP = Shop()


def library() -> Library:
    """What the pages of this process read."""
    return _SHOP.library()


LibraryDep = Annotated[Library, Depends(library)]
