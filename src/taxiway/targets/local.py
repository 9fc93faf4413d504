"""A service as a process of this machine, kept alive. It follows the log, so a rollout asks nothing else of it."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taxiway.core.counts import Reading
from taxiway.core.errors import BackendError
from taxiway.core.names import digest_of
from taxiway.core.platforms import followers
from taxiway.core.rollouts import Sight
from taxiway.core.serving import ServiceState
from taxiway.core.specs.targets import LocalServer
from taxiway.runtime import keeper
from taxiway.runtime.folder import private, state_folder
from taxiway.targets import asking, commands

_SLACK_S = 5.0


class LocalPlatform:
    """Keeps one server process for the service on this machine.

    Platforms of the same user, machine, service and store mean the same process.

    Args:
        service: the service's name.
        spec: how the server runs.
        store: URI of the store whose log it follows.
        credentials: what it opens the store with, if the environment does not say it; never written to a disk.
        state: where its folder is; `TAXIWAY_STATE`, else a folder of the user's by default.
    """

    def __init__(
        self,
        service: str,
        spec: LocalServer,
        store: str,
        *,
        credentials: Mapping[str, str] | None = None,
        state: Path | None = None,
    ) -> None:
        self._service = service
        self._spec = spec
        self._store = store
        self._credentials = credentials
        self._state = state

    @property
    def url(self) -> str:
        """Where it answers."""
        scheme = "https" if self._spec.certificate else "http"
        host = "127.0.0.1" if self._spec.host in ("0.0.0.0", "::") else self._spec.host  # noqa: S104 - is it all?
        return f"{scheme}://{host}:{self._spec.port}"

    def check(self) -> None:
        """Nothing to refuse: a process can do every rollout."""

    def plan(self, state: ServiceState) -> dict[str, Any]:  # noqa: ARG002 - the same for every state
        """What `apply` would start, as plain data without the values of variables; pure."""
        return {
            "command": self._command(),
            "env": sorted(self._spec.env),
            "folder": str(self._folder),
            "url": self.url,
        }

    def apply(self, state: ServiceState) -> None:  # noqa: ARG002 - the process reads the log itself
        """Starts the server if it is not kept already; one that was started otherwise is started again.

        Raises:
            BackendError: it could not be started, or the one before it not be ended.
            SpecError: the state folder is not private.
        """
        order = self._order()
        private(self._folder.parent.parent)
        private(self._folder.parent)
        private(self._folder)
        found = keeper.kept(self._folder)
        if found and found.name != order.name:
            self._end()
            found = None
        if found is None:
            keeper.keep(self._python, order)

    def observe(self, state: ServiceState) -> Sight:
        """What the server says."""
        try:
            readings: list[Reading] = [
                asking.metrics(self.url, service=self._service, replica="local", trust=self._spec.certificate)
            ]
        except BackendError as error:
            words = keeper.last_words(self._folder)
            said = f"{error.got or error.what}{f'; it last said: {words}' if words else ''}"
            return Sight(settled=False, detail=f"the server does not answer: {said}", unreachable=("local",))
        return followers(state, readings, expected=1)

    def revert(self, state: ServiceState) -> None:
        """The same as `apply`: the server reads in the log that all traffic is the live version's."""
        self.apply(state)

    def ask(self, path: str, body: bytes | None = None) -> bytes:
        """What the server answers."""
        token = asking.token_of(self._spec.access)
        return asking.ask(f"{self.url}{path}", body, token=token, trust=self._spec.certificate)

    def remove(self) -> None:
        """Ends the server and removes what it kept."""
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        keeper.end(self._folder, self._spec.tuning.drain_s + _SLACK_S)

    @property
    def _python(self) -> str:
        return self._spec.python or sys.executable

    @property
    def _folder(self) -> Path:
        name = f"{self._service}-{digest_of(self._store)[-8:]}"
        return (self._state or state_folder()) / "services" / name

    def _order(self) -> keeper.Order:
        env = {**os.environ, **commands.variables(self._store, self._credentials), **self._spec.env}
        return keeper.Order(
            folder=str(self._folder),
            command=tuple(self._command()),
            env=env,
            name=digest_of([self._command(), sorted(self._spec.env.items())]),
            grace_s=self._spec.tuning.drain_s + _SLACK_S,
        )

    def _command(self) -> list[str]:
        spec = self._spec
        tls = ["--plain-http"]
        if spec.certificate and spec.certificate_key:
            tls = ["--certificate", spec.certificate, "--certificate-key", spec.certificate_key]
        return [
            *(self._python, "-P", "-m", "taxiway.runtime"),
            *commands.serve(self._service, self._store, host=spec.host, port=spec.port, tuning=spec.tuning),
            *("--cache", str(self._folder / "cache")),
            *asking.access_arguments(spec.access),
            *tls,
        ]
