import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from taxiway.core import BusinessMetric
from taxiway.core.errors import BackendError, SpecError
from taxiway.hooks.measures import measure

BOOKINGS = 'sum(rate(bookings{service="$service",version="$version"}[${seconds}s]))'


@contextmanager
def prometheus(answer, status=200):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(parse_qs(urlsplit(self.path).query)["query"][0])
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", asked
    finally:
        server.shutdown()
        server.server_close()


def vector(*values):
    result = [{"metric": {}, "value": [1700000000.0, value]} for value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def asked(answer, status=200):
    with prometheus(answer, status) as (url, queries):
        value = measure(BusinessMetric("bookings", BOOKINGS, url, at_least=1), "delays", 3, 59.2)
    return value, queries


def test_a_query_is_asked_about_the_version_and_the_window():
    value, queries = asked(vector("1.5"))
    assert value == 1.5
    assert queries == ['sum(rate(bookings{service="delays",version="3"}[60s]))']


def test_a_scalar_is_a_number_too():
    answer = {"status": "success", "data": {"resultType": "scalar", "result": [1700000000.0, "2"]}}
    assert asked(answer)[0] == 2.0


@pytest.mark.parametrize("answer", [vector(), vector("NaN"), vector("+Inf")])
def test_no_number_is_none(answer):
    assert asked(answer)[0] is None


def test_several_numbers_are_not_one():
    with pytest.raises(SpecError, match=r"does not give one number\. Got 2 series"):
        asked(vector("1", "2"))


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"<html>", 200),
        (b"", 500),
        ({"status": "error", "error": "query timed out"}, 200),
        ({"status": "success"}, 200),
        ([], 200),
    ],
)
def test_a_server_that_does_not_answer_the_query_is_a_fault_of_the_server(answer, status):
    with pytest.raises(BackendError, match=r"Prometheus did not answer.*Try it there: sum\(rate"):
        asked(answer, status)


def test_a_server_that_is_not_there_is_too():
    with pytest.raises(BackendError, match="Prometheus did not answer"):
        measure(BusinessMetric("b", "up", "http://127.0.0.1:9", at_least=1), "delays", 3, 60)


def test_other_addresses_are_refused():
    with pytest.raises(SpecError, match="no address of a Prometheus server"):
        measure(BusinessMetric("b", "up", "file:///etc", at_least=1), "delays", 3, 60)


def bookings(service, version, seconds):
    return {1: 10, 2: None, 3: float("nan"), 4: 1 / 0 if version == 4 else 0}[version]


@pytest.mark.parametrize(("version", "value"), [(1, 10.0), (2, None), (3, None)])
def test_a_function_is_called_with_the_version_and_the_window(monkeypatch, version, value):
    monkeypatch.setattr("own_code.bookings", bookings, raising=False)
    assert measure(BusinessMetric("b", "own_code:bookings", at_least=1), "delays", version, 60) == value


def test_a_function_that_raises_is_a_fault_that_is_counted_apart(monkeypatch):
    monkeypatch.setattr("own_code.bookings", bookings, raising=False)
    with pytest.raises(BackendError, match=r"own_code:bookings: the function of a business metric failed.*ZeroDiv"):
        measure(BusinessMetric("b", "own_code:bookings", at_least=1), "delays", 4, 60)
