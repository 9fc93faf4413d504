"""Changes of the registry in words, and what the log says about one version."""

from collections.abc import Iterable
from typing import NamedTuple

from taxiway.core.registry import Change, Commit, ModelVersion, Point, Register, Yank
from taxiway.core.serving import Serve, describe
from taxiway.core.training import Target


class VersionRow(NamedTuple):
    """A version, and what became of it.

    Attributes:
        version: the version.
        by: the commit that registered it.
        aliases: what points at it now.
        yanked: the commit that took it out of use, if one did.
        promoted: the commit that last pointed an alias at it, if one did.
        serving: the services it answers in now, or is a candidate of.
    """

    version: ModelVersion
    by: Commit
    aliases: tuple[str, ...] = ()
    yanked: Commit | None = None
    promoted: Commit | None = None
    serving: tuple[str, ...] = ()


def in_words(change: Change) -> str:
    """What a commit did, as the second half of a sentence: `champion is version 3`."""
    if isinstance(change, Register):
        return f"version {change.entry.number} was registered"
    if isinstance(change, Point):
        verb = "went back to" if change.rollback else "is"
        return f"{change.alias} {verb} version {change.to}"
    if isinstance(change, Serve):
        return f"service {change.state.service}: {describe(change.state)}"
    return f"version {change.number} was yanked"


def version_rows(commits: Iterable[Commit]) -> tuple[VersionRow, ...]:
    """The versions that a whole log speaks of, the newest first."""
    rows: dict[int, VersionRow] = {}
    last: Commit | None = None
    for last in commits:
        _note(rows, last)
    if last is None:
        return ()
    for alias, target in sorted(last.state.aliases.items()):
        rows[target.number] = rows[target.number]._replace(aliases=(*rows[target.number].aliases, alias))
    for name, state in sorted(last.state.services.items()):
        for target in _serving(state.live, state.candidate):
            rows[target.number] = rows[target.number]._replace(serving=(*rows[target.number].serving, name))
    return tuple(rows[number] for number in sorted(rows, reverse=True))


def _note(rows: dict[int, VersionRow], commit: Commit) -> None:
    change = commit.change
    if isinstance(change, Register):
        rows[change.entry.number] = VersionRow(change.entry, commit)
    if isinstance(change, Point):
        rows[change.to] = rows[change.to]._replace(promoted=commit)
    if isinstance(change, Yank) and rows[change.number].yanked is None:
        rows[change.number] = rows[change.number]._replace(yanked=commit)


def _serving(*targets: Target | None) -> list[Target]:
    return [target for target in targets if target is not None]
