"""From an author's alerts to the channel they mean."""

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowNotFoundException

from taxiway.core.errors import SpecError
from taxiway.core.specs.alerts import AnyAlerts, NotifierAlerts, SlackAlerts

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from taxiway.core.delivery import Channel


def open_channel(to: AnyAlerts, connect: "Callable[[str], Connection]", *, timeout_s: int = 8) -> "Channel":
    """The channel that letters to these alerts go to.

    Args:
        to: what the author wrote.
        connect: gives the Airflow connection of an id.
        timeout_s: how long one request waits for bytes, in seconds.

    Raises:
        SpecError: the connection is not defined, or is none to Slack; or a package is missing.
    """
    if isinstance(to, NotifierAlerts):
        from taxiway.hooks.notifiers import NotifierChannel

        return NotifierChannel(to)
    from taxiway.hooks import slack

    if importlib.util.find_spec("slack_sdk") is None:
        raise SpecError("Slack needs its SDK", where="SlackAlerts", do="pip install 'taxiway[slack]'")
    return slack.open_channel(slack.access(_connection(to, connect), timeout_s=timeout_s), to)


def _connection(to: SlackAlerts, connect: "Callable[[str], Connection]") -> "Connection":
    try:
        return connect(to.conn_id)
    except AirflowNotFoundException:
        raise SpecError(
            f"there is no connection {to.conn_id!r}",
            where="SlackAlerts.conn_id",
            do="Add a connection of type 'slack' (bot token) or 'slackwebhook' with this id, or correct the id.",
        ) from None
