"""The names and addresses of the assets that DAGs of different teams meet at."""

from typing import NamedTuple

from taxiway.core.names import CHAMPION, check_name


class AssetName(NamedTuple):
    """An asset, as Airflow knows it."""

    name: str
    uri: str


def asset_name(kind: str, name: str, what: str) -> AssetName:
    """The asset `what` of a model or dataset.

    The scheme begins with x-, which Airflow keeps as it is: any other one makes it load every provider to ask for a
    handler, in each parse of each file.

    Raises:
        SpecError: nothing can have this name.
    """
    return AssetName(f"{check_name(name)}.{what}", f"x-taxiway://{kind}/{name}/{what}")


def champion(model: str) -> AssetName:
    """The champion of a model."""
    return asset_name("models", model, CHAMPION)
