"""Every error Taxiway raises: one class per thing the caller can do about it.

The text of an error says what went wrong, where, what was expected, what was found and what to do, and it stays short
however big the data is.
"""

from typing import Any, Self

_LONGEST_PART = 600


def _clip(text: str) -> str:
    text = str(text).strip()
    return text if len(text) <= _LONGEST_PART else f"{text[:_LONGEST_PART]}… ({len(text)} characters)"


class TaxiwayError(Exception):
    """The root of all errors of Taxiway.

    Attributes:
        retryable: whether the same call may succeed later without anybody changing anything.
        what: the fault in one clause; `where`, `expected`, `got` and `do` complete it and may be empty.
        details: what is too long for the sentence, such as the traceback of a job; for the log.
    """

    retryable: bool = False
    details: str = ""

    def __init__(self, what: str, *, where: str = "", expected: object = "", got: object = "", do: str = "") -> None:
        self.what, self.where, self.do = _clip(what), _clip(where), _clip(do)
        self.expected, self.got = _clip(str(expected)), _clip(str(got))
        super().__init__(self._sentence())

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors cross processes, and a constructor with keywords cannot be called again with `args` alone."""
        return (self._restore, (self.args, vars(self)))

    @classmethod
    def _restore(cls, args: tuple[Any, ...], state: dict[str, Any]) -> Self:
        error = cls.__new__(cls, *args)
        vars(error).update(state)
        return error

    def _sentence(self) -> str:
        parts = [f"{self.where}: {self.what}" if self.where else self.what]
        parts += [f"Expected {self.expected}"] if self.expected else []
        parts += [f"Got {self.got}"] if self.got else []
        parts += [self.do] if self.do else []
        return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts)


class SpecError(TaxiwayError, ValueError):
    """Fix your code or recipe: nothing will change by trying again."""


class IntegrityError(TaxiwayError):
    """Bytes are not what was promised; nothing that depends on them may go on."""


class GateRefused(TaxiwayError):  # noqa: N818 - a decision, not a fault
    """A gate decided against the model; the verdicts say why."""


class Conflict(TaxiwayError):  # noqa: N818 - two right decisions met
    """Somebody else changed the same thing first: read again and decide again."""


class BackendError(TaxiwayError):
    """The other system misbehaved; trying again may help."""

    retryable = True


class DeadlineExceeded(TaxiwayError):  # noqa: N818 - the field's own word
    """The clock ran out; the retry policy decides."""

    retryable = True
