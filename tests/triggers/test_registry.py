import asyncio

import pytest

import samples
from taxiway.hooks.store import TaxiwayHook
from taxiway.triggers.registry import RegistryTrigger


@pytest.fixture
def registry(airflow, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", tmp_path.as_uri())
    made = TaxiwayHook().registry()
    model = samples.model_ref()
    made.register(model, run="r", verdicts=[samples.verdict(model)], metrics={}, report=None, by=samples.author())
    return made


async def first(**arguments):
    return (await anext(aiter(RegistryTrigger("flight-delay", poll_s=0.05, **arguments).run()))).payload


def waited(**arguments):
    return asyncio.run(asyncio.wait_for(first(**arguments), 1.0))


def test_it_fires_for_a_version_that_is_there(registry):
    assert waited() == {"model": "flight-delay", "alias": None, "number": 1}


def test_it_waits_for_a_version_beyond_the_known_one(registry):
    with pytest.raises(TimeoutError):
        waited(beyond=1)


def test_it_waits_until_the_alias_moves(registry):
    with pytest.raises(TimeoutError):
        waited(alias="champion")
    registry.promote("flight-delay", 1, by=samples.author())
    assert waited(alias="champion")["number"] == 1
    with pytest.raises(TimeoutError):
        waited(alias="champion", beyond=1)


def test_it_comes_back_from_its_serialized_form():
    trigger = RegistryTrigger("m", alias="champion", beyond=3)
    path, arguments = trigger.serialize()
    assert path == "taxiway.triggers.registry.RegistryTrigger"
    assert RegistryTrigger(**arguments).serialize() == (path, arguments)
