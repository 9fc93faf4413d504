"""A Slack of our own: the Web API and incoming webhooks over real HTTP, on the loopback interface.

It keeps channels, messages, threads, reactions and files, holds to Slack's limits, and answers in Slack's words: errors
as `{"ok": false, "error": …}`, a rate limit as 429 with `Retry-After`. Every call is written down. Faults are put in
front of the next calls of a method: late, refused, dropped before it is done, or done and then dropped.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

TOKEN = "xoxb-0123456789-test"
BOT = "U0BOT00000"
HOOK = "T00000000/B00000000/abcdefghijklmnopqrstuvwx"
SCOPES = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "chat.delete": "chat:write",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
    "conversations.list": "channels:read",
    "reactions.get": "reactions:read",
    "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
    "files.info": "files:read",
}


class Call(NamedTuple):
    """What was asked."""

    method: str
    params: dict[str, Any]


@dataclass
class Fault:
    """What happens to a call instead of an answer, or before it.

    Attributes:
        error: Slack's word, in an answer with `ok: false`.
        status: an HTTP status; with `retry_after`, a rate limit.
        late_s: how long the answer takes.
        drop: `before` or `after` it is done, the connection breaks.
        drip_s: a byte now and then, for so long.
        hold: the call waits until `Slack.release` is called; `Slack.held` is set meanwhile.
    """

    error: str = ""
    status: int = 200
    retry_after: int | None = None
    late_s: float = 0.0
    drop: str = ""
    drip_s: float = 0.0
    hold: str = ""
    details: dict[str, Any] = field(default_factory=dict)


class Refused(Exception):  # noqa: N818 - an answer
    """An answer with `ok: false`."""

    def __init__(self, error: str, **details: Any):
        self.error, self.details = error, details


class Slack:
    """What the workspace holds."""

    def __init__(self, *, per_second: float = 0.0):
        self.token, self.scopes = TOKEN, set(SCOPES.values())
        self.channels = {"C0123456789": {"id": "C0123456789", "name": "ml", "is_archived": False, "is_member": True}}
        self.messages: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, Any]] = {}
        self.posted_by_hook: list[dict[str, Any]] = []
        self.calls: list[Call] = []
        self.faults: dict[str, list[Fault]] = {}
        self.per_second, self.recent = per_second, dict[str, float]()
        self.processing = 0
        self.held, self.release = threading.Event(), threading.Event()
        self.url = ""
        self.lock, self.quiet, self.busy = threading.RLock(), threading.Condition(), 0
        self.last_ts = 0

    # --- what tests do and see ---------------------------------------------------------------------------------------

    def fail(self, method: str, *faults: Fault) -> None:
        """Puts faults in front of the next calls of a method; `*` for any."""
        self.faults.setdefault(method, []).extend(faults)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Counts the calls that are not answered yet."""
        with self.quiet:
            self.busy += 1
        try:
            yield
        finally:
            with self.quiet:
                self.busy -= 1
                self.quiet.notify_all()

    def settle(self) -> None:
        """Lets the calls that are held go on, and waits until all are answered."""
        self.release.set()
        with self.quiet:
            assert self.quiet.wait_for(lambda: self.busy == 0, 60)

    def connection(self, kind: str = "slack") -> str:
        """An Airflow connection to this, as its environment variable has it."""
        secret = self.token if kind == "slack" else f"{self.url}services/{HOOK}"
        return json.dumps({"conn_type": kind, "password": secret, "extra": {"base_url": f"{self.url}api/"}})

    def methods(self) -> list[str]:
        return [call.method for call in self.calls]

    def roots(self) -> list[dict[str, Any]]:
        return [one for one in self.messages.values() if one.get("thread_ts") in (None, one["ts"])]

    def replies(self, root: dict[str, Any]) -> list[dict[str, Any]]:
        return [one for one in self.messages.values() if one.get("thread_ts") == root["ts"] != one["ts"]]

    def say(self, user: str, text: str, *, under: str | None = None) -> str:
        with self.lock:
            ts = self.next_ts()
            self.messages[ts] = {"type": "message", "ts": ts, "user": user, "text": text, "channel": "C0123456789"}
            if under:
                self.messages[ts]["thread_ts"] = under
            return ts

    def react(self, ts: str, user: str, name: str = "eyes") -> None:
        self.messages[ts].setdefault("reactions", []).append({"name": name, "users": [user], "count": 1})

    def next_ts(self) -> str:
        self.last_ts = max(self.last_ts + 1, int(time.time() * 1_000_000))
        return f"{self.last_ts // 1_000_000}.{self.last_ts % 1_000_000:06}"

    # --- the methods -------------------------------------------------------------------------------------------------

    def auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {
            "url": "https://example.slack.com/",
            "team": "Example",
            "user": "taxiway",
            "user_id": BOT,
            "bot_id": "B1",
        }

    def chat_post_message(self, params: dict[str, Any]) -> dict[str, Any]:
        channel = self.channel(params, writes=True)
        check_message(params)
        self.check_files(params)
        under = params.get("thread_ts")
        if under and under not in self.messages:
            raise Refused("thread_not_found")
        ts = self.next_ts()
        kept = {name: params[name] for name in ("text", "blocks", "metadata") if name in params}
        made = {"type": "message", "ts": ts, "user": BOT, "bot_id": "B1", "channel": channel, **kept}
        if under:
            made |= {"thread_ts": under}
            made |= {"subtype": "thread_broadcast"} if truth(params.get("reply_broadcast")) else {}
            self.messages[under].setdefault("thread_ts", under)
        self.messages[ts] = made
        return {"channel": channel, "ts": ts, "message": made}

    def chat_update(self, params: dict[str, Any]) -> dict[str, Any]:
        self.channel(params, writes=True)
        check_message(params)
        self.check_files(params)
        found = self.messages.get(params["ts"])
        if found is None:
            raise Refused("message_not_found")
        if found["user"] != BOT:
            raise Refused("cant_update_message")
        found |= {name: params[name] for name in ("text", "blocks", "metadata") if name in params}
        return {"channel": found["channel"], "ts": found["ts"], "text": found["text"]}

    def chat_delete(self, params: dict[str, Any]) -> dict[str, Any]:
        self.channel(params, writes=True)
        if self.messages.pop(params["ts"], None) is None:
            raise Refused("message_not_found")
        return {"channel": params["channel"], "ts": params["ts"]}

    def conversations_history(self, params: dict[str, Any]) -> dict[str, Any]:
        channel = self.channel(params)
        if channel != params["channel"]:
            raise Refused("channel_not_found")
        oldest, latest = float(params.get("oldest") or 0), float(params.get("latest") or "inf")
        broadcast = ("thread_broadcast",)
        found = [
            one
            for one in self.messages.values()
            if one["channel"] == channel
            and (one.get("thread_ts") in (None, one["ts"]) or one.get("subtype") in broadcast)
            and oldest <= float(one["ts"]) <= latest
        ]
        return self.page("messages", sorted(found, key=lambda one: one["ts"], reverse=True), params)

    def conversations_replies(self, params: dict[str, Any]) -> dict[str, Any]:
        self.channel(params)
        root = self.messages.get(params["ts"])
        if root is None:
            raise Refused("thread_not_found")
        return self.page("messages", [root, *self.replies(root)], params)

    def conversations_list(self, params: dict[str, Any]) -> dict[str, Any]:
        kinds = params.get("types", "public_channel").split(",")
        if "private_channel" in kinds and "groups:read" not in self.scopes:
            raise Refused("missing_scope", needed="groups:read", provided=",".join(sorted(self.scopes)))
        found = [one for one in self.channels.values() if one.get("kind", "public_channel") in kinds]
        return self.page("channels", found, params)

    def reactions_get(self, params: dict[str, Any]) -> dict[str, Any]:
        found = self.messages.get(params["timestamp"])
        if found is None:
            raise Refused("message_not_found")
        return {"type": "message", "channel": params["channel"], "message": found}

    def files_get_upload_url_external(self, params: dict[str, Any]) -> dict[str, Any]:
        file = f"F{len(self.files):010}"
        self.files[file] = {"id": file, "name": params["filename"], "size": int(params["length"]), "state": "asked"}
        return {"upload_url": f"{self.url}upload/v1/{file}", "file_id": file}

    def files_complete_upload_external(self, params: dict[str, Any]) -> dict[str, Any]:
        done = []
        for one in params["files"]:
            file = self.files.get(one["id"])
            if file is None or file["state"] != "uploaded":
                raise Refused("file_not_found")
            file |= {"state": "done", "title": one.get("title", ""), "waits": self.processing, "mimetype": ""}
            done.append({"id": file["id"], "title": file["title"], "mimetype": ""})
        return {"files": done}

    def files_info(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"file": {key: value for key, value in self.files[params["file"]].items() if key != "data"}}

    # --- what they share ---------------------------------------------------------------------------------------------

    def channel(self, params: dict[str, Any], *, writes: bool = False) -> str:
        asked = str(params.get("channel", "")).removeprefix("#")
        named = (one for one in self.channels.values() if writes and one["name"] == asked)
        found = self.channels.get(asked) or next(named, None)
        if found is None:
            raise Refused("channel_not_found")
        if writes and found["is_archived"]:
            raise Refused("is_archived")
        if not found["is_member"]:
            raise Refused("not_in_channel")
        return str(found["id"])

    def page(self, what: str, found: list[dict[str, Any]], params: dict[str, Any]) -> dict[str, Any]:
        first, limit = int(params.get("cursor") or 0), min(int(params.get("limit") or 100), 999)
        kept = found[first : first + limit]
        if not truth(params.get("include_all_metadata")):
            kept = [{key: value for key, value in one.items() if key != "metadata"} for one in kept]
        more = first + limit < len(found)
        return {what: kept, "has_more": more, "response_metadata": {"next_cursor": str(first + limit) if more else ""}}

    def check_files(self, params: dict[str, Any]) -> None:
        """An image of a file that is not there yet is refused, as Slack does while it looks at the file."""
        for index, block in enumerate(params.get("blocks") or ()):
            file = self.files.get((block.get("slack_file") or {}).get("id", ""))
            if block["type"] == "image" and (file is None or file["state"] != "done" or file["waits"] > 0):
                if file is not None:
                    file["waits"] -= 1
                raise Refused(
                    "invalid_blocks", errors=[f"invalid slack file [json-pointer:/blocks/{index}/slack_file]"]
                )

    def limited(self, key: str) -> bool:
        """Whether something comes sooner than the rate allows."""
        now, last = time.monotonic(), self.recent.get(key, -1e9)
        if self.per_second and now - last < 1 / self.per_second:
            return True
        self.recent[key] = now
        return False


