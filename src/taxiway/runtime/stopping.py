"""Being asked to stop: at once, or as soon as a training that keeps checkpoints has kept one more."""

import signal


class Stopped(BaseException):
    """Somebody asked this process to stop: it leaves no result, and whoever asked knows why."""


class Stop:
    """Whether this process was asked to stop.

    Attributes:
        told: it was.
        heeded: the work asks for that itself, and will stop in its own time; otherwise it is broken off at once.
    """

    def __init__(self) -> None:
        self.told = self.heeded = False

    def listen(self) -> "Stop":
        """Takes SIGTERM for being asked; gives itself."""
        signal.signal(signal.SIGTERM, self._ring)
        return self

    def obey(self) -> None:
        """Stops here, if it was asked to.

        Raises:
            Stopped: it was.
        """
        if self.told:
            raise Stopped

    def _ring(self, *_: object) -> None:
        again, self.told = self.told, True
        if not self.heeded and not again:
            raise Stopped
