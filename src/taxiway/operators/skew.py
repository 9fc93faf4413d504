"""Holds what is served against what was learned from, as a schema says it."""

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from taxiway.core.errors import GateRefused
from taxiway.hooks.faults import in_airflows_words
from taxiway.links import RecordLink
from taxiway.operators.base import TaxiwayOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class SkewOperator(TaxiwayOperator):
    """Gives the `SkewReport` of a window beside the training data of the version that was live in it.

    Both profiles are in the store, so no row is read again. Skips when either is not there.

    :param report: the window's `DriftReport`. (templated)
    :param most: the largest difference of a share that is still alike.
    :param fail: fail, without a retry, when anything is broken.
    """

    template_fields = ("report", *TaxiwayOperator.template_fields)
    operator_extra_links = (RecordLink(),)

    def __init__(self, *, report: Any, most: float = 0.05, fail: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.report = report
        self.most = most
        self.fail = fail

    def execute(self, context: "Context") -> dict[str, Any]:
        """The report as JSON."""
        with in_airflows_words():
            from taxiway.core.drift import DriftReport
            from taxiway.core.outcomes import Outcome
            from taxiway.core.profiles import Profile
            from taxiway.core.skew import skew

            drift = DriftReport.load(self.report)
            version = self.hook.registry().version(drift.window.model, drift.number) if drift.number else None
            if version is None or version.profile is None or drift.profile is None:
                raise AirflowSkipException("There are no two profiles to compare.")
            blobs = self.hook.blobs()
            training, serving = (Profile.load(blobs.get_record(one).dump()) for one in (version.profile, drift.profile))
            found = skew(training, serving, most=self.most)
            lines = [f"{one.column}, {one.breach}: expected {one.expected}, got {one.got}" for one in found.found]
            for line in lines:
                self.log.warning("%s", line)
            context["ti"].xcom_push("report", found.dump())
            if self.fail and found.outcome is Outcome.FAIL:
                raise GateRefused("what is served is not what was learned from", got="; ".join(lines[:5]))
            return found.dump()
