"""Where a store is, by what an Airflow connection says of it."""

import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import conf

from taxiway.core.errors import SpecError

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from taxiway.core.resources import Profiles
    from taxiway.stores.objects import ObjectStore


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a store is, and what opens it: obstore's option names, never printed.

    Attributes:
        uri: of the store.
        credentials: what opens it.
        sizes: the resource profiles of its platform, as JSON data, as JSON text, or the path of a JSON file.
    """

    uri: str
    credentials: Mapping[str, str] | None = dataclasses.field(default=None, repr=False)
    sizes: Mapping[str, Any] | str = ""

    def open(self) -> "ObjectStore":
        """The store."""
        from taxiway.stores.objects import open_store

        return open_store(self.uri, credentials=self.credentials)

    @functools.cached_property
    def profiles(self) -> "Profiles":
        """The resource profiles.

        Raises:
            SpecError: they cannot be read.
        """
        from taxiway.core.resources import load_profiles

        where = "the resource profiles ([taxiway] profiles, or the field 'profiles' of the connection)"
        return load_profiles(_read(self.sizes, where), where=where)


def configured() -> Place:
    """The place that `[taxiway] store` names."""
    return Place(str(conf.get("taxiway", "store")), sizes=_sizes({}))


def place_of(extra: Mapping[str, Any], aws: "Connection | None", *, conn_id: str) -> Place:
    """The place that a connection of type `taxiway` names.

    Args:
        extra: its fields.
        aws: the AWS connection that one of them names, if any.
        conn_id: its id, for what is said when it names no store.

    Raises:
        SpecError: it names no store, or the AWS connection cannot be used.
    """
    if not extra.get("store"):
        raise SpecError(
            "the connection names no store",
            where=f"connection {conn_id!r}",
            expected='a URI in the field \'store\' (in the extra: {"store": "s3://bucket/prefix"})',
            got=f"the fields {', '.join(sorted(extra)) or 'none'}",
            do="Edit the connection.",
        )
    options = _aws_options(aws, extra.get("region")) if aws else {}
    options |= {"region": str(extra["region"])} if extra.get("region") else {}
    options |= {"endpoint": str(extra["endpoint"])} if extra.get("endpoint") else {}
    return Place(str(extra["store"]), options or None, _sizes(extra))


def _sizes(extra: Mapping[str, Any]) -> Mapping[str, Any] | str:
    return extra.get("profiles") or str(conf.get("taxiway", "profiles", fallback="") or "")


def _read(sizes: Mapping[str, Any] | str, where: str) -> Any:
    if isinstance(sizes, Mapping) or not sizes.strip():
        return sizes or {}
    try:
        return json.loads(sizes if sizes.lstrip().startswith("{") else Path(sizes).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpecError(
            "this is neither JSON nor the path of a JSON file",
            where=where,
            expected='{"gpu.small": {"gpus": 1, "memory": "16Gi"}}',
            got=error,
        ) from None


def _aws_options(connection: "Connection", region: str | None) -> dict[str, str]:
    try:
        from airflow.providers.amazon.aws.hooks.base_aws import BaseSessionFactory
    except ImportError:
        raise SpecError(
            "credentials from an AWS connection need the Amazon provider",
            where=f"connection {connection.conn_id!r}",
            do="pip install apache-airflow-providers-amazon",
        ) from None
    factory = BaseSessionFactory(conn=connection, region_name=region)  # type: ignore[arg-type]
    session = factory.create_session()
    keys = session.get_credentials().get_frozen_credentials()
    options = {
        "access_key_id": keys.access_key,
        "secret_access_key": keys.secret_key,
        "session_token": keys.token,
        "region": session.region_name,
        "endpoint": factory.conn.get_service_endpoint_url("s3"),
    }
    return {name: value for name, value in options.items() if value}
