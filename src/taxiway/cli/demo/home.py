"""The demo's own folder, and who may use it."""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from taxiway.core.errors import Conflict, SpecError

_MARK = "taxiway-demo.json"


@dataclasses.dataclass(frozen=True)
class Home:
    """The folder that holds everything the demo writes.

    Attributes:
        root: absolute; `.taxiway` in the current folder by default.
    """

    root: Path

    @property
    def airflow(self) -> Path:
        """`AIRFLOW_HOME`: its database and the logs of the tasks."""
        return self.root / "airflow"

    @property
    def dags(self) -> Path:
        """The DAGs folder."""
        return self.root / "dags"

    @property
    def lake(self) -> Path:
        """The data that has arrived."""
        return self.root / "lake"

    @property
    def source(self) -> Path:
        """The data that will arrive; kept from one demo to the next."""
        return self.root / "source"

    @property
    def store(self) -> Path:
        """Taxiway's store: blobs, run history and the registry's log."""
        return self.root / "store"

    @property
    def jobs(self) -> Path:
        """The local runner's folder."""
        return self.root / "jobs"

    @property
    def logs(self) -> Path:
        """What the components of Airflow print."""
        return self.root / "logs"

    @property
    def told(self) -> Path:
        """What people were told: a file, where there is no Slack."""
        return self.root / "told.txt"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps every other demo out of this folder while the block runs; the kernel lets go if this process dies.

        Raises:
            SpecError: the folder is somebody else's.
            Conflict: another demo is running in it.
        """
        self._claim()
        with (self.root / _MARK).open("r+") as mark:
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _running(self.root, self.notes()) from None
            yield

    def note(self, **facts: Any) -> None:
        """Writes down what another demo, or a person, may want to know: pid and address."""
        (self.root / _MARK).write_text(json.dumps(facts), encoding="utf-8")

    def notes(self) -> Mapping[str, Any]:
        """What was written down last; nothing before that."""
        try:
            return dict(json.loads((self.root / _MARK).read_text(encoding="utf-8")))
        except ValueError:
            return {}

    def clean(self) -> None:
        """Starts from nothing, but for the source data."""
        for folder in (self.airflow, self.dags, self.lake, self.store, self.jobs, self.logs, self.root / "predictions"):
            shutil.rmtree(folder, ignore_errors=True)
        self.told.unlink(missing_ok=True)
        for folder in (self.airflow, self.dags, self.lake, self.store, self.logs):
            folder.mkdir(mode=0o700)

    def _claim(self) -> None:
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (self.root / _MARK).exists() and any(self.root.iterdir()):
                raise SpecError(
                    "this folder holds something else",
                    where=str(self.root),
                    expected="an empty folder, or one of an earlier demo",
                    do="Choose another: taxiway demo --home DIR",
                )
            (self.root / _MARK).touch(mode=0o600)
        except OSError as error:
            raise SpecError(
                f"the demo cannot write here: {error.strerror}",
                where=str(self.root),
                do="Choose another folder: taxiway demo --home DIR",
            ) from error


def _running(root: Path, notes: Mapping[str, Any]) -> Conflict:
    return Conflict(
        "a demo is running here already",
        where=str(root),
        got=f"process {notes.get('pid', 'unknown')} at {notes.get('url', 'an address it has not chosen yet')}",
        do="Use that one, stop it with Ctrl-C, or start another beside it: taxiway demo --home DIR",
    )


def find_recipe() -> Path:
    """The folder of the example package `flight_delay`: in the wheel, or in the source tree.

    Raises:
        SpecError: it is in neither.
    """
    places = (Path(__file__).parent / "flight_delay", Path(__file__).parents[4] / "dags" / "flight_delay")
    for place in places:
        if (place / "train.py").exists():
            return place
    raise SpecError(
        "the example package is missing",
        where="taxiway demo",
        expected=os.fspath(places[0]),
        do="Install taxiway again.",
    )
