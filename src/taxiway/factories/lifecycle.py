"""The whole life of a model from one recipe."""

from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import DAG

from taxiway.core.specs.data import Dataset
from taxiway.core.specs.evaluation import Evaluation
from taxiway.core.specs.scoring import Scoring
from taxiway.core.specs.training import Training
from taxiway.factories.monitoring import monitoring_dag, or_retrain, performance_dag
from taxiway.factories.scoring import scoring_dag
from taxiway.factories.serving import deployment_dag, rollback_dag
from taxiway.factories.training import Gate, training_dag

if TYPE_CHECKING:
    from taxiway.core.specs.monitoring import Monitoring
    from taxiway.core.specs.serving import Service


class Lifecycle(NamedTuple):
    """The DAGs of one model; `scoring` is none where the recipe does not score, the others where it does not serve.

    `monitoring` holds one that looks at windows for each population, and one that measures where labels arrive.
    """

    training: DAG
    scoring: DAG | None
    monitoring: tuple[DAG, ...] = ()
    deployment: DAG | None = None
    rollback: DAG | None = None

    @property
    def dags(self) -> tuple[DAG, ...]:
        """All of them."""
        some = (self.scoring, self.deployment, self.rollback)
        return (self.training, *(dag for dag in some if dag), *self.monitoring)


def lifecycle(
    *,
    model: str,
    dataset: Dataset,
    training: Training,
    evaluation: Evaluation,
    gates: tuple[Gate, ...],
    scoring: Scoring | None = None,
    monitoring: "Monitoring | tuple[Monitoring, ...]" = (),
    service: "Service | None" = None,
    **dag: Any,
) -> Lifecycle:
    """The DAG `<model>.training`, and those of what else the recipe names.

    `<model>.scoring` with `scoring`; `<model>.monitoring` with `monitoring`; `<service>.deployment` and
    `<service>.rollback` with `service`.

    Args:
        model: the model's name.
        dataset: what it learns from.
        training: how.
        evaluation: what is measured, and on which rows.
        gates: what has to hold before it gets a number and goes live.
        scoring: what the champion scores, and when.
        monitoring: what to watch of it, for each population; with labels, `<model>.performance` measures them.
        service: what answers requests with the champion, and how a new one goes live.
        dag: `schedule`, when to train: anything that Airflow schedules by; any other argument of `airflow.sdk.DAG`,
            for all of them; and `alerts`, whom to tell what happens: one or several of `SlackAlerts` and
            `NotifierAlerts`.

    Raises:
        SpecError: there is no gate, or one asks for what is not measured.
    """
    schedule = dag.pop("schedule", None)
    watched = monitoring if isinstance(monitoring, tuple | list) else (monitoring,)
    retrains = any(one.retrain for one in watched)
    trained = training_dag(
        model=model,
        dataset=dataset,
        training=training,
        evaluation=evaluation,
        gates=gates,
        schedule=or_retrain(schedule, model) if retrains else schedule,
        retrains=retrains,
        **dag,
    )
    looks = [monitoring_dag(model=model, monitoring=one, evaluation=evaluation, **dag) for one in watched]
    truths = [
        performance_dag(model=model, monitoring=one, evaluation=evaluation, **dag) for one in watched if one.labels
    ]
    return Lifecycle(
        trained,
        scoring_dag(model=model, scoring=scoring, **dag) if scoring else None,
        (*looks, *truths),
        deployment_dag(model=model, service=service, **dag) if service else None,
        rollback_dag(model=model, service=service, **dag) if service else None,
    )
