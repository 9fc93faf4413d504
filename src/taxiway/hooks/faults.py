"""The one place where Taxiway's errors become Airflow's words: fail, retry or skip."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from taxiway.core.errors import GateRefused, TaxiwayError

OnRefusal = Literal["fail", "skip"]
"""What becomes of a task whose gate refuses the model: it fails without a retry, or it and what follows is skipped."""

_log = logging.getLogger("airflow.task.taxiway")


class Interrupted(BaseException):
    """Airflow told the task to stop while it was waiting for its job."""


@contextmanager
def in_airflows_words(on_refusal: OnRefusal = "fail") -> Iterator[None]:
    """Turns a `TaxiwayError` into what Airflow acts on.

    Raises:
        AirflowSkipException: a gate refused, and `on_refusal` is `skip`.
        AirflowFailException: trying again would end the same way; Airflow does not retry.
        TaxiwayError: trying again may help; Airflow retries as the task says.
    """
    try:
        yield
    except GateRefused as error:
        if on_refusal == "skip":
            raise AirflowSkipException(str(error)) from None
        raise AirflowFailException(str(error)) from None
    except TaxiwayError as error:
        if error.details:
            _log.error("%s", error.details)
        if error.retryable:
            raise
        raise AirflowFailException(str(error)) from None
