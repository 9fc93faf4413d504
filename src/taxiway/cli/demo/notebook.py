"""A channel for those who have no Slack: what people are told, in a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context


class Notebook(BaseNotifier):
    """Writes each notice behind the last one.

    :param file: where.
    :param text: the notice.
    """

    def __init__(self, file: str, text: str = "") -> None:
        super().__init__()
        self.file = file
        self.text = text

    def notify(self, context: "Context") -> None:  # noqa: ARG002
        """One notice, and an empty line."""
        with Path(self.file).open("a", encoding="utf-8") as file:
            file.write(f"{self.text}\n\n")
