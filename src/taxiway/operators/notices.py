"""Delivers what waits in the outbox."""

from typing import TYPE_CHECKING, Any, Literal

from taxiway.core.errors import BackendError
from taxiway.hooks.faults import in_airflows_words
from taxiway.operators.base import TaxiwayOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class DeliverOperator(TaxiwayOperator):
    """Gives how many conversations are told to their end, and how many are not.

    What is not told yet stays in the outbox, whatever becomes of this task; it fails to show that somebody should look,
    and no pipeline waits for it. Where nobody reacted in time it calls whom the alerts name.

    :param within_s: no conversation is begun after so many seconds.
    :param on_trouble: `fail` the task when something could not be told, or `log` it.
    """

    def __init__(self, *, within_s: float = 240.0, on_trouble: Literal["fail", "log"] = "fail", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.within_s = within_s
        self.on_trouble = on_trouble

    def execute(self, context: "Context") -> dict[str, int]:  # noqa: ARG002
        """The two numbers as JSON: `done` and `left`."""
        with in_airflows_words():
            delivery = self.hook.notices().deliver(within_s=self.within_s)
            for trouble in delivery.troubles:
                self.log.warning("%s", trouble)
            if delivery.troubles and self.on_trouble == "fail":
                raise BackendError(
                    f"{delivery.left} conversations could not be told to their end, and wait in the outbox",
                    got=delivery.troubles[0],
                    do="Mend what it says; nothing is lost.",
                )
            return {"done": delivery.done, "left": delivery.left}
