"""A file that becomes readable when a signal arrives, so that one `select` waits for everything."""

import os
import signal


class Bell:
    """Catches this process's SIGTERM, SIGINT and SIGCHLD; `rung` says whether it was asked to stop."""

    def __init__(self) -> None:
        self.rung = False
        self.file, self._write = os.pipe()
        os.set_blocking(self.file, False)
        os.set_blocking(self._write, False)
        signal.signal(signal.SIGTERM, self._ring)
        signal.signal(signal.SIGINT, self._ring)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def _ring(self, *_: object) -> None:
        self.rung = True

    def hush(self) -> None:
        """Takes what was written, so that the next signal is heard."""
        try:
            while os.read(self.file, 4096):
                pass
        except BlockingIOError:
            pass
