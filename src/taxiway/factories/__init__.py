"""From a recipe to DAGs: `lifecycle`, and its parts for hand assembly. Nothing here does what an operator cannot."""

from taxiway.factories.assets import (
    candidate_asset,
    champion_asset,
    dataset_asset,
    drift_asset,
    predictions_asset,
    retrain_asset,
    service_asset,
)
from taxiway.factories.lifecycle import Lifecycle, lifecycle
from taxiway.factories.monitoring import drift_dag, monitoring_dag, performance_dag
from taxiway.factories.notices import notices_dag, tell
from taxiway.factories.scoring import scoring_dag
from taxiway.factories.serving import deployment_dag, rollback_dag
from taxiway.factories.training import training_dag

__all__ = [
    "Lifecycle",
    "candidate_asset",
    "champion_asset",
    "dataset_asset",
    "deployment_dag",
    "drift_asset",
    "drift_dag",
    "lifecycle",
    "monitoring_dag",
    "notices_dag",
    "performance_dag",
    "predictions_asset",
    "retrain_asset",
    "rollback_dag",
    "scoring_dag",
    "service_asset",
    "tell",
    "training_dag",
]
