import json

import pytest

import samples
from taxiway.core import DockerServer, Everybody, Tokens
from taxiway.core.errors import BackendError, SpecError
from taxiway.targets.docker import DockerPlatform

STATE = samples.service_state()


def platform(store="s3://models/", credentials=None, **changes):
    return DockerPlatform("delays", DockerServer("taxiway-serve:1", **changes), store, credentials=credentials)


def test_a_plan_is_a_container_with_no_more_rights_than_it_needs_and_names_no_secrets():
    made = platform(credentials={"secret_access_key": "very secret"}, env={"API_KEY": "very secret"})
    plan = made.plan(STATE)
    assert "very secret" not in json.dumps(plan)
    assert plan["environment"] == ["API_KEY", "AWS_SECRET_ACCESS_KEY"]
    assert (plan["read_only"], plan["cap_drop"], plan["security_opt"]) == (True, ["ALL"], ["no-new-privileges"])
    assert (plan["url"], plan["ports"]) == ("http://127.0.0.1:8090", {"8080/tcp": ["127.0.0.1", 8090]})
    assert plan["restart_policy"] == {"Name": "unless-stopped"}


def test_other_settings_are_another_order_and_the_same_ones_are_not():
    orders = [platform(**changes).plan(STATE)["labels"] for changes in ({}, {}, {"port": 1234})]
    assert orders[0] == orders[1] != orders[2]


def test_tokens_are_a_file_of_the_machine_that_the_container_reads():
    plan = platform(access=Tokens("/etc/tokens")).plan(STATE)
    assert "/etc/tokens:/run/taxiway/tokens:ro" in plan["volumes"]
    assert plan["command"][-4:] == ["--tokens", "/run/taxiway/tokens", "--open-metrics", "--plain-http"]


def test_a_container_that_would_not_see_its_store_is_refused():
    with pytest.raises(SpecError, match="the container would not see its store"):
        platform("file:///models/store").check()
    platform("file:///models/store", volumes=("/models:/models:ro",)).check()


EVERYWHERE = "0.0.0.0"  # noqa: S104 - for containers


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({"host": EVERYWHERE, "url": "tcp://engine.example:2376"}, "http://engine.example:8090"),
        ({"host": EVERYWHERE}, "http://127.0.0.1:8090"),
        ({"host": "10.0.0.7"}, "http://10.0.0.7:8090"),
    ],
)
def test_it_is_asked_where_the_engine_publishes_it(changes, url):
    assert platform(access=Everybody(), **changes).url == url


def test_an_engine_that_is_not_there_is_named():
    pytest.importorskip("docker.client", reason="Docker's client is not installed: pip install docker")
    nowhere = platform(url="tcp://127.0.0.1:1")
    with pytest.raises(BackendError, match=r"the docker engine could not do it"):
        nowhere.apply(STATE)
    sight = nowhere.observe(STATE)
    assert not sight.settled
    assert "nor does the engine" in sight.detail
