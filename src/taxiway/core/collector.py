"""Python's collector of garbage, and when it had better rest."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collector_at_rest() -> Iterator[None]:
    """Keeps the collector of garbage from running in a block, or in a function that this decorates.

    For the import of large libraries: that makes hundreds of thousands of objects, all of which stay, and each time
    their number has grown by a quarter the collector looks at every one. That is a quarter of the time it takes.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
