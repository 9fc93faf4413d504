"""The assets that DAGs of different teams meet at; the `extra` of their events is the record itself."""

from airflow.sdk import Asset

from taxiway.core.assets import asset_name


def dataset_asset(dataset: str) -> Asset:
    """A dataset kept its contract; the event carries the snapshot, a `DatasetRef`."""
    return _asset("datasets", dataset, "data")


def candidate_asset(model: str) -> Asset:
    """A model passed its gates and got a number; the event carries the `ModelVersion`."""
    return _asset("models", model, "candidate")


def champion_asset(model: str) -> Asset:
    """The champion changed; the event carries the `ModelVersion`."""
    return _asset("models", model, "champion")


def predictions_asset(model: str) -> Asset:
    """A partition was scored; the event carries the `BatchScores`."""
    return _asset("models", model, "predictions")


def drift_asset(name: str) -> Asset:
    """An incident of a model, or of a table, was confirmed; the event carries the `Incident`."""
    return _asset("models", name, "drift")


def retrain_asset(model: str) -> Asset:
    """A retraining is worth it; the event carries the `Ask`."""
    return _asset("models", model, "retrain")


def service_asset(service: str) -> Asset:
    """What answers requests changed; the event carries the `ServiceState`."""
    return _asset("services", service, "live")


def _asset(kind: str, name: str, what: str) -> Asset:
    known = asset_name(kind, name, what)
    return Asset(name=known.name, uri=known.uri, group="taxiway")
