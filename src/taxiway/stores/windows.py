"""Windows: what the replicas had counted when a generation began to be judged, so that its own counts can be told.

`windows/<service>/<generation>.json` and, where logged requests were sent again, the same with `-replay`; both
put-if-absent, so that whoever judges the generation next counts from the same moment.
"""

from collections.abc import Sequence

from taxiway.core.counts import Counts, Origin, Reading
from taxiway.core.names import check_name
from taxiway.stores.entries import decode, encode
from taxiway.stores.objects import ObjectStore


class Windows:
    """The windows of one service.

    Every method raises `BackendError` when the store fails and `IntegrityError` when an object is broken.
    """

    def __init__(self, store: ObjectStore, service: str) -> None:
        self._store = store
        self._root = f"windows/{check_name(service)}/"

    def open(self, generation: int, readings: Sequence[Reading]) -> Origin:
        """The window of a generation: the one that is there, else one that begins with these readings."""
        path = f"{self._root}{generation:010}.json"
        window = Origin(generation=generation, readings=tuple(readings))
        if self._store.read(path) is None and self._store.create(path, encode(window)):
            return window
        return decode(Origin, self._store.get(path), self._store.uri + path)

    def origin(self, generation: int) -> Origin | None:
        """The window of a generation; None while it is not judged."""
        path = f"{self._root}{generation:010}.json"
        data = self._store.read(path)
        return None if data is None else decode(Origin, data, self._store.uri + path)

    def keep_replay(self, generation: int, counts: Counts) -> Counts:
        """What came of sending logged requests again; what was kept first stays."""
        path = self._replay(generation)
        self._store.create(path, encode(counts))
        return decode(Counts, self._store.get(path), self._store.uri + path)

    def replay(self, generation: int) -> Counts | None:
        """The same, or None while no requests were sent again."""
        data = self._store.read(self._replay(generation))
        return None if data is None else decode(Counts, data, self._store.uri + self._replay(generation))

    def _replay(self, generation: int) -> str:
        return f"{self._root}{generation:010}-replay.json"
