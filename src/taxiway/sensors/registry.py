"""Waits for a version, or for an alias to move."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf

from taxiway.hooks import DEFAULT_CONN_ID
from taxiway.hooks.faults import in_airflows_words
from taxiway.hooks.store import TaxiwayHook
from taxiway.triggers.registry import RegistryTrigger, arrived

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.sdk import Context


class ModelVersionSensor(BaseSensorOperator):
    """Succeeds with the `ModelVersion` when an alias points beyond a version, or when a version was registered.

    :param model: the model's name. (templated)
    :param alias: which alias; none waits for any registered version. (templated)
    :param beyond: wait for another version than this one (a higher one, without an alias); 0 for any.
    :param taxiway_conn_id: id of the store's connection. (templated)
    :param deferrable: wait in the triggerer instead of the worker.
    """

    template_fields: "Sequence[str]" = ("model", "alias", "taxiway_conn_id")

    def __init__(
        self,
        *,
        model: str,
        alias: str | None = None,
        beyond: int = 0,
        taxiway_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.alias = alias
        self.beyond = beyond
        self.taxiway_conn_id = taxiway_conn_id
        self.deferrable = deferrable

    def execute(self, context: "Context") -> Any:
        """The version as JSON."""
        if self.deferrable and not self.poke(context).is_done:
            trigger = RegistryTrigger(
                self.model,
                alias=self.alias,
                beyond=self.beyond,
                taxiway_conn_id=self.taxiway_conn_id,
                poll_s=self.poke_interval,
            )
            timeout: timedelta | float = self.timeout
            self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)
        return super().execute(context)

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The same after a deferral."""
        with in_airflows_words():
            return TaxiwayHook(self.taxiway_conn_id).registry().version(self.model, event["number"]).dump()

    def poke(self, context: "Context") -> PokeReturnValue:  # noqa: ARG002
        """Whether it is there."""
        with in_airflows_words():
            registry = TaxiwayHook(self.taxiway_conn_id).registry()
            number = arrived(registry.state(self.model), self.alias, self.beyond)
            if number is None:
                return PokeReturnValue(is_done=False)
            return PokeReturnValue(is_done=True, xcom_value=registry.version(self.model, number).dump())
