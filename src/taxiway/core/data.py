"""Data: one immutable snapshot of a dataset, and the objects it is made of."""

from collections.abc import Mapping

from pydantic import NonNegativeInt, PositiveInt

from taxiway.core.names import Digest, Name
from taxiway.core.records import Record
from taxiway.core.specs.data import Format, PersonalAction


class DataObject(Record):
    """One object of a snapshot.

    Attributes:
        path: relative to the snapshot's URI.
        size_bytes: its length.
        checksum: `sha256:<hex>` of its bytes, or `etag:<value>` where the store vouches for it.
        rows: how many rows it holds, if that is known without reading it.
        stored: where its bytes lie under that URI, if not at `path` (in the cache of DVC).
    """

    path: str
    size_bytes: NonNegativeInt
    checksum: str
    rows: NonNegativeInt | None = None
    stored: str | None = None

    @property
    def place(self) -> str:
        """Where its bytes lie, relative to the snapshot's URI."""
        return self.stored or self.path


class DatasetRef(Record):
    """One immutable snapshot of data.

    Attributes:
        name: the dataset's name.
        uri: the root that the objects' paths are relative to.
        digest: `manifest-sha256:…` when every object is named by the hash of its bytes, `manifest-etag:…` when at least
            one is named by its store's ETag; the hash of the canonical list of (path, size, checksum).
        manifest: digest of the blob that holds that list, `DataObject`s as JSON.
        format: how the rows are stored.
        rows: how many there are, if that is known without reading them.
        size_bytes: the sum over all objects.
        objects: how many objects there are.
        personal: the column policy of the dataset.
        at: the version of the table it was taken from, for Delta and Iceberg.
        sample_rows: only this many rows, the first ones, are meant (a manual trial run).
    """

    name: Name
    uri: str
    digest: Digest
    manifest: Digest
    format: Format
    rows: NonNegativeInt | None
    size_bytes: NonNegativeInt
    objects: NonNegativeInt
    personal: Mapping[str, PersonalAction] = {}
    at: int | None = None
    sample_rows: PositiveInt | None = None
