"""Whether a connection to Slack can tell people; Slack is asked who the token is, and nothing is sent."""

from collections.abc import Iterator

from taxiway.core.errors import TaxiwayError
from taxiway.core.specs.alerts import SlackAlerts
from taxiway.stores.probe import Finding


def slack(conn_id: str) -> Iterator[Finding]:
    """Whether Slack takes the token of a connection, and what the app may do."""
    from airflow.models.connection import Connection

    from taxiway.hooks.channels import open_channel
    from taxiway.hooks.slack import SCOPES, SlackChannel

    check = f"Slack takes the token of the connection {conn_id!r}"
    try:
        channel = open_channel(SlackAlerts("-", conn_id), Connection.get_connection_from_secrets)
        channel.check()
    except TaxiwayError as error:
        yield Finding.of(check, error)
        return
    if not isinstance(channel, SlackChannel):
        told = "An incoming webhook can only be asked by sending something."
        yield Finding(check, ok=True, detail=told, asked=False)
        return
    yield Finding(check, ok=True)
    for scope, what_for in SCOPES.items():
        there = scope in channel.scopes
        detail = "" if there else f"It is needed {what_for}."
        remedy = "" if there else f"Add {scope} under 'OAuth & Permissions', and install the app again."
        yield Finding(f"the app has the scope {scope}", ok=there, detail=detail, remedy=remedy)
