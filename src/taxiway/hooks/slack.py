"""A Slack channel behind an Airflow connection: with a bot token, and, with less, an incoming webhook."""

import dataclasses
import http.client
import logging
import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from taxiway.core.blocks import Mark, Message, mark_of, message, note, update
from taxiway.core.delivery import AnswerLost, Letter, Receipt
from taxiway.core.errors import BackendError, SpecError
from taxiway.core.specs.alerts import SlackAlerts
from taxiway.hooks.clock import within
from taxiway.hooks.slack_faults import REFUSED_BLOCKS, REFUSED_EDIT, code_of, left_alone, told, translated

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from slack_sdk import WebClient
    from slack_sdk.errors import SlackApiError
    from slack_sdk.http_retry import RetryHandler
    from slack_sdk.webhook import WebhookResponse

T = TypeVar("T")
_SHORT_WAIT_S = 5
"""A `Retry-After` up to this is slept off within the call; a longer one ends the turn."""
_PICTURE_S = 10.0
"""How long Slack may take to make an image of an upload before the message goes without it."""
_SKEW_S = 300.0
"""How far the clocks of this machine and of Slack may be apart."""
_PAGE, _READING_S = 500, 30.0
"""How many messages are read at a time, and for how long altogether, before it is given up for now."""
SCOPES = {
    "chat:write": "to send and edit messages",
    "files:write": "to show charts",
    "channels:history": "to find its messages again, and to see who reacts (groups:history for a private channel)",
    "channels:read": "to look a channel up by its name (not needed where SlackAlerts names its id)",
}
"""What an app needs, and what for."""
_ID = re.compile(r"[CGD][A-Z0-9]{8,}")
_SILENT = logging.getLogger("taxiway.slack")
"""The SDK logs what it sends at DEBUG; this logger never does."""
_SILENT.setLevel(logging.CRITICAL)


@dataclasses.dataclass(frozen=True)
class SlackAccess:
    """What a connection says; its secret is never printed.

    Attributes:
        conn_id: whose it is, for sentences.
        token: the bot token, or the webhook's address.
        webhook: whether it is a webhook.
        base_url: of the Web API; Slack's own by default.
        proxy: an HTTP proxy.
        timeout_s: how long one request waits for bytes, in seconds.
    """

    conn_id: str
    token: str = dataclasses.field(repr=False)
    webhook: bool = False
    base_url: str = "https://slack.com/api/"
    proxy: str | None = None
    timeout_s: int = 8

    @property
    def call_s(self) -> float:
        """The longest that one call takes, in seconds, with everything that the SDK repeats."""
        return 3.0 * self.timeout_s


def access(connection: "Connection", *, timeout_s: int = 8) -> SlackAccess:
    """What an Airflow connection of type `slack` or `slackwebhook` says.

    Raises:
        SpecError: it is of another type, or has no token.
    """
    where = f"connection {connection.conn_id!r}"
    if connection.conn_type not in ("slack", "slackwebhook"):
        raise SpecError(
            "this is no connection to Slack",
            where=where,
            expected="type 'slack' (bot token) or 'slackwebhook'",
            got=repr(connection.conn_type),
            do="Correct conn_id in SlackAlerts(…), or the type of the connection.",
        )
    token = (connection.password or "").strip()
    if not token:
        raise SpecError(
            "the connection has no token",
            where=where,
            do="Put the app's bot token (xoxb-…), or the webhook's URL, into its password.",
        )
    extra, webhook = connection.extra_dejson, connection.conn_type == "slackwebhook"
    if webhook and "://" not in token:
        token = f"{_webhook_root(connection)}/{token.lstrip('/')}"
    return SlackAccess(
        conn_id=connection.conn_id,
        token=token,
        webhook=webhook,
        base_url=str(_extra(extra, "base_url") or SlackAccess.base_url),
        proxy=_extra(extra, "proxy"),
        timeout_s=timeout_s,
    )


def open_channel(access: SlackAccess, to: SlackAlerts) -> "SlackChannel | SlackWebhook":
    """The channel that a letter is for."""
    return SlackWebhook(access) if access.webhook else SlackChannel(access, to.channel.strip())


