"""Any other Airflow notifier as a channel: e-mail, console, another chat."""

from typing import Any, Literal

from taxiway.core import plain
from taxiway.core.delivery import AnswerLost, Letter
from taxiway.core.errors import BackendError, SpecError
from taxiway.core.specs.alerts import NotifierAlerts
from taxiway.engines.entry_points import load_entry_point
from taxiway.hooks.clock import within

_PATIENCE_S = 60.0
"""How long a notifier may take, in seconds; its own patience is mostly shorter."""
_AGAIN = "This may have been sent before: whoever sent it was cut off."


class NotifierChannel:
    """A notifier that is told each change by a call of its own; a `OneWay` channel."""

    edits: Literal[False] = False

    def __init__(self, to: NotifierAlerts) -> None:
        self._to = to
        self._where = f"notifier {to.notifier!r}"

    def check(self) -> None:
        """Builds the notifier once, which finds what is misspelt."""
        self._notifier()

    def send(self, letters: tuple[Letter, ...], *, again: bool) -> None:
        """Tells the newest letter, and those before it in a line each.

        The notifier's `notify` is called, not the notifier: what is told is never rendered as a template.
        """
        notifier = self._notifier()
        for attribute, value in self._said(letters, again=again).items():
            setattr(notifier, attribute, value)
        try:
            within(lambda: notifier.notify({}), _PATIENCE_S)
        except AnswerLost:
            raise
        except Exception as error:
            raise BackendError(
                "the notifier failed",
                where=self._where,
                got=f"{type(error).__name__}: {error}",
                do="Correct its arguments or its connection; it is tried again.",
            ) from error

    def _notifier(self) -> Any:
        made = load_entry_point(self._to.notifier, where="NotifierAlerts.notifier")
        try:
            return made(**self._to.arguments)
        except (TypeError, ValueError) as error:
            raise SpecError(
                "the notifier cannot be made with these arguments",
                where=self._where,
                got=str(error),
                do="Correct NotifierAlerts(arguments={…}).",
            ) from error

    def _said(self, letters: tuple[Letter, ...], *, again: bool) -> dict[str, str]:
        newest, to = letters[-1].notice, self._to
        before = [plain.title(one.notice) for one in letters[:-1]] + ([_AGAIN] if again else [])
        told = {
            to.title: plain.title(newest),
            to.text: "\n".join([plain.text(newest, owner=to.owner), *before]),
            to.html: "\n".join([plain.html(newest, owner=to.owner), *(plain.paragraph(one) for one in before)]),
        }
        return {attribute: value for attribute, value in told.items() if attribute}
