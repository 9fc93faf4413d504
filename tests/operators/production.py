"""Production as the operators watch it: hour after hour, in a folder of its own each."""

from datetime import timedelta

import polars as pl

import airflow_home
from runtime.monitoring_kit import START, rows
from taxiway.core import Alarm, Dataset, Drift, Monitoring

MODEL = "flight-delay"
ALARM = Alarm(quiet=timedelta(0), cool_down=timedelta(hours=6), max_drop=0.05)


def asked(watch, **changes):
    uri = f"{(watch.place.folder / 'production').as_uri()}/{{{{ window.start.strftime('%Y%m%d%H') }}}}/"
    values = {"window": Dataset("production", uri), "drift": Drift(season="none"), "alarm": ALARM, "owner": "ann"}
    return Monitoring(**{**values, **changes})


def write(watch, n, data, *names):
    when = f"{START + timedelta(hours=n):%Y%m%d%H}"
    return watch.write(data, *(f"{when}/{name}" for name in names or ("0",)))


def broken(n):
    """A sensor that says one value: the model is sure of nothing any more."""
    return rows(1500, n + 1).with_columns(delay=pl.lit(0.0))


def look(watch, n, dag):
    """Runs the DAG for the window of hour `n`."""
    span = {"start": (START + timedelta(hours=n)).isoformat(), "end": (START + timedelta(hours=n + 1)).isoformat()}
    return airflow_home.run(dag, **span)
