"""Cloud options: what libraries that open object storage themselves must be told, besides what they read themselves."""

import os

from taxiway.stores.backends import plain_http

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def cloud_options(uri: str) -> dict[str, str]:
    """Options for polars and deltalake, in the names of object_store; empty where their defaults will do.

    Credentials are not among them: every library takes them from the same environment as `open_store`.
    """
    endpoint = _endpoint(uri)
    if not endpoint:
        return {}
    options = {"aws_endpoint_url": endpoint, "aws_region": _first(_REGIONS) or "us-east-1"}
    if plain_http(endpoint):
        options["aws_allow_http"] = "true"
    return options


def iceberg_options(uri: str) -> dict[str, str]:
    """The same for pyiceberg, in its names."""
    endpoint = _endpoint(uri)
    return {"s3.endpoint": endpoint, "s3.region": _first(_REGIONS) or "us-east-1"} if endpoint else {}


def _endpoint(uri: str) -> str:
    return _first(_ENDPOINTS) if uri.startswith("s3://") else ""


def _first(names: tuple[str, ...]) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")
