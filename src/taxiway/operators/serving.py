"""Takes a version live through its service's rollout, gives it up, and goes back to the one before."""

import time
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from taxiway.core.specs.serving import Service
from taxiway.hooks.faults import in_airflows_words
from taxiway.links import RecordLink
from taxiway.operators.base import TaxiwayOperator, author, is_backfill, job_key

if TYPE_CHECKING:
    from airflow.sdk import Context

    from taxiway.core.rollouts import Decision, Tally
    from taxiway.core.serving import ServiceState
    from taxiway.hooks.rollouts import Pilot


class ServiceOperator(TaxiwayOperator):
    """An operator over a service.

    :param model: the model's name. (templated)
    :param service: the `Service`. (templated)
    """

    template_fields = ("model", "service", *TaxiwayOperator.template_fields)
    operator_extra_links = (RecordLink(),)

    def __init__(self, *, model: str, service: Service, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.service = service

    def pilot(
        self, context: "Context", rollout: str, *, version: int | None = None, candidate: int | None = None
    ) -> "Pilot":
        """Who flies this rollout."""
        from taxiway.hooks.serving import field

        found = field(self.hook, self.service, self.model)
        return found.pilot(rollout, by=author(context, ""), version=version, candidate=candidate)


class DeployOperator(ServiceOperator):
    """Takes a version live through the service's rollout, and gives the `ServiceState` in which it is.

    A task that dies leaves the rollout where it is, and the retry goes on there. A version that turns out worse, or was
    not shown to be good in time, is given up: the task fails without a retry, the version before answers everything,
    and the alias points at that again. Nothing is deployed in a backfill.

    :param version: number of the version; the one that the service's alias points at when there is none. (templated)
    :param deferrable: wait in the triggerer instead of the worker, which a rollout of hours should; the triggerer must
        reach the servers then.
    """

    template_fields = ("version", *ServiceOperator.template_fields)

    def __init__(
        self,
        *,
        version: int | str | None = None,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.deferrable = deferrable

    def execute(self, context: "Context") -> dict[str, Any]:
        """The state of the service as JSON."""
        if is_backfill(context):
            raise AirflowSkipException("This is a backfill, and nothing goes live from one.")
        with in_airflows_words():
            from taxiway.core.rollouts import Tally

            version = int(self.version) if self.version else None
            pilot = self.pilot(context, rollout_of(context), version=version)
            pilot.begin()
            return self._fly(context, pilot, Tally())

    def resume(self, context: "Context", event: dict[str, Any]) -> dict[str, Any]:
        """The same after a deferral: the trigger only says that there is something to do, this does it."""
        with in_airflows_words():
            from taxiway.core.rollouts import Tally

            course = event["course"]
            pilot = self.pilot(context, course["rollout"], version=course["version"], candidate=course["candidate"])
            pilot.tend()
            return self._fly(context, pilot, Tally.load(event["tally"]))

    def _fly(self, context: "Context", pilot: "Pilot", tally: "Tally") -> dict[str, Any]:
        from taxiway.core.rollouts import Action

        while (decision := pilot.step(tally)).action is not Action.DONE:
            if decision.reason:
                self.log.info("%s", decision.reason)
            if self.deferrable:
                self._defer(pilot, decision)
            tally = decision.tally
            time.sleep(self.service.every.total_seconds())
        pilot.settle(decision.state)
        state = landed(decision.state, pilot.course.candidate)
        self.announce(context, state)
        return state.dump()

    def _defer(self, pilot: "Pilot", decision: "Decision") -> None:
        from taxiway.triggers.rollouts import RolloutTrigger, waiting

        trigger = RolloutTrigger(taxiway_conn_id=self.taxiway_conn_id, **waiting(pilot, decision))
        self.defer(trigger=trigger, method_name="resume")


class GiveUpOperator(ServiceOperator):
    """Gives up the candidate of a deployment whose task failed; leaves everything alone when it left none.

    For a task behind a `DeployOperator`, with `trigger_rule="one_failed"`.

    :param of: id of the task that deployed. (templated)
    """

    template_fields = ("of", *ServiceOperator.template_fields)

    def __init__(self, *, of: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.of = of

    def execute(self, context: "Context") -> dict[str, Any] | None:
        """The state of the service as JSON; None when nothing was ever served."""
        with in_airflows_words():
            ti = context["ti"]
            pilot = self.pilot(context, f"{ti.dag_id}/{ti.run_id}/{self.of}/")
            state = pilot.give_up("its deployment failed before it was decided")
            if state is None:
                return None
            pilot.settle(state)
            return state.dump()


class RollbackServiceOperator(ServiceOperator):
    """Gives up a candidate, else goes back to the last good version; once per run, however often it is tried.

    It needs nothing of the candidate, of the metrics or of the data the models were trained on. The alias follows.

    :param reason: one sentence for the registry's log. (templated)
    """

    template_fields = ("reason", *ServiceOperator.template_fields)

    def __init__(self, *, reason: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reason = reason

    def execute(self, context: "Context") -> dict[str, Any]:
        """The state of the service as JSON."""
        with in_airflows_words():
            pilot = self.pilot(context, rollout_of(context))
            state = pilot.roll_back(self.reason or "a rollback was asked for")
            pilot.settle(state)
            self.log.info("Version %s of %s serves again", state.live.number if state.live else "none", self.model)
            self.announce(context, state)
            return state.dump()


def rollout_of(context: "Context") -> str:
    """Who drives a rollout: the same for every try of a task, another one when a person clears it."""
    key = job_key(context)
    return f"{key.dag_id}/{key.run_id}/{key.task_id}/{key.map_index}/{key.generation}"


def landed(state: "ServiceState", candidate: int | None) -> "ServiceState":
    """The state, if the candidate is live in it.

    Raises:
        GateRefused: it was given up.
    """
    from taxiway.core.errors import GateRefused

    if state.live is None or state.live.number != candidate:
        raise GateRefused(
            f"version {candidate} was given up: {state.reason}",
            where=f"service {state.service!r} of model {state.model!r}",
            got=f"version {state.live.number} serves" if state.live else "nothing serves",
            do="Look at the registry's history; promote it again to try once more.",
        )
    return state
