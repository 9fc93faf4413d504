"""Profiles in jobs: of the rows a model learned from, of a table that others are held against, and of windows."""

import sys
from typing import TYPE_CHECKING, TypeVar

from taxiway.core.data import DatasetRef
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.monitoring import Live, Profiled, ProfileWork, ReferenceWork
from taxiway.core.performance import Baseline
from taxiway.core.profiles import Profile, blank, merge
from taxiway.core.training import ModelRef
from taxiway.runtime.context import Job

if TYPE_CHECKING:
    import polars as pl

    from taxiway.runtime.production import Production
    from taxiway.stores.objects import ObjectStore

R = TypeVar("R", Profile, Baseline)
NO_REFERENCE = "there is nothing to compare with"


def keep_profile(data: "pl.LazyFrame", model: ModelRef, store: "ObjectStore") -> str | None:
    """Profiles what a model's function was given, and gives the digest; what was held out from it is not in there.

    A training is not lost because its data cannot be profiled: then it says so, and there is none.
    """
    from taxiway.engines import profiles
    from taxiway.stores.blobs import Blobs

    try:
        made = profiles.reference(data, [column.name for column in model.inputs], masked=masked(model.trained_on))
    except SpecError as error:
        sys.stdout.write(f"There is no profile to compare later windows with: {error}\n")
        return None
    return Blobs(store).put_record(made)


def reference(work: ReferenceWork, job: Job) -> Profiled:
    """Profiles a whole table, to compare others with it.

    Raises:
        SpecError: it cannot be read.
    """
    from taxiway.engines import profiles
    from taxiway.runtime.data import frame
    from taxiway.stores.blobs import Blobs

    data = frame(work.dataset, job.store)
    made = profiles.reference(data, work.drift.columns, masked=masked(work.dataset))
    return Profiled(rows=made.rows, profile=Blobs(job.store).put_record(made))


def profile(work: ProfileWork, job: Job) -> Profiled:
    """Profiles a part of a window, at the places of its reference; asks the model where its answers are not there.

    Raises:
        IntegrityError: the data changed since its snapshot.
        SpecError: it cannot be read.
    """
    from taxiway.runtime.production import production
    from taxiway.stores.blobs import Blobs

    at, note = reference_of(work.part.live, work.reference, job.store)
    found = production(work.part, work.monitoring, job)
    if at is None:
        return Profiled(rows=_count(found), note=note)
    made, note = _profiled(work, found, at, job) if found is not None else (blank(at), "")
    return Profiled(rows=made.rows, profile=Blobs(job.store).put_record(made), note=note)


def _profiled(work: ProfileWork, found: "Production", at: Profile, job: Job) -> tuple[Profile, str]:
    from taxiway.engines import profiles
    from taxiway.runtime.production import ask

    part, live = work.part, work.part.live
    hidden = masked(part.dataset) | (masked(live.model.trained_on) if live else frozenset())
    inputs = at.model_copy(update={"columns": tuple(c for c in at.columns if c.role == "input"), "edges": ()})
    answers = at.model_copy(update={"columns": tuple(c for c in at.columns if c.role != "input"), "whole": False})
    if part.holds == "answers":
        return profiles.profile(found.rows, answers, outputs=found.outputs).model_copy(update={"rows": 0}), ""
    rows = found.rows.drop(found.outputs.values())
    made = profiles.profile(rows, inputs, masked=hidden)
    made = made.model_copy(update={"outside": found.outside})
    said, outputs, note = found.rows, found.outputs, ""
    if not outputs and part.holds == "rows" and live is not None and answers.columns:
        asked, note = ask(found.rows, live, job)
        if asked is not None:
            said, outputs = asked, {"prediction": "prediction", "score": "score"}
    if not outputs or not answers.columns:
        return made, note
    told = profiles.profile(said, answers, outputs=outputs)
    return merge([made, told.model_copy(update={"rows": 0, "whole": at.whole})]), note


def reference_of(live: Live | None, table: str | None, store: "ObjectStore") -> tuple[Profile | None, str]:
    """What a window is held against: the live version's profile with what its answers looked like, or a table's.

    Without one there is a sentence that says why.
    """
    digest = table if live is None else live.profile
    if digest is None:
        why = "version {} was registered by a taxiway that kept no profile" if live else "no reference was named"
        return None, f"{NO_REFERENCE}: {why.format(live.number if live else '')}"
    found, note = stored(Profile, digest, store)
    if found is None or live is None or live.baseline is None:
        return found, note
    known, _ = stored(Baseline, live.baseline, store)
    return (_with_answers(found, known) if known else found), ""


def _with_answers(found: Profile, known: Baseline) -> Profile:
    both = sorted([*found.columns, *known.answers.columns], key=lambda one: (one.role, one.name))
    return found.model_copy(
        update={
            "columns": tuple(both),
            "edges": known.answers.edges,
            "confidence": known.answers.confidence,
            "importance": known.importance,
        }
    )


def stored(kind: type[R], digest: str, store: "ObjectStore") -> tuple[R | None, str]:
    """A kept profile or baseline; or none, and the sentence why."""
    from taxiway.stores.blobs import Blobs
    from taxiway.stores.objects import NotFound

    try:
        found = Blobs(store).get_record(digest)
    except (NotFound, IntegrityError, SpecError) as error:
        return None, f"{NO_REFERENCE}: {error}"
    if not isinstance(found, kind):
        return None, f"{NO_REFERENCE}: {digest} is a {type(found).__name__}"
    return found, ""


def masked(dataset: DatasetRef | None) -> frozenset[str]:
    """The columns of a snapshot with personal data, of which no value is kept."""
    return frozenset(dataset.personal if dataset else ())


def _count(found: "Production | None") -> int:
    from taxiway.engines.validation import count_rows

    return count_rows(found.rows) if found else 0
