"""Tells Airflow what a person did here, so that the DAGs that wait for it start."""

import logging

from airflow.assets.manager import asset_manager
from airflow.models.asset import AssetModel
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from taxiway.core import assets
from taxiway.core.registry import ModelVersion

_log = logging.getLogger(__name__)


def tell_of_champion(session: Session, version: ModelVersion) -> str:
    """Makes an event of the champion's asset, as the promoting task does; gives what to say about it.

    The commit was made before, and stays whatever happens here.
    """
    known = assets.champion(version.model.name)
    try:
        found = session.scalar(select(AssetModel).where(AssetModel.name == known.name, AssetModel.uri == known.uri))
        if found is None:
            return "No DAG of this Airflow knows its asset, so none was started."
        asset_manager.register_asset_change(
            asset=found,
            extra=version.dump(),
            source_is_api=True,
            session=session,
        )
    except SQLAlchemyError:
        _log.exception("The event of %s could not be made", known.uri)
        return "The DAGs that wait for the champion could not be told: start them by hand."
    return "The DAGs that wait for the champion were told."
