"""What Slack says is wrong, in our words: one table."""

import http.client
import json
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from taxiway.core.delivery import AnswerLost, LeftAlone, MessageGone
from taxiway.core.errors import BackendError, SpecError, TaxiwayError

if TYPE_CHECKING:
    from slack_sdk.errors import SlackApiError


class _Fault(NamedTuple):
    error: type[TaxiwayError]
    what: str
    do: str


_TOKEN = "Put the bot token of an installed app (xoxb-…) into the password of the connection."  # noqa: S105 - a sentence
_INVITE = "Correct the channel, or invite the app to it: /invite @<the app's name>."
_ALLOW = "Ask an administrator of the workspace to let the app post there."
_WEBHOOK = "Make a new incoming webhook in the app's settings and put its URL into the password of the connection."
_LATER = "It is tried again."
_FAULTS = {
    "invalid_auth": _Fault(SpecError, "Slack does not know this token", _TOKEN),
    "not_authed": _Fault(SpecError, "the connection has no token", _TOKEN),
    "account_inactive": _Fault(SpecError, "the token's account or workspace was removed", _TOKEN),
    "token_revoked": _Fault(SpecError, "the token was revoked", _TOKEN),
    "token_expired": _Fault(SpecError, "the token has expired", _TOKEN),
    "not_allowed_token_type": _Fault(SpecError, "this is another kind of token", _TOKEN),
    "channel_not_found": _Fault(SpecError, "the app sees no such channel", _INVITE),
    "not_in_channel": _Fault(SpecError, "the app is not in the channel", _INVITE),
    "is_archived": _Fault(SpecError, "the channel is archived", "Name another channel, or take it out of the archive."),
    "restricted_action": _Fault(SpecError, "the workspace restricts who may post in the channel", _ALLOW),
    "access_denied": _Fault(SpecError, "the workspace denies access", _ALLOW),
    "no_permission": _Fault(SpecError, "the token's user may not do this", _ALLOW),
    "ekm_access_denied": _Fault(SpecError, "an administrator has suspended posting", _ALLOW),
    "message_not_found": _Fault(MessageGone, "somebody deleted the message", "A new one is sent."),
    "thread_not_found": _Fault(MessageGone, "somebody deleted the message of the thread", "A new one is sent."),
    "internal_error": _Fault(AnswerLost, "Slack failed in the middle", _LATER),
    "fatal_error": _Fault(AnswerLost, "Slack failed in the middle", _LATER),
    "request_timeout": _Fault(BackendError, "Slack got only a part of the request", _LATER),
    "service_unavailable": _Fault(BackendError, "Slack is not available", _LATER),
    "team_added_to_org": _Fault(BackendError, "the workspace is moving into an organisation", _LATER),
    "message_limit_exceeded": _Fault(BackendError, "the workspace has sent too many messages", _LATER),
    "invalid_token": _Fault(SpecError, "Slack does not know this webhook", _WEBHOOK),
    "no_service": _Fault(SpecError, "the webhook was removed or disabled", _WEBHOOK),
    "no_active_hooks": _Fault(SpecError, "the webhook was disabled", _WEBHOOK),
    "no_team": _Fault(SpecError, "the workspace of the webhook is gone", _WEBHOOK),
    "channel_is_archived": _Fault(SpecError, "the channel of the webhook is archived", _WEBHOOK),
    "action_prohibited": _Fault(SpecError, "an administrator has restricted the webhook", _ALLOW),
    "posting_to_general_channel_denied": _Fault(SpecError, "the webhook may not post in #general", _ALLOW),
}
REFUSED_BLOCKS = {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "invalid_payload"}
"""Slack does not take the message as it is laid out."""
REFUSED_EDIT = {"edit_window_closed", "cant_update_message", "cant_update_blocks"}
"""The message is there, and cannot be edited."""


def code_of(error: "SlackApiError") -> str:
    """Slack's word for what is wrong; empty when it said none."""
    data = error.response.data
    return str(data.get("error") or "") if isinstance(data, dict) else ""


def translate(error: "SlackApiError", where: str) -> TaxiwayError:
    """The error of ours that says what the Web API said."""
    response: Any = error.response
    data = response.data if isinstance(response.data, dict) else {}
    code = code_of(error)
    if response.status_code == http.client.TOO_MANY_REQUESTS or code in ("ratelimited", "rate_limited"):
        return left_alone(response.headers, where)
    if response.status_code >= http.client.INTERNAL_SERVER_ERROR:
        return AnswerLost(f"Slack answered with status {response.status_code}", where=where, do=_LATER)
    if code == "missing_scope":
        return _missing_scope(data, where)
    return told(code or f"status {response.status_code}", where, said=_details(data))


def told(code: str, where: str, *, said: str = "") -> TaxiwayError:
    """The error for one of Slack's words; a word that is not in the table is one that may pass."""
    fault = _FAULTS.get(code)
    if fault is None:
        return BackendError(
            f"Slack refused: {code[:200]}", where=where, got=said, do="Read what Slack's pages say about it."
        )
    return fault.error(fault.what, where=where, got=code, do=fault.do)


def left_alone(headers: Any, where: str) -> LeftAlone:
    """The error for a rate limit."""
    found = {str(name).lower(): value for name, value in dict(headers or {}).items()}.get("retry-after", "30")
    text = found[0] if isinstance(found, list) else found
    wait_s = float(text) if str(text).isdigit() else 30.0
    return LeftAlone("Slack takes no more messages for now", wait_s=wait_s, where=where)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turns what the SDK and the network raise into errors of ours about `where`."""
    from slack_sdk.errors import SlackApiError, SlackClientError

    try:
        yield
    except SlackApiError as error:
        raise translate(error, where) from None
    except (SlackClientError, OSError, http.client.HTTPException, json.JSONDecodeError) as error:
        # A refused connection is an OSError like one that broke: which of them it was is not worth a mistake.
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise AnswerLost("Slack did not answer", where=where, got=_network(error), do=_LATER) from None


def _missing_scope(data: dict[str, Any], where: str) -> SpecError:
    return SpecError(
        "the app lacks a scope",
        where=where,
        expected=str(data.get("needed") or "another scope"),
        got=str(data.get("provided") or ""),
        do="Add it under 'OAuth & Permissions' of the app, and install the app again.",
    )


def _details(data: dict[str, Any]) -> str:
    messages = (data.get("response_metadata") or {}).get("messages") or data.get("errors") or ()
    return "; ".join(str(one) for one in messages)[:300]


def _network(error: Exception) -> str:
    """What the network said; never the address, which in a webhook is the secret."""
    reason = getattr(error, "reason", None)
    return f"{type(error).__name__}: {reason if isinstance(reason, str | OSError) else type(error).__name__}"[:200]
