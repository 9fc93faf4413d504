"""Logs: one JSON object a line on standard error, as log collectors read them."""

import json
import sys
from datetime import UTC, datetime
from typing import Any


def say(event: str, *, level: str = "info", **facts: Any) -> None:
    """Writes one line: when, how bad, what happened, and what there is to know about it."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event, **facts}
    text = json.dumps({key: value for key, value in line.items() if value is not None}, ensure_ascii=False, default=str)
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        return  # whoever read it is gone; that is no reason to stop serving
