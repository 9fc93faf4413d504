"""The front: the one way in. It lets through who may ask, and answers predictions without the detour of a framework.

Predictions are most of what a server does, so their two paths are taken here; everything else goes to the FastAPI
application, whose OpenAPI page describes both.
"""

import asyncio
import itertools
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple, Protocol

from taxiway.core.traffic import Slot as Place
from taxiway.runtime.serving.desk import Desk
from taxiway.runtime.serving.frames import Ask, Form, Told, refusal
from taxiway.runtime.serving.gate import OPEN, Guard, bearer
from taxiway.runtime.serving.slot import Slot

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_VERSIONED = re.compile(r"/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?/infer")
REPLAY = b"x-taxiway-replay"
"""The header of a logged request that is sent again: it is not logged once more."""
_JSON, _BYTES = b"application/json", b"application/octet-stream"
_LONGEST_ID = 128


class Recorder(Protocol):
    """Who keeps a sample of what was asked and answered."""

    def offer(self, name: str, ask: Ask, told: Told, slot: Slot, seconds: float) -> None:
        """Looks at one answer; must be quick, and never raise."""


class Rules(NamedTuple):
    """What a request may be.

    Attributes:
        deadline_s: how long it may take; it may ask for less.
        body_bytes: how long its body may be.
        open_paths: what anybody may ask, besides health.
    """

    deadline_s: float = 10.0
    body_bytes: int = 8 << 20
    open_paths: frozenset[str] = frozenset()


class TooLarge(Exception):  # noqa: N818 - a reason
    """The body of a request is longer than it may be."""


class Front:
    """The ASGI application of a server."""

    def __init__(self, app: App, desk: Desk, guard: Guard, rules: Rules, recorder: Recorder | None) -> None:
        self.model: str | None = None
        self.draining = False
        self._app = app
        self._desk = desk
        self._guard = guard
        self._rules = rules
        self._recorder = recorder
        self._open = OPEN | rules.open_paths
        self._prefix = os.urandom(6).hex()
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return  # uvicorn is told to ask for nothing else, and nothing else would pass the gate
        path: str = scope["path"]
        headers = dict(scope["headers"])
        if path not in self._open:
            reason = await self._guard.refuses(bearer(headers))
            if reason:
                await _send(send, refusal(401, reason), [(b"www-authenticate", b"Bearer")])
                return
        if path != "/predict" and not path.endswith("/infer"):
            await self._app(scope, receive, send)
        elif scope["method"] != "POST":
            await _send(send, refusal(405, "ask with POST"), [(b"allow", b"POST")])
        else:
            await self._predict(path, headers, receive, send)

    async def _predict(self, path: str, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        name = self._name(headers)
        told, slot, ask = await self._answer(path, headers, receive)
        extra = [(b"x-request-id", name)]
        if slot is not None:
            extra.append((b"x-taxiway-version", b"%d" % slot.target.number))
        if self.draining:
            extra.append((b"connection", b"close"))
        await _send(send, told, extra)
        if self._recorder is None or slot is None or ask is None or slot.ledger.slot is Place.SHADOW:
            return
        if REPLAY not in headers:
            self._recorder.offer(name.decode("latin-1"), ask, told, slot, time.perf_counter() - began)

    async def _answer(
        self, path: str, headers: Mapping[bytes, bytes], receive: Receive
    ) -> tuple[Told, Slot | None, Ask | None]:
        try:
            form, version = self._form(path)
            deadline = asyncio.get_running_loop().time() + self._patience_s(headers)
            header = _whole(headers.get(b"inference-header-content-length", b"0"), "inference-header-content-length")
            async with asyncio.timeout_at(deadline):
                body = await self._body(headers, receive)
        except TooLarge:
            return refusal(413, f"the body is longer than {self._rules.body_bytes} bytes"), None, None
        except TimeoutError:
            return refusal(408, "the body did not come in time"), None, None
        except LookupError as error:
            return refusal(404, str(error.args[0])), None, None
        except ValueError as error:
            return refusal(400, str(error)), None, None
        if headers.get(b"content-encoding", b"identity") != b"identity":
            return refusal(415, "send the body as it is, without a content-encoding"), None, None
        ask = Ask(form, min(header, len(body)), body)
        key = headers.get(b"x-taxiway-key")
        text = key.decode("latin-1") if key is not None else None
        told, slot = await self._desk.ask(ask, key=text, deadline=deadline, version=version)
        return told, slot, ask

    def _form(self, path: str) -> tuple[Form, int | None]:
        """How the request is written, and which version it names."""
        if path == "/predict":
            return Form.NAMED, None
        found = _VERSIONED.fullmatch(path)
        if found is None or self.model is None or found["model"] != self.model:
            raise LookupError(f"there is no model of this name here; there is {self.model or 'none yet'}")
        version = found["version"]
        if version is not None and not (version.isascii() and version.isdigit()):
            raise LookupError("a version is a whole number")
        return Form.TENSORS, int(version) if version else None

    def _patience_s(self, headers: Mapping[bytes, bytes]) -> float:
        wanted = headers.get(b"x-taxiway-timeout")
        if wanted is None:
            return self._rules.deadline_s
        try:
            seconds = float(wanted)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds < float("inf"):
            raise ValueError("x-taxiway-timeout is a number of seconds, more than 0")
        return min(seconds, self._rules.deadline_s)

    def _name(self, headers: Mapping[bytes, bytes]) -> bytes:
        """The request's own name, if it has one that can stand in a header, else one that no other request has."""
        given = headers.get(b"x-request-id", b"")
        if given and len(given) <= _LONGEST_ID and given.isascii() and given.decode("ascii").isprintable():
            return given
        return f"{self._prefix}-{next(self._numbers):x}".encode()

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        most = self._rules.body_bytes
        if _whole(headers.get(b"content-length", b"0"), "content-length") > most:
            raise TooLarge
        message = await receive()
        body = _piece(message)
        if message.get("more_body"):
            body = await self._rest(body, receive)
        if len(body) > most:
            raise TooLarge
        return body

    async def _rest(self, first: bytes, receive: Receive) -> bytes:
        """A body that comes in pieces, as far as it is not too long."""
        parts, size, more = [first], len(first), True
        while more and size <= self._rules.body_bytes:
            message = await receive()
            parts.append(_piece(message))
            size += len(parts[-1])
            more = bool(message.get("more_body"))
        return b"".join(parts)


def _piece(message: Mapping[str, Any]) -> bytes:
    if message["type"] == "http.disconnect":
        raise ValueError("the body ended before its end")  # nobody hears it
    return bytes(message.get("body", b""))


def _whole(text: bytes, what: str) -> int:
    if not text.isdigit() or len(text) > 15:  # noqa: PLR2004 - more than any body has
        raise ValueError(f"{what} is a whole number")
    return int(text)


async def _send(send: Send, told: Told, extra: list[tuple[bytes, bytes]]) -> None:
    kind = _BYTES if told.header else _JSON
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(told.body)), *extra]
    if told.header:
        headers.append((b"inference-header-content-length", b"%d" % told.header))
    if told.status in (429, 503):
        headers.append((b"retry-after", b"1"))
    if told.status in (408, 413):  # the rest of the body is not read
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": told.status, "headers": headers})
    await send({"type": "http.response.body", "body": told.body})
