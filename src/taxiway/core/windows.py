"""Windows: the stretches of time that production is looked at in."""

from datetime import UTC, datetime, timedelta

from taxiway.core.errors import SpecError
from taxiway.core.names import Name
from taxiway.core.records import Record

SPANS = {
    "@hourly": timedelta(hours=1),
    "@daily": timedelta(days=1),
    "@weekly": timedelta(weeks=1),
}
"""The presets whose windows have one length."""


class Window(Record):
    """What was looked at.

    Attributes:
        model: the model's name, or that of the table where there is none.
        population: which part of the production.
        start: ISO 8601, UTC; what happens then is in the window.
        end: ISO 8601, UTC; what happens then is not.
    """

    model: Name
    population: Name
    start: str
    end: str

    @property
    def slug(self) -> str:
        """The window as a part of a path; later windows sort behind earlier ones."""
        return "--".join(f"{moment(text):%Y%m%dT%H%M%S}" for text in (self.start, self.end))


def moment(text: str) -> datetime:
    """The time that an ISO 8601 text says; UTC where it does not say a zone.

    Raises:
        SpecError: it says none.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SpecError("this is no time", expected="ISO 8601, such as 2026-01-01T00:00:00+00:00", got=text) from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def iso(at: datetime) -> str:
    """The one text of a time."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def window(model: str, population: str, start: datetime, end: datetime) -> Window:
    """The window from `start` up to, and without, `end`.

    Raises:
        SpecError: it has no length.
    """
    if not start < end:
        raise SpecError(
            "a window ends after it starts",
            where=f"model {model!r}",
            expected=f"an end after {iso(start)}",
            got=iso(end),
            do="Look at the interval of the run.",
        )
    return Window(model=model, population=population, start=iso(start), end=iso(end))


def last_whole(schedule: str | None, now: datetime) -> tuple[datetime, datetime]:
    """The newest window of a preset that is over; for runs that have no interval of their own.

    Raises:
        SpecError: the schedule does not say how long its windows are.
    """
    span = SPANS.get(schedule or "")
    if span is None:
        raise SpecError(
            "this run does not say which window it means",
            where=f"schedule {schedule!r}",
            expected="a run with a logical date, or one of the schedules " + ", ".join(SPANS),
            do="Start it with a logical date.",
        )
    monday = datetime(2024, 1, 1, tzinfo=UTC)
    end = monday + (now.astimezone(UTC) - monday) // span * span
    return end - span, end


def same_slot(asked: Window, season: str, count: int) -> list[Window]:
    """The `count` windows of the same hour (`hour`: of every day; `weekday`: of every week) before this one.

    The newest first; none without a season, and where a window is longer than the time between two.
    """
    step = timedelta(days=1) if season == "hour" else timedelta(weeks=1)
    start, end = moment(asked.start), moment(asked.end)
    if season == "none" or end - start > step:
        return []
    pairs = [(start - step * back, end - step * back) for back in range(1, count + 1)]
    return [asked.model_copy(update={"start": iso(a), "end": iso(b)}) for a, b in pairs]
