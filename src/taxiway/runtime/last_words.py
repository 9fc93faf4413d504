"""What a job writes down while it lives, for whoever asks why it died: a pod's termination message outlives the pod.

The kernel gives no warning before it kills a process for want of memory, and a runner cannot ask a dead one how much it
held. So the job says so all the time.
"""

import contextlib
import json
import os
import threading
from collections.abc import Iterator

from taxiway.runtime.environment import peak_memory_bytes

VARIABLE = "TAXIWAY_LAST_WORDS"
"""Names the file to write to; without it nothing is written."""
_EVERY_S = 0.1
_WIDTH = 48


@contextlib.contextmanager
def last_words() -> Iterator[None]:
    """Keeps `{"peak_memory_bytes": …}` in the file that the environment names, as long as the block runs."""
    named = os.environ.get(VARIABLE)
    if not named:
        yield
        return
    done = threading.Event()
    writer = threading.Thread(target=_write, args=(named, done), daemon=True)
    writer.start()
    try:
        yield
    finally:
        done.set()
        writer.join(timeout=5)


def _write(file: str, done: threading.Event) -> None:
    """Writes over what is there and never empties the file first: the end may come in between."""
    try:
        at = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:  # a place that cannot be written has nobody who reads it
        return
    said = 0
    while not done.is_set():
        now = peak_memory_bytes()
        if now != said:
            os.pwrite(at, json.dumps({"peak_memory_bytes": now}).ljust(_WIDTH).encode(), 0)
            said = now
        done.wait(_EVERY_S)
    os.close(at)
