"""What obstore reports, in our words: one table."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from obstore.exceptions import BaseError

from taxiway.core.errors import BackendError, SpecError, TaxiwayError


class NotFound(BackendError):  # noqa: N818 - the field's own word
    """There is no such object; asking again will not help."""

    retryable = False


class ConnectionLost(BackendError):  # noqa: N818 - the field's own word
    """The store did not answer, or not to the end: what was asked may have happened or not."""


class _Fault(NamedTuple):
    seen: str
    error: type[TaxiwayError]
    what: str
    do: str


_NEEDS_MOUNT = "Make it writable, or choose another store."
_FAULTS = (
    _Fault(
        r"NoSuchBucket|ContainerNotFound|bucket does not exist",
        SpecError,
        "there is no such bucket",
        "Create it, or correct the store's URI.",
    ),
    _Fault(r"Configuration key", SpecError, "an option of the store is not known", "Correct or remove it."),
    _Fault(r"InvalidBucketName", SpecError, "this cannot be a bucket's name", "Correct the store's URI."),
    _Fault(
        r"(os error |Errno )(28|122)\b|No space left|StorageFull|QuotaExceeded",
        BackendError,
        "the store is full; nothing was written",
        "Free some space.",
    ),
    _Fault(
        r"File system loop|(os error |Errno )40\b",
        SpecError,
        "a symbolic link leads in a circle",
        "Take the link away.",
    ),
    _Fault(r"(os error |Errno )30\b|Read-only", BackendError, "the store can only be read", _NEEDS_MOUNT),
    _Fault(
        r"SignatureDoesNotMatch|InvalidAccessKeyId|ExpiredToken|Unauthenticated|InvalidToken|Missing\w*Key",
        BackendError,
        "the store refuses these credentials",
        "Renew or correct them.",
    ),
    _Fault(
        r"(os error |Errno )(1|13)\b|403 Forbidden|AccessDenied|lacked the necessary privileges",
        BackendError,
        "access is denied",
        "Give the identity this runs under the right to read, list and create objects here.",
    ),
    _Fault(
        r"PermanentRedirect|AuthorizationHeaderMalformed|301 Moved",
        SpecError,
        "the bucket is in another region",
        "Set the region it is in (AWS_REGION).",
    ),
    _Fault(
        r"ObjectParentIsFile|ExistingObjectIsDirectory|(os error |Errno )(17|20|21)\b",
        BackendError,
        "an object and a folder have the same name",
        "Move one of them away.",
    ),
    _Fault(
        r"(os error |Errno )36\b|KeyTooLong", SpecError, "the name is too long for this store", "Choose a shorter one."
    ),
    _Fault(
        r"timed out|deadline has elapsed|TimedOut",
        ConnectionLost,
        "the store did not answer in time",
        "Try again; look at the store's health if it stays slow.",
    ),
    _Fault(
        r"HTTP error|connection|error sending request|error decoding response|IncompleteMessage|dns error",
        ConnectionLost,
        "the connection to the store failed or was dropped",
        "Try again; look at the endpoint and the network if it stays so.",
    ),
)
_ANSWER = re.compile(r"<Code>(?P<code>[^<]{1,100})</Code>(?:\s*<Message>(?P<message>[^<]{1,300})</Message>)?")


def translate(error: Exception, where: str) -> TaxiwayError:
    """The error of ours that says what obstore or the operating system said."""
    text = str(error)
    if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in text:
        return NotFound("there is no such object", where=where, do="Check the store and the name.")
    for fault in _FAULTS:
        if re.search(fault.seen, text):
            return fault.error(fault.what, where=where, got=_said(text), do=fault.do)
    return BackendError("the store failed", where=where, got=_said(text), do="Try again; read what it said.")


def _said(text: str) -> str:
    """What the store itself said, without obstore's debugging output and without what a signature was made of."""
    head = text.partition("\n\nDebug source")[0]
    answer = _ANSWER.search(head)
    if answer:
        return ": ".join(part.strip() for part in answer.groups() if part)
    return head.partition("<?xml")[0].strip()


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turns what obstore and the operating system raise into errors of ours about `where`."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        if isinstance(error, TaxiwayError):
            raise
        raise translate(error, where) from None
