"""A board in memory, and killing whoever writes on it between any two things they do."""

import itertools
from typing import Any

from taxiway.core.blocks import mark_of
from taxiway.core.delivery import MessageGone, Receipt


class Killed(BaseException):
    """kill -9: nothing that comes after this is done."""


class Fate:
    """Kills at the n-th thing that is done, before or after it is done; None never kills."""

    def __init__(self, at: int | None = None, *, done: bool = False):
        self.at, self.done, self.seen = at, done, 0

    def meets(self, act: Any) -> Any:
        self.seen += 1
        if self.seen == self.at and not self.done:
            raise Killed
        value = act()
        if self.seen == self.at:
            raise Killed
        return value


class FatefulStore:
    """A store whose writers may be killed at each write."""

    def __init__(self, store: Any, fate: Fate):
        self._store, self._fate = store, fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in ("create", "delete", "replace"):
            return found
        return lambda *args, **kwargs: self._fate.meets(lambda: found(*args, **kwargs))


class Wall:
    """What people see: messages with replies; `error` is what the next call raises."""

    edits = True

    def __init__(self):
        self.fate = Fate()
        self.messages: dict[str, dict[str, Any]] = {}
        self.replies: dict[str, list[dict[str, Any]]] = {}
        self.files: list[bytes] = []
        self.error: Exception | None = None
        self.lost: Exception | None = None
        self.people = False
        self.calls: list[str] = []
        self._ids = itertools.count(1)

    def check(self) -> None:
        self._do("check", lambda: None)

    def post(self, message, *, under=None, aloud=False):
        def act():
            ts = f"{next(self._ids)}.0"
            if under is None:
                self.messages[ts] = message
            elif under.ts not in self.messages:
                raise MessageGone("gone")
            else:
                self.replies.setdefault(under.ts, []).append({**message, "ts": ts, "aloud": aloud})
            return Receipt(part="", at=0.0, channel="C1", ts=ts)

        return self._do("post" if under is None else "reply", act)

    def find(self, wanted, *, under=None, **_):
        def act():
            seen = self.replies.get(under.ts, []) if under else [{**m, "ts": ts} for ts, m in self.messages.items()]
            found = ((mark_of(one), one["ts"]) for one in seen)
            match = next(((mark, ts) for mark, ts in found if mark and wanted(mark)), None)
            return match and Receipt(part=match[0].part, at=0.0, number=match[0].number, channel="C1", ts=match[1])

        return self._do("find", act)

    def show(self, at, message):
        def act():
            if at.ts not in self.messages:
                raise MessageGone("gone")
            self.messages[at.ts] = message
            return True

        return self._do("show", act)

    def heard(self, _):
        return self._do("heard", lambda: self.people)

    def upload(self, data, **_):
        def act():
            self.files.append(data)
            return f"F{len(self.files)}"

        return self._do("upload", act)

    def remove(self, at):
        self._do("remove", lambda: self.messages.pop(at.ts, None))

    def _do(self, name, act):
        self.calls.append(name)
        if self.error is not None:
            raise self.error
        value = self.fate.meets(act)
        if self.lost is not None:
            error, self.lost = self.lost, None
            raise error
        return value