class SlackChannel:
    """A channel of a workspace, through the Web API and a bot token; a `Board`."""

    edits: Literal[True] = True

    def __init__(self, access: SlackAccess, channel: str) -> None:
        self._access = access
        self._channel = channel
        self._where = f"connection {access.conn_id!r}, channel {channel!r}"
        self._own_user = ""
        self.scopes = frozenset[str]()

    def check(self) -> None:
        """Asks Slack who we are, and what we may."""
        with translated(self._where):
            said = self._within(lambda: _client(self._access, again=True).auth_test())
        self._own_user = str(said.get("user_id") or "")
        self.scopes = frozenset(re.findall(r"[\w.:]+", str(said.headers.get("X-OAuth-Scopes") or "")))

    def post(self, message: Message, *, under: Receipt | None = None, aloud: bool = False) -> Receipt:
        """Sends a message; it is sent once or, when its answer was lost, perhaps once."""
        where = {"channel": under.channel if under else self._channel}
        thread = {"thread_ts": under.ts, "reply_broadcast": aloud} if under else {}
        said = self._say("chat_postMessage", {**where, **thread}, message)
        return Receipt(part="", at=time.time(), channel=str(said["channel"]), ts=str(said["ts"]))

    def find(self, wanted: Callable[[Mark], bool], *, since: float, under: Receipt | None = None) -> Receipt | None:
        """Reads the channel from then on, or the thread."""
        channel = under.channel if under else self._channel_id()
        found = self._thread(under) if under else self._history(channel, since - _SKEW_S)
        for one in sorted(found, key=lambda one: float(one.get("ts") or 0)):
            mark = mark_of(one)
            if mark is not None and wanted(mark):
                return Receipt(part=mark.part, at=time.time(), number=mark.number, channel=channel, ts=str(one["ts"]))
        return None

    def show(self, at: Receipt, message: Message) -> bool:
        """Edits a message; editing it again changes nothing."""
        return self._say("chat_update", {"channel": at.channel, "ts": at.ts}, message) is not None

    def heard(self, at: Receipt) -> bool:
        """Whether anybody but the app itself has reacted to the message or its thread, or replied."""
        return any(self._is_from_a_person(one) for one in self._thread(at))

    def upload(self, data: bytes, *, name: str, alt: str) -> str:
        """Uploads a PNG that is not shared yet: the message that shows it shares it."""
        with translated(self._where):
            said = self._within(
                lambda: _client(self._access, again=False).files_upload_v2(
                    filename=name, file=data, title=alt, alt_txt=alt
                )
            )
        return str(said["file"]["id"])

    def remove(self, at: Receipt) -> None:
        """Deletes a message of our own."""
        self._call("chat_delete", channel=at.channel, ts=at.ts)

    def _say(self, method: str, where: dict[str, Any], message: Message) -> Any:
        """Sends a message, without its picture or its layout if Slack will not have it otherwise.

        None when it is an edit that the team's settings forbid.
        """
        from slack_sdk.errors import SlackApiError

        ends = time.monotonic() + _PICTURE_S
        with translated(self._where):
            while True:
                try:
                    return self._ask(method, again=method == "chat_update", **where, **message)
                except SlackApiError as error:
                    code = code_of(error)
                    if code in REFUSED_EDIT:
                        return None
                    if code not in REFUSED_BLOCKS or not message["blocks"]:
                        raise
                    if _about_picture(error) and time.monotonic() < ends:
                        time.sleep(1.0)
                    else:
                        message = _simpler(message)

    def _call(self, method: str, **params: Any) -> Any:
        """What Slack answers to a call that may be made twice."""
        with translated(self._where):
            return self._ask(method, again=True, **params)

    def _ask(self, method: str, *, again: bool, **params: Any) -> Any:
        client = _client(self._access, again=again)
        return self._within(lambda: getattr(client, method)(**params).data)

    def _within(self, call: Callable[[], T]) -> T:
        return within(call, self._access.call_s)

    def _history(self, channel: str, since: float) -> Iterator[dict[str, Any]]:
        """The channel's messages since then."""
        asked = {"channel": channel, "oldest": f"{since:.6f}", "include_all_metadata": True}
        return self._pages("conversations_history", "messages", **asked)

    def _thread(self, at: Receipt) -> Iterator[dict[str, Any]]:
        """A message and its replies."""
        asked = {"channel": at.channel, "ts": at.ts, "include_all_metadata": True}
        return self._pages("conversations_replies", "messages", **asked)

    def _channel_id(self) -> str:
        """The channel's id: only those may be read. A name is looked up."""
        name = self._channel.removeprefix("#")
        if _ID.fullmatch(name):
            return name
        for kind in ("public_channel", "private_channel"):  # the second needs a scope of its own: only if it must be
            for one in self._pages("conversations_list", "channels", types=kind, exclude_archived=False):
                if one.get("name") == name:
                    return str(one["id"])
        raise told("channel_not_found", self._where)

    def _pages(self, method: str, what: str, **params: Any) -> Iterator[dict[str, Any]]:
        cursor, ends = "", time.monotonic() + _READING_S
        while True:
            page = self._call(method, limit=_PAGE, **({"cursor": cursor} if cursor else {}), **params)
            yield from page.get(what) or ()
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return
            if time.monotonic() > ends:
                raise BackendError(
                    "there is more to read than there was time", where=self._where, do="It is tried again."
                )

    def _is_from_a_person(self, one: dict[str, Any]) -> bool:
        people = {user for reaction in one.get("reactions") or () for user in reaction.get("users") or ()}
        people |= {one["user"]} if one.get("user") and not one.get("bot_id") else set()
        return bool(people - {self._own_user})


