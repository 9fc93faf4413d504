import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from contract.target import PlatformContract, predict, settled
from runtime.serving.kit import SERVICE, Airfield, alive, until
from taxiway.core import LocalServer, Tokens, Tuning, WebTokens
from taxiway.core.errors import BackendError
from taxiway.runtime import keeper, output, process
from taxiway.targets.local import LocalPlatform

TESTS = Path(__file__).parents[1]
QUICK = Tuning(sample=0.0, drain_s=5.0)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def airfield(tmp_path):
    return Airfield.at(tmp_path)


@pytest.fixture
def platform(airfield, tmp_path):
    made = make(airfield, tmp_path)
    yield made
    made.remove()


def make(airfield, folder, **changes):
    spec = {"port": free_port(), "env": {"PYTHONPATH": str(TESTS)}, "tuning": QUICK, **changes}
    return LocalPlatform(SERVICE, LocalServer(**spec), airfield.uri, state=folder / "state")


class TestLocalPlatform(PlatformContract):
    @pytest.fixture
    def airfield(self, tmp_path):
        return Airfield.at(tmp_path)

    @pytest.fixture
    def platform(self, airfield, tmp_path):
        made = make(airfield, tmp_path)
        yield made
        made.remove()


def started(airfield, platform):
    state = airfield.serve(airfield.register())
    platform.apply(state)
    return state, settled(platform, state)


def began(sight):
    return sight.readings[0].started if sight.settled else None


def server_of(platform):
    found = keeper.kept(platform._folder)
    return process.descendants(found.itself.pid)[0]


def test_a_server_that_is_killed_is_started_again(airfield, platform):
    state, before = started(airfield, platform)
    os.kill(server_of(platform).pid, signal.SIGKILL)
    until(
        lambda: (sight := platform.observe(state)).settled and sight.readings[0].started != before.readings[0].started
    )
    assert predict(platform)


def test_a_server_does_not_outlive_its_keeper(airfield, platform):
    state, _ = started(airfield, platform)
    found, server = keeper.kept(platform._folder), server_of(platform)
    process.kill([found.itself])
    until(lambda: not alive(server.pid))
    assert keeper.kept(platform._folder) is None
    platform.apply(state)
    assert settled(platform, state).settled


def test_other_settings_start_the_server_anew(airfield, platform, tmp_path):
    state, before = started(airfield, platform)
    other = LocalPlatform(
        SERVICE,
        LocalServer(port=platform._spec.port, env={"PYTHONPATH": str(TESTS)}, tuning=Tuning(queue=7, sample=0.0)),
        airfield.uri,
        state=tmp_path / "state",
    )
    other.apply(state)
    assert settled(other, state).readings[0].started != before.readings[0].started
    assert "7" in Path(f"/proc/{server_of(other).pid}/cmdline").read_bytes().decode().split("\0")


def test_two_who_start_it_at_once_start_one(airfield, platform):
    state = airfield.serve(airfield.register())
    platform.apply(state)
    platform.apply(state)
    settled(platform, state)
    folder = platform._folder
    order = platform._order()
    keeper.keep(platform._python, order)
    assert keeper.kept(folder).name == order.name


def test_a_server_that_cannot_start_says_why_again_and_again(airfield, tmp_path):
    platform = make(airfield, tmp_path, access=Tokens("/nowhere/tokens"))
    state = airfield.serve(airfield.register())
    try:
        platform.apply(state)
        until(lambda: '"the server ended", "code": 1, "again_s": 0.8' in platform.observe(state).detail)
        said = "".join(part.path.read_text() for part in output.segments(platform._folder / "output"))
        assert "/nowhere/tokens" in said
    finally:
        platform.remove()


def test_an_interpreter_that_does_not_exist_is_named(airfield, tmp_path):
    platform = make(airfield, tmp_path, python="/nowhere/python")
    with pytest.raises(BackendError, match=r"keeper could not be started.*Try by hand: /nowhere/python -P -m taxiway"):
        platform.apply(airfield.serve(airfield.register()))


def test_who_may_ask_is_shown_a_token(airfield, tmp_path):
    (tmp_path / "tokens").write_text("first-token-of-many\nsecond-token-of-many\n")
    platform = make(airfield, tmp_path, access=Tokens(str(tmp_path / "tokens")))
    try:
        started(airfield, platform)
        assert predict(platform)
    finally:
        platform.remove()


def test_a_plan_names_no_secrets(airfield, tmp_path):
    platform = LocalPlatform(
        SERVICE,
        LocalServer(
            env={"API_KEY": "very secret"},
            access=WebTokens("https://idp/keys", "flights", "https://idp/"),
            tuning=Tuning(signed_by="/etc/keys.pem"),
        ),
        "s3://models/",
        credentials={"secret_access_key": "very secret", "access_key_id": "me"},
        state=tmp_path,
    )
    plan = platform.plan(airfield.serve(airfield.register()))
    assert "very secret" not in json.dumps(plan)
    assert plan["env"] == ["API_KEY"]
    assert plan["url"] == "http://127.0.0.1:8090"
    assert {"--jwks", "https://idp/keys", "--plain-http", "--signed-by", "/etc/keys.pem"} <= {*plan["command"]}
    assert platform._order().env["AWS_SECRET_ACCESS_KEY"] == "very secret"


def test_asking_somebody_who_is_not_there_ends_soon(airfield, platform):
    began = time.monotonic()
    sight = platform.observe(airfield.serve(airfield.register()))
    assert not sight.settled
    assert sight.unreachable == ("local",)
    assert time.monotonic() - began < 30
