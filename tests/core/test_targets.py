import pytest

from taxiway.core import DockerServer, Everybody, LocalServer, Tokens
from taxiway.core.errors import SpecError


@pytest.mark.parametrize("server", [LocalServer, lambda **given: DockerServer("serve:1", **given)])
def test_a_server_that_others_can_reach_must_say_who_may_ask(server):
    assert server(host="localhost").access is None
    with pytest.raises(SpecError, match="others can reach this server, and nobody said who may ask it"):
        server(host="::")
    assert server(host="::", access=Tokens("tokens")).access == Tokens("tokens")
    assert server(host="::", access=Everybody()).access == Everybody()


@pytest.mark.parametrize("half", [{"certificate": "cert.pem"}, {"certificate_key": "key.pem"}])
def test_half_a_certificate_is_refused(half):
    with pytest.raises(SpecError, match="a certificate and its key belong together"):
        LocalServer(**half)
