"""The command line and the variables of a server, the same wherever it runs."""

from collections.abc import Mapping

from taxiway.core.specs.targets import Tuning

_VARIABLES = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}


def serve(service: str, store: str, *, host: str, port: int, tuning: Tuning, version: int | None = None) -> list[str]:
    """The words behind `python -m taxiway.runtime`, without who may ask and TLS."""
    words = ["serve", "--service", service, "--store", store, "--host", host, "--port", str(port)]
    words += ["--version", str(version)] if version is not None else []
    words += ["--signed-by", tuning.signed_by] if tuning.signed_by is not None else []
    return [
        *words,
        *("--deadline-s", f"{tuning.deadline_s:g}"),
        *("--queue", str(tuning.queue)),
        *("--batch", str(tuning.batch)),
        *("--predictors", str(tuning.predictors)),
        *("--sample", f"{tuning.sample:g}"),
        *("--drain-s", f"{tuning.drain_s:g}"),
    ]


def variables(store: str, credentials: Mapping[str, str] | None) -> dict[str, str]:
    """The credentials of a store as the variables that its own tools read."""
    prefix = _VARIABLES.get(store.partition("://")[0], "")
    named = {name.removeprefix(prefix.lower()): value for name, value in (credentials or {}).items()}
    return {f"{prefix}{name.upper()}": value for name, value in named.items()}
