"""Tells people what happened to a task or a run: through the outbox, so that it is told once, and surely."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, BaseNotifier
from airflow.sdk.exceptions import AirflowNotFoundException

from taxiway.core.records import load_spec
from taxiway.core.specs.alerts import AnyAlerts, NotifierAlerts, SlackAlerts
from taxiway.hooks import DEFAULT_CONN_ID
from taxiway.notifications.happenings import Event, happened

if TYPE_CHECKING:
    from airflow.sdk import Connection, Context

    from taxiway.core.notices import Notice
    from taxiway.hooks.notices import NoticeDesk

_log = logging.getLogger("airflow.task.taxiway")
_PATIENCE_S, _TIMEOUT_S = 10.0, 5


class NoticeNotifier(BaseNotifier):
    """Tells what happened, once; what cannot be delivered at once is delivered by a `notices_dag()`.

    For the callbacks of tasks and DAGs (`on_failure_callback=NoticeNotifier(SlackAlerts("#ml"))`), for an approval's
    `notifiers`, and for deadlines (`AsyncCallback(NoticeNotifier, kwargs={"alerts": dump_spec(SlackAlerts("#ml"))})`).
    It never fails what it is about: what goes wrong is in the log. In a backfill it says nothing.

    :param alerts: whom to tell.
    :param event: what to look out for; `failed` tells a refusal, a missed deadline and a failure apart by itself.
    :param taxiway_conn_id: id of the store's connection.
    :param context: given by Airflow where it constructs this itself.
    """

    def __init__(
        self,
        alerts: AnyAlerts | Mapping[str, Any],
        *,
        event: Event = "failed",
        taxiway_conn_id: str = DEFAULT_CONN_ID,
        context: "Context | None" = None,
    ) -> None:
        super().__init__(context)
        self.alerts = alerts
        self.event = event
        self.taxiway_conn_id = taxiway_conn_id

    def render_template_fields(self, context: "Context", jinja_env: Any = None) -> None:
        """Renders nothing: there are no templates, and a DAG's callback may come without what renders them."""

    def notify(self, context: "Context") -> None:
        """Tells it from the worker, the dag-processor or the executor."""
        from taxiway.hooks.store import TaxiwayHook

        try:
            notice = happened(context, self.event)
            if notice is not None:
                self._tell(TaxiwayHook(self.taxiway_conn_id).notices(timeout_s=_TIMEOUT_S), notice)
        except Exception:  # noqa: BLE001 - to tell of a thing must never break it
            _log.exception("People could not be told what happened; what it is about goes on")

    async def async_notify(self, context: "Context") -> None:
        """Tells it from the triggerer, whose event loop it does not hold up."""
        from taxiway.hooks.store import TaxiwayHook, open_notices

        try:
            notice = happened(context, self.event)
            if notice is not None:
                place = await TaxiwayHook(self.taxiway_conn_id).aplace()
                connect = await self._connect()
                desk = await asyncio.to_thread(open_notices, place, connect, timeout_s=_TIMEOUT_S)
                await asyncio.to_thread(self._tell, desk, notice)
        except Exception:  # noqa: BLE001 - to tell of a thing must never break it
            _log.exception("People could not be told what happened; what it is about goes on")

    def _tell(self, desk: "NoticeDesk", notice: "Notice") -> None:
        to = self._to()
        if is_news(notice, desk.last(notice.thread, to)):
            desk.tell(notice, to, patience_s=_PATIENCE_S)

    async def _connect(self) -> "Callable[[str], Connection]":
        """Gives the connection to Slack, which is resolved here, where it may be waited for."""
        to, known = self._to(), {}
        if isinstance(to, SlackAlerts):
            with contextlib.suppress(AirflowNotFoundException):
                known[to.conn_id] = await BaseHook.aget_connection(to.conn_id)

        def connect(conn_id: str) -> "Connection":
            if conn_id not in known:
                raise AirflowNotFoundException(conn_id)
            return known[conn_id]

        return connect

    def _to(self) -> AnyAlerts:
        if not isinstance(self.alerts, Mapping):
            return self.alerts
        if self.alerts.get("kind") == "slack":
            return load_spec(SlackAlerts, self.alerts)
        return load_spec(NotifierAlerts, self.alerts)


def is_news(notice: "Notice", last: "Notice | None") -> bool:
    """Whether the last word of the thread leaves this to be told.

    That a task has succeeded is news only where it had failed, and that a run has failed only where no task of it said
    so, and why.
    """
    what, task, *others = notice.key.split(" ")
    if what == "mended":
        return last is not None and last.key.startswith(f"failed {task} {others[0]} ")
    return what != "failed" or bool(task) or last is None or last.state not in ("failed", "refused")
