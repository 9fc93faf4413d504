"""`taxiway doctor`: is this Airflow, with its store, its cluster and its Slack, one that Taxiway works in?"""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from taxiway.cli import output, places
from taxiway.cli.airflow import as_airflow_does

if TYPE_CHECKING:
    from taxiway.stores.probe import Finding

Airflow = Annotated[
    str, typer.Option("--airflow", metavar="URL|here", help="Airflow's API server, or 'here' for [api] base_url.")
]
Slack = Annotated[str, typer.Option("--slack", help="Id of an Airflow connection to Slack, to be asked.")]
Jobs = Annotated[
    str, typer.Option("--kubernetes", metavar="ID[/NAMESPACE]", help="The Airflow connection to where jobs run.")
]
Services = Annotated[
    str, typer.Option("--serving", metavar="ID[/NAMESPACE]", help="The Airflow connection to where services run.")
]
Gpu = Annotated[list[str] | None, typer.Option("--gpu", help="A resource that nodes must have. Repeatable.")]
_HERE, _LOCAL = "here", "http://localhost:8080"
_CLUSTER, _SLACK = "kubernetes_default", "slack_api_default"


class Asked(NamedTuple):
    """What is to be asked; empty for what is not."""

    airflow: str
    store: str
    kubernetes: str
    serving: str
    gpus: tuple[str, ...]
    slack: str


def doctor(
    context: typer.Context,
    *,
    airflow: Airflow = "",
    store: places.Store = "",
    kubernetes: Jobs = "",
    serving: Services = "",
    gpu: Gpu = None,
    slack: Slack = "",
    as_json: places.AsJson = False,
) -> None:
    """Examine this Airflow and what is around it; exit code 1 when something must be mended, with one remedy for each.

    Without options everything that is there is asked: Airflow, the store, and the cluster and Slack that its default
    connections name. Options choose what to ask. Run it where tasks run, under their account.
    """
    given = context.get_parameter_source("store")
    chosen = airflow or kubernetes or serving or slack or (given is not None and given.name == "COMMANDLINE")
    asked = Asked(airflow, store, kubernetes, serving, tuple(gpu or ()), slack)
    findings = list(_findings(asked) if chosen else _everything(asked))
    wrong = sum(not one.ok for one in findings)
    about = {"store": places.as_uri(store)} if store else {}
    output.findings(
        findings, about=about, as_json=as_json, sound="All is well.", unsound=f"{wrong} to mend, from the top down."
    )


def _everything(asked: Asked) -> "Iterator[Finding]":
    """What there is to be asked here, by Airflow's configuration and its default connections."""
    if importlib.util.find_spec("airflow") is None:
        yield from _findings(asked._replace(airflow=_HERE, store=asked.store or places.default_store()))
        return
    airflow = list(_airflow(asked._replace(airflow=_HERE)))
    yield from airflow
    if not airflow[0].ok:
        return
    with as_airflow_does():
        near = "KUBERNETES_SERVICE_HOST" in os.environ or _is_connection(_CLUSTER)
        far = _is_connection(_SLACK)
    there = asked._replace(kubernetes=_CLUSTER if near else "", slack=_SLACK if far else "")
    yield from _own_store() if not asked.store else ()
    yield from _findings(there)


def _findings(asked: Asked) -> "Iterator[Finding]":
    if asked.airflow:
        yield from _airflow(asked)
    if asked.store:
        from taxiway.stores.probe import probe

        yield from probe(places.opened(asked.store))
    if asked.kubernetes or asked.serving:
        yield from _cluster(asked)
    if asked.slack:
        with as_airflow_does():
            from taxiway.hooks.checkup.slack import slack

            yield from list(slack(asked.slack))


def _airflow(asked: Asked) -> "Iterator[Finding]":
    """Its parts are only asked when its version is one that can be."""
    from taxiway.hooks.checkup.versions import plugin, versions

    found = list(versions())
    yield from found
    if not found[0].ok:
        return
    with as_airflow_does():
        from airflow.configuration import conf

        folder, base = conf.get("core", "plugins_folder"), conf.get("api", "base_url", fallback="") or _LOCAL
    from taxiway.hooks.checkup.health import health

    yield from plugin(Path(folder))
    yield from health(base if asked.airflow == _HERE else asked.airflow)


def _own_store() -> "Iterator[Finding]":
    """The store that tasks use: the one of the connection, with its credentials."""
    from taxiway.core.errors import TaxiwayError
    from taxiway.stores.probe import Finding, probe

    with as_airflow_does():
        from taxiway.hooks.store import TaxiwayHook

        try:
            yield from list(probe(TaxiwayHook().store()))
        except TaxiwayError as error:
            yield Finding.of("the store of the connection 'taxiway_default' opens", error)


def _cluster(asked: Asked) -> "Iterator[Finding]":
    with as_airflow_does():
        from taxiway.hooks.checkup.cluster import DEPLOY, connected
        from taxiway.hooks.store import TaxiwayHook

        if asked.kubernetes:
            yield from list(connected(TaxiwayHook(), asked.kubernetes, gpus=asked.gpus))
        if asked.serving:
            yield from list(connected(TaxiwayHook(), asked.serving, rights=DEPLOY))


def _is_connection(conn_id: str) -> bool:
    from airflow.models.connection import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        Connection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        return False
    return True
