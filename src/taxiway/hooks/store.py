"""The store behind an Airflow connection of type `taxiway`."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from taxiway.core.errors import SpecError, TaxiwayError
from taxiway.core.specs.jobs import Where
from taxiway.hooks import DEFAULT_CONN_ID
from taxiway.hooks.access import OPTIONAL, Access, connection_of, whole
from taxiway.hooks.place import Place, configured, place_of

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from taxiway.core.evaluation import EvaluationReport
    from taxiway.core.gates import Clearance
    from taxiway.core.registry import Author
    from taxiway.core.validation import ValidationReport
    from taxiway.hooks.notices import NoticeDesk
    from taxiway.stores.blobs import Blobs
    from taxiway.stores.journal import Journal
    from taxiway.stores.objects import ObjectStore
    from taxiway.stores.registry import Registry


class TaxiwayHook(BaseHook):
    """Opens the store of a `taxiway` connection.

    The connection `taxiway_default` need not exist: then the store is the one of `[taxiway] store`.

    :param taxiway_conn_id: id of the connection.
    """

    conn_name_attr = "taxiway_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = "taxiway"
    hook_name = "Taxiway store"

    def __init__(self, taxiway_conn_id: str = DEFAULT_CONN_ID) -> None:
        super().__init__()
        self.taxiway_conn_id = taxiway_conn_id

    @functools.cached_property
    def place(self) -> Place:
        """Where the store is.

        Raises:
            SpecError: the connection is not defined, or names no store.
        """
        try:
            extra = self.get_connection(self.taxiway_conn_id).extra_dejson
        except AirflowNotFoundException:
            return self._configured()
        aws_conn_id = extra.get("aws_conn_id")
        aws = self.get_connection(aws_conn_id) if aws_conn_id else None
        return place_of(extra, aws, conn_id=self.taxiway_conn_id)

    async def aplace(self) -> Place:
        """The same for the event loop of a trigger: it keeps secrets out of what a deferred task leaves behind."""
        try:
            extra = (await self.aget_connection(self.taxiway_conn_id)).extra_dejson
        except AirflowNotFoundException:
            return self._configured()
        aws_conn_id = extra.get("aws_conn_id")
        aws = await self.aget_connection(aws_conn_id) if aws_conn_id else None
        return place_of(extra, aws, conn_id=self.taxiway_conn_id)

    def get_conn(self) -> "ObjectStore":
        """The store, under the name that Airflow has for it."""
        return self.store()

    def store(self) -> "ObjectStore":
        """The store."""
        return self.place.open()

    def blobs(self) -> "Blobs":
        """The content-addressed objects in the store."""
        from taxiway.stores.blobs import Blobs

        return Blobs(self.store())

    def registry(self) -> "Registry":
        """The registry in the store."""
        return open_registry(self.place)

    def journal(self, model: str, population: str) -> "Journal":
        """The journal of a model's incidents in the store."""
        from taxiway.stores.journal import Journal

        return Journal(self.store(), model, population)

    def keep_ruling(self, clearance: "Clearance", report: "EvaluationReport", *, by: "Author") -> None:
        """Keeps what was said about a candidate, and the report that it rests on, for people to find."""
        from taxiway.core.rulings import Ruling
        from taxiway.stores.commits import now
        from taxiway.stores.rulings import Rulings

        digest = self.blobs().put_record(report)
        ruling = Ruling(model=report.model.name, at=now(), by=by, clearance=clearance, report=digest)
        Rulings(self.store(), Ruling).keep(ruling)

    def keep_data_ruling(self, report: "ValidationReport", *, by: "Author") -> None:
        """Keeps what a contract said about a snapshot, likewise."""
        from taxiway.core.rulings import DataRuling
        from taxiway.stores.commits import now
        from taxiway.stores.rulings import Rulings

        Rulings(self.store(), DataRuling).keep(DataRuling(at=now(), by=by, report=report))

    def notices(self, *, timeout_s: int = 8) -> "NoticeDesk":
        """Queues notices in the store and delivers them; one request to Slack waits `timeout_s` seconds for bytes."""
        return open_notices(self.place, self.get_connection, timeout_s=timeout_s)

    def access(self, where: Where) -> Access:
        """All that it takes to run jobs there.

        Raises:
            SpecError: its connection is not defined, or its pod template cannot be read.
        """
        conn_id, conn = connection_of(where), None
        try:
            conn = self.get_connection(conn_id) if conn_id else None
        except AirflowNotFoundException:
            _require_optional(conn_id)
        return Access(self.place, whole(where), conn)

    async def aaccess(self, where: Where) -> Access:
        """The same for the event loop of a trigger."""
        conn_id, conn = connection_of(where), None
        try:
            conn = await self.aget_connection(conn_id) if conn_id else None
        except AirflowNotFoundException:
            _require_optional(conn_id)
        return Access(await self.aplace(), where, conn)

    def test_connection(self) -> tuple[bool, str]:
        """Whether the store can be opened and listed, and what to say about it."""
        try:
            store = self.store()
            next(iter(store.list("models/")), None)
        except TaxiwayError as error:
            return False, str(error)
        return True, f"The store at {store.uri} answers."

    def _configured(self) -> Place:
        if self.taxiway_conn_id != DEFAULT_CONN_ID:
            raise _undefined(self.taxiway_conn_id, "taxiway_conn_id", "taxiway")
        return configured()


def open_registry(place: Place) -> "Registry":
    """The registry at a place."""
    from taxiway.stores.registry import Registry

    return Registry(place.open())


def open_notices(place: Place, connect: "Callable[[str], Connection]", *, timeout_s: int = 8) -> "NoticeDesk":
    """What queues notices in a store and delivers them; `connect` gives the Airflow connection of an id."""
    from taxiway.hooks.channels import open_channel
    from taxiway.hooks.notices import NoticeDesk

    return NoticeDesk(place.open(), lambda to: open_channel(to, connect, timeout_s=timeout_s))


def _require_optional(conn_id: str | None) -> None:
    if conn_id not in OPTIONAL:
        raise _undefined(str(conn_id), "conn_id", "kubernetes or docker")


def _undefined(conn_id: str, where: str, kind: str) -> SpecError:
    return SpecError(
        f"there is no connection {conn_id!r}",
        where=where,
        do=f"Add a connection of type {kind!r} with this id, or correct the id.",
    )
