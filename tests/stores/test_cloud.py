from taxiway.stores.backends import plain_http


def test_plain_http_is_for_loopback_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.delenv("AWS_ALLOW_HTTP", raising=False)
    assert plain_http("http://127.0.0.1:9000")
    assert not plain_http("http://10.244.0.1:9000")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    assert plain_http("http://10.244.0.1:9000")
    assert not plain_http("https://10.244.0.1:9000")
