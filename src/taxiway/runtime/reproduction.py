"""Training a version again, from what was recorded, in a process and a store of its own."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from taxiway.core.errors import BackendError, IntegrityError, SpecError
from taxiway.core.jobs import JobKey, JobRequest, require_record
from taxiway.core.registry import ModelVersion
from taxiway.core.reproduction import Deviation, Made, Reproduction, differences
from taxiway.core.stages import Stage, TrainWork
from taxiway.core.training import TrainingRun
from taxiway.runtime.data import PERSONAL_KEY
from taxiway.runtime.sources import Code, find_code
from taxiway.stores.blobs import Blobs, blob_path
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import ObjectStore, open_store
from taxiway.stores.runs import RunHistory

_SLACK_S = 60.0
_STDERR = 2


class Recorded(NamedTuple):
    """What is known of how a version was made: the run, and the request it answered."""

    run: TrainingRun
    request: JobRequest
    work: TrainWork


def recorded(store: ObjectStore, version: ModelVersion) -> Recorded:
    """What was recorded of a version's training.

    Raises:
        SpecError: its run or its request is no longer in the store.
    """
    run = RunHistory(store).result(version.run)
    request = Mailbox(store).asked(version.run.rpartition(".")[2])
    if run is None or request is None:
        raise SpecError(
            f"the {'result' if run is None else 'request'} of its training is not in the store",
            where=f"version {version.number} of {version.model.name!r}, run {version.run!r}",
            do="Restore runs/ and jobs/ from a backup of the store.",
        )
    return Recorded(run, request, TrainWork.load(request.work))


def reproduce(
    store: ObjectStore, version: ModelVersion, scratch: Path, *, code: Sequence[Path], python: str = sys.executable
) -> Reproduction:
    """What comes out when a version is trained again.

    Args:
        store: where the registry and the run history are; nothing is written to it.
        version: which.
        scratch: a private folder, for code, model and whatever the training writes.
        code: where to look for the code, besides the folders that the training named.
        python: the interpreter to train with.

    Raises:
        JobFailed: the training failed.
        SpecError: its code, its run or its request is not there.
    """
    then = recorded(store, version)
    places = [*code, *(Path(folder) for folder in then.request.sys_path)]
    tree = scratch / "code"
    tree.mkdir()
    found = find_code(then.run.environment, then.work.training.function, places, tree)
    changed = _changed(store, version)
    if changed:
        return _result(version, then.run, None, found, (changed,))
    own = open_store((scratch / "store").as_uri())
    _lend(store, own, then.work)
    run = _train(then, own, found, python)
    there, here = _made(store, then.run), _made(own, run)
    return _result(version, then.run, run, found, (*_gang(then.work), *differences(there, here)))


def requirements(then: TrainingRun) -> list[str]:
    """The packages that a training had imported, one line each, as pip reads them."""
    return [f"{name}=={version}" for name, version in then.environment.packages.items()]


def _result(
    version: ModelVersion, then: TrainingRun, now: TrainingRun | None, code: Code, found: tuple[Deviation, ...]
) -> Reproduction:
    return Reproduction(
        model=version.model.name,
        number=version.number,
        digest=version.model.digest,
        again=now.model.digest if now else None,
        code=code.told,
        seconds=(then.seconds, now.seconds if now else None),
        differences=(*_elsewhere(then, code), *found),
    )


def _elsewhere(then: TrainingRun, code: Code) -> tuple[Deviation, ...]:
    """That the code is not the commit that was recorded, or that this commit was not all of it."""
    recorded = then.environment.code
    if recorded is None or code.told == f"git commit {recorded}":
        return ()
    return (Deviation(what="code", then=f"git commit {recorded}", now=code.told),)


def _changed(store: ObjectStore, version: ModelVersion) -> Deviation | None:
    from taxiway.stores.checksums import verify
    from taxiway.stores.datasets import objects

    data = version.model.trained_on
    try:
        verify(objects(data, store), open_store(data.uri))
    except IntegrityError as error:
        return Deviation(what=f"data at {error.where}", then=error.expected or data.digest, now=error.got or error.what)
    return None


def _gang(work: TrainWork) -> tuple[Deviation, ...]:
    """What it means for a training of several processes that here there is one."""
    nodes, each = getattr(work.training.on, "nodes", 1), getattr(work.training.on, "processes", None) or 1
    return () if nodes * each == 1 else (Deviation(what="processes", then=str(nodes * each), now="1"),)


def _lend(store: ObjectStore, own: ObjectStore, work: TrainWork) -> None:
    """Copies what a training reads of its store: the snapshot's list of objects, and the secret behind pseudonyms."""
    own.create(blob_path(work.dataset.manifest), Blobs(store).get(work.dataset.manifest))
    key = store.read(PERSONAL_KEY)
    if key is not None:
        own.create(PERSONAL_KEY, key)


def _train(then: Recorded, own: ObjectStore, code: Code, python: str) -> TrainingRun:
    """Trains in a process of its own; what it prints goes to the standard error."""
    key = JobKey(dag_id="taxiway", run_id="reproduce", task_id=then.request.key.task_id)
    request = JobRequest(
        key=key,
        stage=Stage.TRAIN,
        work=then.work.dump(),
        store=own.uri,
        sys_path=code.folders,
        deadline_s=then.request.deadline_s,
    )
    mailbox = Mailbox(own)
    mailbox.post(request)
    command = [python, "-m", "taxiway.runtime", "job", "--store", own.uri, "--key", key.slug]
    try:
        subprocess.run(command, stdout=_STDERR, timeout=request.deadline_s + _SLACK_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendError("the training did not come to its end", where=python, got=error) from None
    result = mailbox.result(key)
    if result is None:
        raise BackendError("the training ended without a result", where=python, do="Look at what it printed, above.")
    return TrainingRun.load(require_record(result))


def _made(store: ObjectStore, run: TrainingRun) -> Made:
    files = json.loads(Blobs(store).get(run.model.digest))
    return Made(run, RunHistory(store).read(run.run).curves, {one["path"]: f"sha256:{one['sha256']}" for one in files})
