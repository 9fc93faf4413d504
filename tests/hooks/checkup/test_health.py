import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from taxiway.hooks.checkup.health import PARTS, PATH, health

ALIVE = {"status": "healthy"}


@contextmanager
def api_server(answer, status=200):
    """An API server that gives one answer; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == f"/airflow/{PATH}" else 404)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/airflow/"
        server.shutdown()
        thread.join()


def wrong(found):
    return [(one.check, one.detail, one.remedy) for one in found if not one.ok]


def test_an_airflow_whose_parts_are_all_alive_is_well():
    with api_server(json.dumps(dict.fromkeys(PARTS, ALIVE))) as url:
        found = list(health(url))
    assert wrong(found) == []
    assert len(found) == 1 + len(PARTS) + 1


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"status": None, "latest_triggerer_heartbeat": None}, "There was never one."),
        (None, "There was never one."),
        ({"status": "unhealthy", "latest_triggerer_heartbeat": "2026-11-01"}, "unhealthy; last seen 2026-11-01"),
    ],
)
def test_a_missing_triggerer_is_found_with_how_to_start_one(told, said):
    with api_server(json.dumps({**dict.fromkeys(PARTS, ALIVE), "triggerer": told})) as url:
        ((check, detail, remedy),) = wrong(health(url))
    assert "a triggerer is alive" in check
    assert said in detail
    assert "airflow triggerer" in remedy


def test_a_clock_that_is_off_is_found_whichever_way_it_is():
    with api_server(json.dumps(dict.fromkeys(PARTS, ALIVE))) as url:
        for off, said in ((-3600, "3600 s ahead of"), (3600, "3599 s behind")):
            ((check, detail, remedy),) = wrong(health(url, clock=lambda off=off: time.time() + off))
            assert check == "the clocks of this machine and of Airflow's API server agree"
            assert abs(int(detail.split(" is ")[1].split()[0]) - int(said.split()[0])) <= 2
            assert said.split(maxsplit=2)[2] in detail
            assert "NTP" in remedy


@pytest.mark.parametrize(("answer", "status"), [("no JSON", 200), ("[1]", 200), ("{}", 503)])
def test_a_server_that_is_no_airflow_is_one_finding(answer, status):
    with api_server(answer, status) as url:
        ((check, _, remedy),) = wrong(health(url))
    assert check == f"Airflow's API server at {url} answers"
    assert "--airflow URL" in remedy


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "no url", "ftp://127.0.0.1"])
def test_no_server_at_all_is_one_finding(url):
    assert len(wrong(health(url))) == 1
