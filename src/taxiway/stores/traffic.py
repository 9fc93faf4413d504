"""The traffic log: a sample of what a service was asked and answered, as Parquet, a folder per hour.

`traffic/<service>/<yyyy-mm-dd>/<hh>/v<version>-<writer>-<number>.parquet`, in UTC. A file holds rows of one version and
is never changed; a row is one row of a request. See docs/concepts/serving.md for its columns.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from taxiway.core.names import check_name
from taxiway.stores.objects import ObjectStore

if TYPE_CHECKING:
    import polars as pl

AT, REQUEST, ROW, VERSION, DIGEST, SLOT, SECONDS = (
    "at", "request_id", "row", "version", "digest", "slot", "seconds",
)  # fmt: skip
INPUT, PREDICTION, SCORE = "input.", "prediction", "score"
"""Inputs are `input.<column>`; scores of more than two classes are `score_<label>`."""
_FILE = re.compile(r"v(?P<version>\d+)-(?P<writer>[0-9a-z]+)-(?P<number>\d+)\.parquet")
_HOUR = timedelta(hours=1)


class TrafficFile(NamedTuple):
    """One file of the log.

    Attributes:
        path: in the store.
        hour: the start of the hour whose requests it holds, UTC.
        version: the version that answered them.
        size_bytes: its length.
    """

    path: str
    hour: datetime
    version: int
    size_bytes: int


class TrafficLog:
    """The traffic log of one service.

    Every method raises `BackendError` when the store fails.
    """

    def __init__(self, store: ObjectStore, service: str) -> None:
        self._store = store
        self._root = f"traffic/{check_name(service)}/"

    def write(self, hour: datetime, version: int, writer: str, number: int, data: bytes) -> str:
        """Puts a file where it belongs and gives its path; writing the same again does nothing.

        Args:
            hour: any moment of the hour whose requests it holds.
            version: the version that answered them.
            writer: who writes: a word that no other process has.
            number: of the file among the writer's.
            data: the file.
        """
        path = f"{self._folder(hour)}v{version}-{writer}-{number:06d}.parquet"
        self._store.create(path, data)
        return path

    def files(self, since: datetime, until: datetime, *, version: int | None = None) -> list[TrafficFile]:
        """The files with requests from `since` up to but without `until`, by hour; of one version if one is given."""
        return [
            file
            for hour in _hours(since, until)
            for file in self._hour(hour)
            if version is None or file.version == version
        ]

    def read(self, since: datetime, until: datetime, *, version: int | None = None) -> "pl.DataFrame":
        """The rows of requests from `since` up to but without `until`, oldest first; no columns when there are none.

        Versions that read other columns have nulls in those they do not have.
        """
        import polars as pl

        frames = [pl.read_parquet(self._store.get(file.path)) for file in self.files(since, until, version=version)]
        if not frames:
            return pl.DataFrame()
        rows = pl.concat(frames, how="diagonal_relaxed")
        return rows.filter((pl.col(AT) >= _utc(since)) & (pl.col(AT) < _utc(until))).sort(AT, REQUEST, ROW)

    def _hour(self, hour: datetime) -> Iterator[TrafficFile]:
        for info in self._store.list(self._folder(hour)):
            match = _FILE.fullmatch(info.path.rpartition("/")[2])
            if match:
                yield TrafficFile(info.path, hour, int(match["version"]), info.size_bytes)

    def _folder(self, hour: datetime) -> str:
        return f"{self._root}{_utc(hour):%Y-%m-%d/%H}/"


def _hours(since: datetime, until: datetime) -> Iterator[datetime]:
    hour = _utc(since).replace(minute=0, second=0, microsecond=0)
    while hour < _utc(until):
        yield hour
        hour += _HOUR


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
