import asyncio
import json

import pytest

from taxiway.core.errors import SpecError
from taxiway.hooks.store import Place, TaxiwayHook

pytestmark = pytest.mark.usefixtures("airflow")


@pytest.fixture
def connect(monkeypatch):
    def connecting(conn_id="taxiway_default", conn_type="taxiway", **values):
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({"conn_type": conn_type, **values}))

    return connecting


def test_without_a_connection_the_configured_store_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", tmp_path.as_uri())
    assert TaxiwayHook().place == Place(tmp_path.as_uri())


def test_without_anything_the_store_is_a_folder_of_airflows_home(airflow):
    assert TaxiwayHook().place == Place(f"file://{airflow.HOME}/taxiway")


def test_the_connection_wins(connect, monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", "file:///elsewhere")
    connect(extra={"store": tmp_path.as_uri()})
    assert TaxiwayHook().place.uri == tmp_path.as_uri()
    assert TaxiwayHook().test_connection() == (True, f"The store at {tmp_path.as_uri()}/ answers.")


def test_another_connection_must_exist():
    with pytest.raises(SpecError, match="there is no connection 'lab'"):
        _ = TaxiwayHook("lab").place


def test_a_connection_without_a_store_says_what_is_missing(connect):
    connect(extra={"region": "eu-west-1"})
    with pytest.raises(SpecError, match=r"'taxiway_default': the connection names no store.*the fields region"):
        _ = TaxiwayHook().place


def test_credentials_come_from_an_aws_connection(connect):
    connect(extra={"store": "s3://bucket/prefix", "aws_conn_id": "minio", "region": "eu-west-1"})
    connect("minio", "aws", login="key", password="secret", extra={"endpoint_url": "http://127.0.0.1:9000"})
    place = TaxiwayHook().place
    assert place.credentials == {
        "access_key_id": "key",
        "secret_access_key": "secret",
        "region": "eu-west-1",
        "endpoint": "http://127.0.0.1:9000",
    }
    assert "secret" not in repr(place)


def test_the_event_loop_of_a_trigger_finds_the_same_place(connect):
    connect(extra={"store": "s3://bucket/prefix", "aws_conn_id": "minio", "endpoint": "http://127.0.0.1:9000"})
    connect("minio", "aws", login="key", password="secret", extra={"region_name": "eu-west-1"})
    assert asyncio.run(TaxiwayHook().aplace()) == TaxiwayHook().place


def test_a_connection_that_does_not_work_says_why(connect):
    connect(extra={"store": "ftp://x"})
    works, why = TaxiwayHook().test_connection()
    assert not works
    assert "ftp" in why
