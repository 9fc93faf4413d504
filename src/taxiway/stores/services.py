"""What services shall serve: read from, and committed to, the log of the service's model.

`services/<name>.json` says which model that is; it is written once, before the service's first commit, and stays.
"""

from taxiway.core.errors import GateRefused, IntegrityError, SpecError
from taxiway.core.gates import Verdict
from taxiway.core.names import canonical, check_name
from taxiway.core.registry import Author, Commit, Register, RegistryState
from taxiway.core.serving import Serve, ServiceState, newcomers
from taxiway.stores.commits import write_commit
from taxiway.stores.entries import parse
from taxiway.stores.log import Log, Tip
from taxiway.stores.objects import ObjectStore


class Services:
    """The services of a store.

    Every method raises `SpecError` for a name that no service can have, `IntegrityError` when a log is broken, and
    `BackendError` when the store fails. After a `BackendError` or a kill a commit may have been made: making it again
    gives the same one.

    Args:
        store: where they lie.
        deadline_s: how long a commit may take against other writers.
    """

    def __init__(self, store: ObjectStore, *, deadline_s: float = 60.0) -> None:
        self._store = store
        self._deadline_s = deadline_s

    def names(self) -> list[str]:
        """The services that were ever served, ordered."""
        paths = (info.path for info in self._store.list("services/"))
        return [path.removeprefix("services/").removesuffix(".json") for path in paths if path.count("/") == 1]

    def model(self, service: str) -> str | None:
        """The model that a service serves, or None when nobody ever served anything under this name."""
        data = self._store.read(_path(service))
        if data is None:
            return None
        found = parse(data, self._store.uri + _path(service))
        name = found.get("model") if isinstance(found, dict) else None
        if not isinstance(name, str):
            raise IntegrityError(
                "this object does not say which model the service serves",
                where=self._store.uri + _path(service),
                got=repr(found),
                do="Restore it from a backup of the store.",
            )
        return check_name(name)

    def state(self, service: str) -> ServiceState | None:
        """What a service shall serve now, or None when nothing was ever said."""
        name = self.model(service)
        return self.registry_state(name).services.get(service) if name else None

    def registry_state(self, model: str) -> RegistryState:
        """All that the log of a model says now."""
        return Log(self._store, model).tip().state

    def serve(self, desired: ServiceState, *, by: Author) -> Commit:
        """Says what a service shall serve from now on; gives the commit, the same one when it was made already.

        Raises:
            Conflict: somebody else changed the service since the generation before this one.
            DeadlineExceeded: other writers were always faster.
            GateRefused: a version would be served that is not registered with these bytes, was not let through by
                every gate, or was yanked.
            SpecError: the state makes no sense, or the service serves another model.
        """
        self._claim(desired.service, desired.model)

        def decide(log: Log, tip: Tip) -> Serve | Commit:
            now = tip.state.services.get(desired.service)
            if now == desired:
                return next(found for found in log.backwards(tip) if _says(found, desired))
            return Serve(state=desired, verdicts=_verdicts(log, tip, now, desired))

        return write_commit(self._store, desired.model, by, decide, deadline_s=self._deadline_s)

    def _claim(self, service: str, model: str) -> None:
        path = _path(service)
        if self._store.read(path) is None:
            self._store.create(path, canonical({"model": check_name(model)}))
        owner = self.model(service)
        if owner != model:
            raise SpecError(
                "a service serves one model for ever",
                where=f"service {service!r} in {self._store.uri}",
                expected=f"model {owner!r}",
                got=f"model {model!r}",
                do="Choose another name for the service.",
            )


def _path(service: str) -> str:
    return f"services/{check_name(service)}.json"


def _says(commit: Commit, desired: ServiceState) -> bool:
    return isinstance(commit.change, Serve) and commit.change.state == desired


def _verdicts(log: Log, tip: Tip, now: ServiceState | None, desired: ServiceState) -> tuple[Verdict, ...]:
    """What the registry holds about the bytes that this service does not know yet."""
    found: list[Verdict] = []
    for target in newcomers(now, desired):
        commit = log.registration(digest=target.model.digest, tip=tip)
        entry = commit.change.entry if commit and isinstance(commit.change, Register) else None
        if entry is None or (entry.number, entry.model) != (target.number, target.model):
            raise GateRefused(
                "only registered versions are served",
                where=f"service {desired.service!r}, version {target.number}, {target.model.digest}",
                expected=f"the bytes of version {target.number}",
                got=f"version {entry.number}" if entry else "bytes that were never registered",
                do="Register the model; its version carries the verdicts.",
            )
        found += entry.verdicts
    return tuple(dict.fromkeys(found))
