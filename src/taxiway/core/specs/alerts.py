"""Whom to tell, and over which channel, as an author writes it."""

import dataclasses
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import JsonValue

from taxiway.core.errors import SpecError
from taxiway.core.names import EntryPoint, canonical
from taxiway.core.records import spec
from taxiway.core.variants import OneOf


@spec
class SlackAlerts:
    """A Slack channel, through an Airflow connection.

    With a connection of type `slack` (a bot token) there is one message per incident or run, edited in place, with its
    changes in the thread. With one of type `slackwebhook` there is less: a message per change, no picture, no
    escalation, because a webhook can neither edit nor read.

    Attributes:
        channel: `#name` or an id such as `C0123456789`; a webhook has its own and ignores this.
        conn_id: id of the Airflow connection.
        owner: who looks after the model: a Slack user or group id (`U…`, `W…`, `S…`), which is mentioned in each new
            message, or a name in words.
        escalate_after: tells `escalate_to` when nobody has reacted or replied for so long; never by default. Something
            has to look: put a `notices_dag()` into a DAG file.
        escalate_to: a user or group id, `here` or `channel`; the owner by default.
    """

    channel: str
    conn_id: str = "slack_api_default"
    owner: str = ""
    escalate_after: timedelta | None = None
    escalate_to: str = ""
    kind: Literal["slack"] = dataclasses.field(default="slack", kw_only=True)

    def __post_init__(self) -> None:
        """Refuses a channel without a name, and an escalation before anybody could react."""
        if not self.channel.strip():
            raise SpecError(
                "there is no channel", where="SlackAlerts.channel", expected="'#name' or an id", do="Name one."
            )
        if self.escalate_after is not None and self.escalate_after <= timedelta(0):
            raise SpecError(
                "nobody can react that fast",
                where="SlackAlerts.escalate_after",
                expected="more than nothing",
                got=str(self.escalate_after),
                do="Give people some time.",
            )


@spec
class NotifierAlerts:
    """Any other Airflow notifier: e-mail, console, another chat. It is told each change by a call of its own.

    Attributes:
        notifier: its class, as `module:name`.
        arguments: what to construct it with; plain JSON data. Nothing in it is rendered as Jinja.
        title: its attribute for the title, in one line; none when it has none.
        text: its attribute for the whole in plain text.
        html: its attribute for the whole in HTML.
        owner: who looks after the model, in words.
    """

    notifier: EntryPoint
    arguments: Mapping[str, JsonValue] = dataclasses.field(default_factory=dict)
    title: str = ""
    text: str = ""
    html: str = ""
    owner: str = ""
    kind: Literal["notifier"] = dataclasses.field(default="notifier", kw_only=True)

    def __post_init__(self) -> None:
        """Refuses a notifier that would be told nothing."""
        if not (self.text or self.html):
            raise SpecError(
                "the notifier would be told nothing",
                where=f"NotifierAlerts({self.notifier!r})",
                expected="text=… or html=…, the attribute that takes the message",
                do="Name it: for the SMTP notifier html='html_content', title='subject'.",
            )


AnyAlerts = SlackAlerts | NotifierAlerts
Alerts = Annotated[AnyAlerts, OneOf()]


def address(alerts: AnyAlerts) -> str:
    """Where it goes, in one line: what stays the same when only the owner or the patience changes."""
    if isinstance(alerts, SlackAlerts):
        return f"slack {alerts.conn_id} {alerts.channel.strip()}"
    return f"notifier {alerts.notifier} {canonical(dict(alerts.arguments)).decode()}"
