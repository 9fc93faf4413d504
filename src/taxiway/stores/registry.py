"""The registry: which versions of a model exist, and what is live, decided by one commit at a time.

Every change is: read the newest state, decide, put the next commit if nobody else did; else read and decide again.
So any number of writers, killed anywhere, see one history; each change is in it once or not at all.
"""

from collections.abc import Callable, Mapping, Sequence

from taxiway.core.compare import Comparison, compare
from taxiway.core.errors import IntegrityError, SpecError, TaxiwayError
from taxiway.core.gates import Verdict
from taxiway.core.names import check_name
from taxiway.core.registry import (
    CHAMPION,
    Author,
    Commit,
    ModelVersion,
    Point,
    Register,
    RegistryState,
    Yank,
    advance,
    rollback_target,
)
from taxiway.core.training import ModelRef, Target
from taxiway.stores.commits import Change, D, now, write_commit
from taxiway.stores.log import Log, Tip
from taxiway.stores.objects import ObjectStore
from taxiway.stores.runs import RunHistory

_FARTHEST = 500
"""How many commits are looked back at to see since when a version is live."""


class Registry:
    """The registry in a store.

    Every method raises `SpecError` for a name that no model can have, `IntegrityError` when the log is broken, and
    `BackendError` when the store fails; every change raises `DeadlineExceeded` when others always were faster.
    After a `BackendError` or a kill a change may have been made: making it again gives the same result, once.

    Args:
        store: where it lies.
        deadline_s: how long a change may take against other writers.
    """

    def __init__(self, store: ObjectStore, *, deadline_s: float = 60.0) -> None:
        self._store = store
        self._deadline_s = deadline_s

    def register(
        self,
        model: ModelRef,
        *,
        run: str,
        verdicts: Sequence[Verdict],
        metrics: Mapping[str, float | None],
        report: str | None,
        by: Author,
        profile: str | None = None,
        baseline: str | None = None,
    ) -> ModelVersion:
        """Gives a model its number: the next one, or the one that these bytes have already.

        Raises:
            GateRefused: not every verdict is a pass, there is none, or one is about other bytes.
        """
        entry = ModelVersion(
            number=1,
            model=model,
            run=run,
            verdicts=tuple(verdicts),
            metrics=dict(metrics),
            report=report,
            profile=profile,
            baseline=baseline,
        )

        def decide(log: Log, tip: Tip) -> Register | Commit:
            known = log.registration(digest=model.digest, tip=tip)
            number = tip.state.last_number + 1
            return known or Register(entry=entry.model_copy(update={"number": number, "registered_at": now()}))

        return _registered(self._commit(model.name, by, decide))

    def promote(
        self, name: str, number: int, *, by: Author, alias: str = CHAMPION, expected: int | None = None
    ) -> Commit | None:
        """Points an alias at a version; None when it points there already.

        Args:
            name: the model.
            number: the version.
            by: who and why.
            alias: which alias.
            expected: the version that it must point at now, 0 for none; whatever is there unless it is given.

        Raises:
            Conflict: it points at another version than `expected`.
            GateRefused: the version was yanked.
            SpecError: there is no such version.
        """

        def decide(log: Log, tip: Tip) -> Point | None:
            now = _number(tip.state, alias)
            if now == number > 0:
                return None
            model = self._version(log, number, tip).model
            return Point(alias=alias, to=number, model=model, expected=now if expected is None else expected)

        return self._commit(name, by, decide)

    def rollback(self, name: str, *, by: Author, alias: str = CHAMPION, to: int | None = None) -> Commit:
        """Points an alias at the version it had before, or at version `to`.

        The same author with the same `run_id` rolls back once: asking again gives the commit that did it.

        Raises:
            GateRefused: version `to` was yanked.
            SpecError: there is no earlier version that can be used, or no version `to`.
        """

        def decide(log: Log, tip: Tip) -> Point | Commit:
            now = _number(tip.state, alias)
            last = next((commit for commit in log.backwards(tip) if _moves(commit, alias)), None) if now else None
            if last and (now == to or _repeats(last, by)):
                return last
            target = (
                rollback_target(tip.state, alias, model=name)
                if to is None
                else Target(number=to, model=self._version(log, to, tip).model)
            )
            return Point(alias=alias, to=target.number, model=target.model, expected=now, rollback=True)

        return self._commit(name, by, decide)

    def yank(self, name: str, number: int, *, by: Author) -> Commit:
        """Takes a version out of use: no alias may point at it again; one that does now stays until it is moved.

        Raises:
            SpecError: there is no such version.
        """

        def decide(log: Log, tip: Tip) -> Yank | Commit:
            if number not in tip.state.yanked:
                return Yank(number=number)
            return next(commit for commit in log.backwards(tip) if _yanks(commit, number))

        return self._commit(name, by, decide)

    def state(self, name: str) -> RegistryState:
        """What holds now; an empty state when the model has no history."""
        return Log(self._store, name).tip().state

    def resolve(self, name: str, alias: str = CHAMPION) -> Target | None:
        """What an alias points at, or None when it was never set."""
        return self.state(name).aliases.get(alias)

    def version(self, name: str, number: int) -> ModelVersion:
        """The version of a number.

        Raises:
            SpecError: there is none.
        """
        return self._version(Log(self._store, name), number, None)

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions, oldest first; reads the whole log."""
        return [commit.change.entry for commit in self.history(name) if isinstance(commit.change, Register)]

    def history(self, name: str) -> list[Commit]:
        """All commits, oldest first, proved: numbers, the chain of digests, and each state from the one before.

        Raises:
            IntegrityError: an entry is missing, was changed, or does not follow the one before it; it is named.
        """
        commits = [entry.commit for entry in Log(self._store, name).entries()]
        state = RegistryState()
        for commit in commits:
            state = self._replayed(state, commit)
        return commits

    def models(self) -> list[str]:
        """The names of the models that have a history."""
        return [name for name in self._store.folders("models/") if self._has_history(name)]

    def compare(self, name: str, a: int, b: int) -> Comparison:
        """Two versions side by side; parameters and packages come from their run histories.

        Raises:
            SpecError: there is no such version.
        """
        runs = RunHistory(self._store)
        first, second = self.version(name, a), self.version(name, b)
        return compare(first, second, (runs.result(first.run), runs.result(second.run)))

    def repair(self, name: str) -> None:
        """Makes the hint and the pointers of a model again, from its log."""
        Log(self._store, name).repair()

    def _commit(self, name: str, by: Author, decide: Callable[[Log, Tip], Change | D]) -> Commit | D:
        return write_commit(self._store, name, by, decide, deadline_s=self._deadline_s)

    def _version(self, log: Log, number: int, tip: Tip | None) -> ModelVersion:
        commit = log.registration(number=number, tip=tip) if number > 0 else None
        if commit is None:
            last = (tip or log.tip()).state.last_number
            raise SpecError(
                f"there is no version {number}",
                where=f"the registry at {self._store.uri}",
                expected=f"1 to {last}" if last else "nothing: there is no version yet",
                do="Choose a registered version.",
            )
        return _registered(commit)

    def _replayed(self, state: RegistryState, commit: Commit) -> RegistryState:
        try:
            follows = advance(state, commit.change, model=commit.model) == commit.state
        except TaxiwayError:
            follows = False
        if not follows:
            raise IntegrityError(
                f"entry {commit.number} says another state than its change makes of the one before",
                where=f"model {commit.model!r} in {self._store.uri}",
                do="Somebody rewrote the log; restore it from a backup of the store.",
            )
        return commit.state

    def _has_history(self, name: str) -> bool:
        try:
            check_name(name)
        except SpecError:
            return False
        return self._store.head(f"models/{name}/log/{1:020}.json") is not None


def _registered(commit: Commit) -> ModelVersion:
    """The version that a commit registered; the caller knows that it did."""
    if not isinstance(commit.change, Register):
        raise TypeError(commit)
    return commit.change.entry


def _number(state: RegistryState, alias: str) -> int:
    target = state.aliases.get(alias)
    return target.number if target else 0


def _moves(commit: Commit, alias: str) -> bool:
    return isinstance(commit.change, Point) and commit.change.alias == alias


def _repeats(commit: Commit, by: Author) -> bool:
    return isinstance(commit.change, Point) and commit.change.rollback and bool(by.run_id) and commit.by == by


def _yanks(commit: Commit, number: int) -> bool:
    return isinstance(commit.change, Yank) and commit.change.number == number


def live_since(store: ObjectStore, name: str, number: int, of: Callable[[RegistryState], int | None]) -> str:
    """When a version went live: of the commits that say so without a break the oldest; empty when it is not live now.

    Args:
        store: where the registry lies.
        name: the model.
        number: the version.
        of: which version is live in a state.
    """
    log = Log(store, name)
    found = ""
    for _, commit in zip(range(_FARTHEST), log.backwards(log.tip()), strict=False):
        if of(commit.state) != number:
            break
        found = commit.at
    return found