class SlackWebhook:
    """An incoming webhook; a `OneWay` channel."""

    edits: Literal[False] = False

    def __init__(self, access: SlackAccess) -> None:
        self._access = access
        self._where = f"connection {access.conn_id!r} (an incoming webhook)"

    def check(self) -> None:
        """Nothing: a webhook can only be asked by sending something."""

    def send(self, letters: tuple[Letter, ...], *, again: bool) -> None:
        """Sends the newest letter as a message, with those before it as lines under it."""
        newest = letters[-1]
        made = message(newest.notice, owner=newest.to.owner)
        earlier = update([one.notice for one in letters[:-1]])["blocks"] if len(letters) > 1 else []
        notes = [note("This may have been sent before: whoever sent it was cut off.")] if again else []
        response = self._post({**made, "blocks": [*made["blocks"], *earlier, *notes]})
        if response.status_code == http.client.TOO_MANY_REQUESTS:
            raise left_alone(response.headers, self._where)
        if response.status_code >= http.client.INTERNAL_SERVER_ERROR:
            raise AnswerLost(f"Slack answered with status {response.status_code}", where=self._where)
        if response.status_code != http.client.OK:
            raise told(str(response.body)[:100], self._where)

    def _post(self, made: Message) -> "WebhookResponse":
        from slack_sdk import WebhookClient

        own = self._access
        client = WebhookClient(
            own.token, timeout=own.timeout_s, proxy=own.proxy, retry_handlers=_handlers(again=False), logger=_SILENT
        )
        with translated(self._where):
            return within(lambda: client.send_dict(made), own.call_s)


def _client(own: SlackAccess, *, again: bool) -> "WebClient":
    from slack_sdk import WebClient

    return WebClient(
        token=own.token,
        base_url=own.base_url,
        timeout=own.timeout_s,
        proxy=own.proxy,
        retry_handlers=_handlers(again=again),
        logger=_SILENT,
    )


def _handlers(*, again: bool) -> "list[RetryHandler]":
    """The SDK's own handlers. What was asked is asked again after a lost connection only if that does no harm."""
    from slack_sdk.http_retry.builtin_handlers import (
        ConnectionErrorRetryHandler,
        RateLimitErrorRetryHandler,
        ServerErrorRetryHandler,
    )

    class ShortWaits(RateLimitErrorRetryHandler):
        """Sleeps off a short `Retry-After`; a longer one is not slept in a call."""

        def _can_retry(self, *, response: Any = None, **others: Any) -> bool:
            waits = super()._can_retry(response=response, **others)
            return waits and left_alone(response.headers, "").wait_s <= _SHORT_WAIT_S

    patient = [ConnectionErrorRetryHandler(max_retry_count=1), ServerErrorRetryHandler(max_retry_count=1)]
    return [ShortWaits(max_retry_count=2), *(patient if again else [])]


def _simpler(made: Message) -> Message:
    """The message without its picture; a message without a picture without its layout."""
    blocks = [block for block in made["blocks"] if block["type"] != "image"]
    return {**made, "blocks": blocks if len(blocks) < len(made["blocks"]) else []}


def _about_picture(error: "SlackApiError") -> bool:
    return "slack_file" in str(error.response.data) or "slack file" in str(error.response.data)


def _extra(extra: dict[str, Any], name: str) -> str | None:
    """A field of the connection's extra, under its name of today or of old."""
    return extra.get(name) or extra.get(f"extra__slack__{name}") or None


def _webhook_root(connection: "Connection") -> str:
    host = connection.host or "hooks.slack.com/services"
    return (host if "://" in host else f"{connection.schema or 'https'}://{host}").rstrip("/")