def check_message(params: dict[str, Any]) -> None:
    """Slack's limits on a message."""
    blocks = params.get("blocks") or []
    if not blocks and not params.get("text"):
        raise Refused("no_text")
    if len(params.get("text") or "") > 40_000:
        raise Refused("msg_too_long")
    if len(blocks) > 50:
        raise Refused("invalid_blocks", errors=["no more than 50 items allowed"])
    for index, block in enumerate(blocks):
        texts = [block["text"]] if "text" in block else block.get("fields") or []
        most = 150 if block["type"] == "header" else 3000 if "text" in block else 2000
        wrong = [text for text in texts if not 1 <= len(text["text"]) <= most]
        if wrong or len(texts) > 10 or len(block.get("block_id", "")) > 255:
            raise Refused("invalid_blocks", errors=[f"too long [json-pointer:/blocks/{index}]"])


def snake(method: str) -> str:
    """`files.getUploadURLExternal` as a name of Python's."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", method).replace(".", "_").lower()


def truth(value: Any) -> bool:
    return str(value).lower() in ("1", "true")


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    slack: Slack

    def do_POST(self) -> None:
        with self.slack.under_way():
            self.respond()

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        if path.startswith("/api/"):
            self.api(path.removeprefix("/api/"), self.params(body))
        elif path.startswith("/upload/"):
            self.upload(path.rpartition("/")[2], body)
        else:
            self.hook(path.removeprefix("/services/"), json.loads(body))

    do_GET = do_POST  # noqa: N815 - http.server's word

    def params(self, body: bytes) -> dict[str, Any]:
        found = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        if "json" in (self.headers.get("Content-Type") or ""):
            return found | json.loads(body or b"{}")
        found |= {key: values[0] for key, values in parse_qs(body.decode()).items()}
        for name in ("blocks", "metadata", "files"):
            if isinstance(found.get(name), str):
                found[name] = json.loads(found[name])
        return found

    def api(self, method: str, params: dict[str, Any]) -> None:
        slack = self.slack
        with slack.lock:
            slack.calls.append(Call(method, params))
            waiting = slack.faults.get(method) or slack.faults.get("*")
            fault = waiting.pop(0) if waiting else Fault()
            # One message a second and channel; other methods have far more room.
            busy = method == "chat.postMessage" and slack.limited(f"{method} {params.get('channel')}")
        if self.spoiled(fault, "before"):
            return
        if busy or fault.retry_after is not None:
            wait = 1 if fault.retry_after is None else fault.retry_after
            self.answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(wait)})
            return
        try:
            said = {"ok": True, **self.done(method, params, fault)}
        except Refused as refused:
            said = {"ok": False, "error": refused.error, **refused.details}
        if not self.spoiled(fault, "after"):
            self.answer(200, said, drip_s=fault.drip_s)

    def done(self, method: str, params: dict[str, Any], fault: Fault) -> dict[str, Any]:
        slack = self.slack
        if self.headers.get("Authorization") != f"Bearer {slack.token}":
            raise Refused("invalid_auth" if self.headers.get("Authorization") else "not_authed")
        if fault.error:
            raise Refused(fault.error, **fault.details)
        scope = SCOPES.get(method)
        if scope and scope not in slack.scopes:
            raise Refused("missing_scope", needed=scope, provided=",".join(sorted(slack.scopes)))
        act: Callable[[dict[str, Any]], dict[str, Any]] | None = getattr(slack, snake(method), None)
        if act is None:
            raise Refused("unknown_method", req_method=method)
        with slack.lock:
            return act(params)

    def upload(self, file: str, body: bytes) -> None:
        with self.slack.lock:
            self.slack.calls.append(Call("upload", {"file": file}))
            waiting = self.slack.faults.get("upload")
            fault = waiting.pop(0) if waiting else Fault()
            kept = self.slack.files.get(file)
            if kept is not None:
                kept |= {"state": "uploaded", "data": body}
        if not self.spoiled(fault, "before") and not self.spoiled(fault, "after"):
            self.send(200 if kept else 404, f"OK - {len(body)}".encode(), {})

    def hook(self, secret: str, params: dict[str, Any]) -> None:
        slack = self.slack
        with slack.lock:
            slack.calls.append(Call("webhook", params))
            waiting = slack.faults.get("webhook")
            fault = waiting.pop(0) if waiting else Fault()
        if self.spoiled(fault, "before"):
            return
        if fault.retry_after is not None:
            self.send(429, b"rate_limited", {"Retry-After": str(fault.retry_after)})
        elif secret != HOOK:
            self.send(404, b"no_service", {})
        elif fault.error:
            self.send(fault.status, fault.error.encode(), {})
        else:
            try:
                check_message(params)
            except Refused as refused:
                self.send(400, refused.error.encode(), {})
                return
            slack.posted_by_hook.append(params)
            if not self.spoiled(fault, "after"):
                self.send(200, b"ok", {})

    def spoiled(self, fault: Fault, when: str) -> bool:
        """Whether the call ends here."""
        if fault.hold == when:
            self.slack.held.set()
            self.slack.release.wait(60)
        if when == "before" and fault.late_s:
            self.slack.release.wait(fault.late_s)
        if fault.drop == when:
            self.close_connection = True
            self.connection.close()
            return True
        if when == "before" and fault.status >= 500 and not fault.error:
            self.send(fault.status, b"<html>Server Error</html>", {"Content-Type": "text/html"})
            return True
        return False

    def answer(
        self, status: int, said: dict[str, Any], headers: dict[str, str] | None = None, drip_s: float = 0
    ) -> None:
        content = {"Content-Type": "application/json; charset=utf-8", "X-OAuth-Scopes": ",".join(self.slack.scopes)}
        self.send(status, json.dumps(said).encode(), {**content, **(headers or {})}, drip_s)

    def send(self, status: int, body: bytes, headers: dict[str, str], drip_s: float = 0) -> None:
        try:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(self.drip(body, drip_s) if drip_s else body)
        except OSError:
            self.close_connection = True

    def drip(self, body: bytes, seconds: float) -> bytes:
        """Sends a byte now and then, and gives what is left after that time."""
        ends = time.monotonic() + seconds
        for index in range(len(body)):
            self.wfile.write(body[index : index + 1])
            self.wfile.flush()
            if self.slack.release.wait(0.1) or time.monotonic() > ends:
                return body[index + 1 :]
        return b""

    def log_message(self, *args: Any) -> None:
        """Nothing: tests look at the calls."""


@contextmanager
def serving(**options: Any) -> Iterator[Slack]:
    """A Slack that answers at `slack.url` until the block ends."""
    slack = Slack(**options)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"slack": slack}))
    server.daemon_threads = True
    slack.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield slack
    finally:
        slack.release.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
