"""Whether a version is what its registry says, asked of every byte that it rests on."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from taxiway.core.errors import IntegrityError, TaxiwayError
from taxiway.core.outcomes import Outcome
from taxiway.core.registry import ModelVersion, Yank
from taxiway.stores.blobs import Blobs
from taxiway.stores.objects import ObjectStore, open_store
from taxiway.stores.probe import Finding
from taxiway.stores.registry import Registry
from taxiway.stores.runs import RunHistory

Question = tuple[str, Callable[[], object]]


def verify(
    store: ObjectStore, version: ModelVersion, scratch: Path, *, data: bool = True, replay: bool = True
) -> list[Finding]:
    """What was asked about a version, and the answers; every question is asked, whatever the others say.

    Args:
        store: where the registry and the blobs are.
        version: which.
        scratch: a private folder, for the model's bytes.
        data: ask whether the data it learned from is still there, byte for byte.
        replay: load the model and ask it its golden requests. It runs code of the model's own if the model is pickled.
    """
    questions: list[Question] = [
        ("the log is whole, and nobody rewrote it", partial(_log, store, version)),
        ("every gate let these very bytes through", partial(_verdicts, version)),
        ("the model has the bytes that were registered", partial(_bytes, store, version, scratch)),
        ("the evidence is there, and has the bytes that it had", partial(_evidence, store, version)),
        ("the run history says that this run made it", partial(_run, store, version)),
    ]
    if data:
        questions.append(
            ("the data it learned from is there, and has the bytes that it had", partial(_data, store, version))
        )
    if replay:
        questions.append(
            ("it answers its golden requests as it did at training", partial(_replay, store, version, scratch))
        )
    return [_answer(*question) for question in questions]


def _answer(check: str, ask: Callable[[], object]) -> Finding:
    try:
        ask()
    except TaxiwayError as error:
        return Finding.of(check, error)
    return Finding(check, ok=True)


def _log(store: ObjectStore, version: ModelVersion) -> None:
    history = Registry(store).history(version.model.name)
    yanked = [one for one in history if isinstance(one.change, Yank) and one.change.number == version.number]
    if yanked:
        raise _refused("this version was yanked", version, got=f"{yanked[-1].by.who}: {yanked[-1].by.why}")


def _verdicts(version: ModelVersion) -> None:
    if not version.verdicts:
        raise _refused("no gate was asked about it", version)
    for verdict in version.verdicts:
        if verdict.subject != version.model.digest:
            raise _refused("a verdict is about other bytes", version, version.model.digest, verdict.subject)
        if verdict.outcome is not Outcome.PASS:
            raise _refused(f"gate {verdict.gate!r} did not let it through", version, "pass", verdict.outcome)


def _bytes(store: ObjectStore, version: ModelVersion, scratch: Path) -> None:
    Blobs(store).fetch_folder(version.model.digest, scratch / "model")


def _evidence(store: ObjectStore, version: ModelVersion) -> None:
    for digest in sorted(set(_digests(version))):
        Blobs(store).get(digest)


def _digests(version: ModelVersion) -> Iterator[str]:
    yield from (one for one in (version.report, version.profile, version.baseline) if one)
    yield from (verdict.evidence for verdict in version.verdicts if verdict.decided_by == "taxiway")


def _run(store: ObjectStore, version: ModelVersion) -> None:
    result = RunHistory(store).result(version.run)
    if result is None:
        raise _refused("its run left no result", version, f"a result of run {version.run!r}")
    if result.model != version.model:
        raise _refused("its run made other bytes", version, version.model.digest, result.model.digest)


def _data(store: ObjectStore, version: ModelVersion) -> None:
    from taxiway.stores.checksums import verify as unchanged
    from taxiway.stores.datasets import objects

    trained_on = version.model.trained_on
    unchanged(objects(trained_on, store), open_store(trained_on.uri))


def _replay(store: ObjectStore, version: ModelVersion, scratch: Path) -> None:
    from taxiway.runtime.models import load_model

    load_model(version.model, store, scratch).replay()


def _refused(what: str, version: ModelVersion, expected: object = "", got: object = "") -> IntegrityError:
    where = f"version {version.number} of {version.model.name!r}"
    return IntegrityError(what, where=where, expected=expected, got=got, do="Do not serve it before you know why.")
