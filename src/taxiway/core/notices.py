"""Notices: what people are told. One thread per incident or run, and each change of it is the next notice.

A notice holds names, numbers and sentences, never rows: `hide` goes over every text of it before it exists.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, NonNegativeInt

from taxiway.core.names import Digest
from taxiway.core.privacy import hide
from taxiway.core.records import Record

Told = Annotated[str, AfterValidator(hide)]
"""Text for people, without secrets and personal values."""


class Severity(StrEnum):
    """How much it matters."""

    GOOD = "good"
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Fact(Record):
    """A number or a short sentence, and what it is called."""

    label: Told
    value: Told


class TopColumn(Record):
    """A column that stands out.

    Attributes:
        name: its name; never one of its values.
        effect: how much, in words: `0.42 sd`.
        note: what else there is to say.
    """

    name: Told
    effect: Told
    note: Told = ""


class Link(Record):
    """A page to look at; only http and https addresses are shown."""

    label: Told
    url: Told


class Picture(Record):
    """A PNG among the store's blobs.

    Attributes:
        digest: of the blob.
        alt: what is to be seen on it, for those who cannot.
    """

    digest: Digest
    alt: Told


class Notice(Record):
    """What happened.

    Attributes:
        thread: what it belongs to: `incident/<model>/<id>`, `run/<dag>/<run>`. There is one message for each thread.
        title: one line.
        state: one word: `confirmed`, `recovered`, `failed`, `refused`, `waiting`, `live`.
        severity: how much it matters.
        at: when it happened, ISO 8601, UTC.
        number: its place in the thread, from 1. 0 lets the outbox take the next one. Whoever counts the changes of an
            incident says the number, so that telling it again tells nothing twice.
        key: tells a notice that was told before from a new one where `number` is 0; empty for always a new one.
        subject: what it is about: a model, a DAG.
        text: one or two sentences more.
        facts: the numbers.
        columns: the columns that stand out, the worst first.
        links: pages to look at.
        picture: the chart.
        quiet: changes the message and adds no line to the thread.
        asks: a word for what is asked of a person, such as `confirmed`: if nobody reacts in time it is escalated, once
            for each word. Empty when nothing is.
        closes: nothing is left to do about it.
    """

    thread: str
    title: Told
    state: Told
    severity: Severity
    at: str
    number: NonNegativeInt = 0
    key: str = ""
    subject: Told = ""
    text: Told = ""
    facts: tuple[Fact, ...] = ()
    columns: tuple[TopColumn, ...] = ()
    links: tuple[Link, ...] = ()
    picture: Picture | None = None
    quiet: bool = False
    asks: str = ""
    closes: bool = False
