"""Opening a store by its URI: which obstore client, and with which patience."""

import functools
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from taxiway.core.errors import SpecError
from taxiway.core.names import nearest
from taxiway.stores.faults import translated
from taxiway.stores.paths import check_path

if TYPE_CHECKING:
    from obstore.store import ClientConfig, MemoryStore, RetryConfig
    from obstore.store import ObjectStore as Client

_SCHEMES = ("file", "s3", "gs", "az", "memory")
_WHERE = "the store's URI"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")


class Backend(NamedTuple):
    """An opened store.

    Attributes:
        uri: normalised, ends with `/`.
        client: obstore's.
        prefix: what stands before every path in the client's eyes; empty or ends with `/`.
        root: the local folder, resolved; none when the store is not a folder.
        patience_s: how long one operation may take, repetitions included.
        options: what it was opened with, secrets among them: never print them.
    """

    uri: str
    client: "Client"
    prefix: str
    root: str | None
    patience_s: float
    options: dict[str, str]


def connect(uri: str, credentials: Mapping[str, str] | None, patience_s: float) -> Backend:
    """Opens `uri` without asking the store anything.

    Raises:
        SpecError: the URI names no store we know, or an option is unknown.
    """
    scheme, rest = _parts(uri)
    if scheme == "file":
        return _folder(uri, rest, patience_s)
    bucket, prefix = _bucket(rest)
    options = dict(credentials or {})
    with translated(uri):
        client = _CLIENTS[scheme](bucket, options, patience_s)
    return Backend(f"{scheme}://{bucket}/{prefix}", client, prefix, None, patience_s, options)


def share(backend: Backend, uri: str) -> Backend | None:
    """Opens `uri` through the client that is there; None where that is of another bucket, or was given credentials.

    Raises:
        SpecError: the URI names no store we know.
    """
    scheme, rest = _parts(uri)
    bucket, prefix = _bucket(rest)
    if scheme == "file" or backend.options or not backend.uri.startswith(f"{scheme}://{bucket}/"):
        return None
    return backend._replace(uri=f"{scheme}://{bucket}/{prefix}", prefix=prefix)


def _parts(uri: str) -> tuple[str, str]:
    scheme, sign, rest = uri.partition("://")
    if scheme not in _SCHEMES or not rest or "@" in rest.partition("/")[0]:
        raise SpecError(
            "this does not name a store",
            where=_WHERE,
            expected="file:///folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix",
            got=repr(uri) if "@" not in uri else "one with credentials in it",
            do="Give credentials apart from the URI." if "@" in uri else (nearest(scheme, _SCHEMES) if sign else ""),
        )
    return scheme, rest


def _bucket(rest: str) -> tuple[str, str]:
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    return bucket, f"{check_path(prefix, where=_WHERE)}/" if prefix else ""


def _folder(uri: str, rest: str, patience_s: float) -> Backend:
    from obstore.store import LocalStore

    if not rest.startswith("/"):
        raise SpecError(
            "a folder is named by its absolute path",
            where=_WHERE,
            expected="file:///folder, with three slashes",
            got=repr(uri),
            do="Write the whole path.",
        )
    folder = Path(unquote(rest)).resolve()
    check_path(str(folder).strip("/") or "root", where=_WHERE)
    prefix = "" if folder == Path("/") else f"{str(folder).strip('/')}/"
    return Backend(f"{folder.as_uri().rstrip('/')}/", LocalStore(), prefix, str(folder), patience_s, {})


def _s3(bucket: str, options: dict[str, Any], patience_s: float) -> "Client":
    from obstore.store import S3Store

    endpoint = _first(
        options, ("endpoint", "endpoint_url", "aws_endpoint", "aws_endpoint_url", "aws_endpoint_url_s3")
    ) or _first(os.environ, ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"))
    if endpoint:
        options = {"endpoint": endpoint, **options}
    return S3Store(
        bucket,
        config=options,  # type: ignore[arg-type]
        client_options=_client_options(endpoint, patience_s),
        retry_config=_retries(patience_s),
        credential_provider=None if options.get("access_key_id") else _profile(),
    )


def _gs(bucket: str, options: dict[str, Any], patience_s: float) -> "Client":
    from obstore.store import GCSStore

    client_options = _client_options(None, patience_s)
    return GCSStore(bucket, config=options, client_options=client_options, retry_config=_retries(patience_s))  # type: ignore[arg-type]


def _az(container: str, options: dict[str, Any], patience_s: float) -> "Client":
    from obstore.store import AzureStore

    client_options = _client_options(_first(options, ("endpoint", "azure_endpoint")), patience_s)
    return AzureStore(container, config=options, client_options=client_options, retry_config=_retries(patience_s))  # type: ignore[arg-type]


def _memory(name: str, options: dict[str, Any], patience_s: float) -> "Client":
    del options, patience_s
    return _shared_memory(name)


@functools.cache
def _shared_memory(name: str) -> "MemoryStore":
    """Within one process the same name is the same store: that is what the cache is for."""
    del name
    from obstore.store import MemoryStore

    return MemoryStore()


_CLIENTS = {"s3": _s3, "gs": _gs, "az": _az, "memory": _memory}


def _first(options: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((options[name] for name in names if options.get(name)), "")


def _client_options(endpoint: str | None, patience_s: float) -> "ClientConfig":
    options: ClientConfig = {
        "timeout": timedelta(seconds=patience_s),
        "connect_timeout": timedelta(seconds=min(5.0, patience_s)),
    }
    if endpoint and plain_http(endpoint):
        options["allow_http"] = True
    return options


def plain_http(endpoint: str) -> bool:
    """Whether to talk to an endpoint without TLS: on the loopback interface, or where `AWS_ALLOW_HTTP` says so."""
    parts = urlsplit(endpoint)
    told = os.environ.get("AWS_ALLOW_HTTP", "").lower() in {"1", "true", "yes"}
    return parts.scheme == "http" and (told or parts.hostname in _LOOPBACK)


def _retries(patience_s: float) -> "RetryConfig":
    return {
        "max_retries": 10,
        "retry_timeout": timedelta(seconds=patience_s),
        "backoff": {
            "init_backoff": timedelta(seconds=0.1),
            "max_backoff": timedelta(seconds=min(5.0, patience_s)),
            "base": 2,
        },
    }


def _profile() -> Any:
    """The credentials of a profile on this machine, which obstore does not read; none without a profile or boto3."""
    files = (os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"), "~/.aws/config")
    if any(os.environ.get(name) for name in _KEYS) or not any(Path(file).expanduser().exists() for file in files):
        return None
    try:
        from boto3 import Session
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        return None
    session = Session()
    return Boto3CredentialProvider(session) if session.get_credentials() else None
