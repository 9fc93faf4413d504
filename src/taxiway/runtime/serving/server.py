"""The server: one process that listens, follows the log, and goes down without losing a request."""

import asyncio
import contextlib
import signal
import socket
import ssl
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxiway.core.errors import BackendError, SpecError, TaxiwayError
from taxiway.runtime import process
from taxiway.runtime.serving import app as application
from taxiway.runtime.serving.desk import Desk
from taxiway.runtime.serving.fleet import Fleet
from taxiway.runtime.serving.follower import Follower
from taxiway.runtime.serving.front import Front
from taxiway.runtime.serving.gate import Guard
from taxiway.runtime.serving.ledger import Ledgers
from taxiway.runtime.serving.logs import say
from taxiway.runtime.serving.metrics import Collector
from taxiway.runtime.serving.nursery import Nursery
from taxiway.runtime.serving.recording import Recording
from taxiway.runtime.serving.settings import Settings

if TYPE_CHECKING:
    import uvicorn

_SLOWEST_POLL_S = 5.0
_KEEP_ALIVE_S = 75
LAST_WRITE_S = 5.0
"""At the end, what is left of the time to drain is for the traffic log, and never less than this."""
_BACKLOG = 2048


def serve(settings: Settings, guard: Guard) -> int:
    """Serves until SIGTERM or SIGINT; the exit code.

    Raises:
        BackendError: the address cannot be listened on.
        SpecError: the files of the certificate are none.
    """
    with contextlib.ExitStack() as stack:
        door = stack.enter_context(_door(settings))
        cache = settings.cache or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="taxiway-serve-")))
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_Server(settings, guard, cache).run(door))
    return 0


class _Server:
    """What belongs to one server."""

    def __init__(self, settings: Settings, guard: Guard, cache: Path) -> None:
        self._settings = settings
        self._guard = guard
        self._follower = Follower(
            settings.store, settings.service, cache, version=settings.version, signers=settings.signers
        )
        self._store_failures = 0
        self._stop = asyncio.Event()

    async def run(self, door: socket.socket) -> None:
        """The life of the server."""
        settings, ledgers = self._settings, Ledgers()
        nursery = Nursery(settings.nursery_s)
        process.adopt_orphans()
        fleet = Fleet(
            self._follower,
            nursery,
            settings.limits,
            ledgers,
            patience_s=settings.patience_s,
            drain_s=settings.drain_s,
        )
        facts = application.Facts(settings.service, fleet)
        recording = (
            Recording(settings.store, settings.service, settings.sample, flush_s=settings.flush_s)
            if settings.sample
            else None
        )
        collector = Collector(settings.service, fleet, ledgers, self, recording)
        desk = Desk(settings.service, fleet, ledgers)
        front = Front(application.build(facts, fleet, collector), desk, self._guard, settings.rules, recording)
        listener = _listener(settings, front)
        self._hear_signals()
        tasks = [self._start(fleet.run()), self._start(self._follow(fleet, front, nursery))]
        tasks += [self._start(recording.run())] if recording else []
        listening = asyncio.create_task(listener.serve([door]))
        ends = 0.0
        try:
            await self._until_stopped(listening)
            ends = asyncio.get_running_loop().time() + settings.lame_s + settings.drain_s
            await self._go_down(facts, front, listener, listening)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await fleet.close()
            nursery.close()
            if recording:
                await recording.flush(max(LAST_WRITE_S, ends - asyncio.get_running_loop().time()))
        say("down", service=settings.service)

    def counts(self) -> Mapping[str, int]:
        """How often the store failed."""
        return {"failed": self._store_failures}

    async def _follow(self, fleet: Fleet, front: Front, nursery: Nursery) -> None:
        """Looks at the log again and again; while the store is down, what was read last holds."""
        pause_s, down = self._settings.poll_s, False
        while True:
            try:
                state = await asyncio.to_thread(self._follower.state)
            except (TaxiwayError, OSError) as error:
                self._store_failures += 1
                pause_s = min(2 * pause_s, max(_SLOWEST_POLL_S, self._settings.poll_s))
                if not down:
                    say("the log cannot be read; what was read last holds", level="error", error=str(error))
                down = True
            else:
                if down:
                    say("the log can be read again")
                pause_s, down = self._settings.poll_s, False
                front.model = self._follower.model
                for flavour in self._follower.news:
                    nursery.prepare(flavour)
                self._follower.news.clear()
                fleet.want(state)
            await asyncio.sleep(pause_s)

    async def _until_stopped(self, listening: "asyncio.Task[None]") -> None:
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait({stop, listening}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()

    async def _go_down(
        self, facts: application.Facts, front: Front, listener: "uvicorn.Server", listening: "asyncio.Task[None]"
    ) -> None:
        """Says that it is not ready, goes on answering for a while, finishes what is under way, and hangs up."""
        facts.draining = front.draining = True
        say("going down", lame_s=self._settings.lame_s, drain_s=self._settings.drain_s)
        if not listening.done():
            await asyncio.sleep(self._settings.lame_s)
        listener.should_exit = True
        await listening

    def _hear_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """A task whose end is the end of the server: none of them ends by itself."""
        task = asyncio.create_task(work)

        def over(done: "asyncio.Task[None]") -> None:
            if not done.cancelled() and (error := done.exception()) is not None:
                say("the server broke", level="error", error=f"{type(error).__name__}: {error}")
                self._stop.set()

        task.add_done_callback(over)
        return task


def _listener(settings: Settings, front: Front) -> "uvicorn.Server":
    import uvicorn

    class Listener(uvicorn.Server):
        """uvicorn, without its own signal handlers and its own words."""

        @contextlib.contextmanager
        def capture_signals(self) -> Any:
            """Signals are heard by the server around it."""
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            """Begins to listen, and says so."""
            await super().startup(sockets)
            host, port = sockets[0].getsockname()[:2] if sockets else (settings.host, settings.port)
            say("listening", service=settings.service, host=host, port=port, tls=settings.certificate is not None)

    config = uvicorn.Config(
        front,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(settings.drain_s)),
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.certificate_key,
    )
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        where = f"{settings.certificate}, {settings.certificate_key}"
        raise SpecError("this is no certificate and its key", where=where, expected="PEM", got=str(error)) from error
    return Listener(config)


def _door(settings: Settings) -> socket.socket:
    """The socket to listen on, taken before anything else is begun."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise BackendError(
            "this address cannot be listened on", where=f"{settings.host} port {settings.port}", got=str(error)
        ) from error


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
