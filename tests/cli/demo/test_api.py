"""What the demo asks of an Airflow that has its troubles."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from taxiway.cli.demo import api as module
from taxiway.cli.demo.api import Api
from taxiway.core.errors import BackendError


class Airflow:
    """Answers requests as it is told to, in turn, and keeps what it was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []


@pytest.fixture
def ask():
    """Makes a client of an Airflow that gives some answers."""
    with contextlib.ExitStack() as stack:

        def asking(*answers):
            airflow = Airflow(*answers)

            class Handler(BaseHTTPRequestHandler):
                def do_GET(self):
                    if self.path == "/auth/token":
                        return self.say(200, {"access_token": "t"})
                    return self.say(*airflow.answers.pop(0))

                def do_POST(self):
                    airflow.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                    self.say(*airflow.answers.pop(0))

                def say(self, status, body):
                    data = json.dumps(body).encode()
                    self.send_response(status)
                    self.send_header("content-length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

                def log_message(self, *_):
                    pass

            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            threading.Thread(target=server.serve_forever).start()
            stack.callback(server.shutdown)
            client = Api(f"http://127.0.0.1:{server.server_port}", lambda: None)
            stack.callback(client.close)
            return client, airflow

        yield asking


LOCKED = (500, {"detail": {"reason": "Database error"}})


def test_a_request_that_a_locked_database_refused_is_repeated(ask):
    client, _ = ask(LOCKED, LOCKED, (200, {"state": "running"}))
    assert client.state("a", "b") == "running"


def test_a_run_that_was_made_although_its_answer_was_an_error_is_not_made_twice(ask):
    client, airflow = ask(LOCKED, (409, {"detail": "it is there"}))
    run = client.trigger("a", "why")
    assert [one["dag_run_id"] for one in airflow.asked] == [run, run]


def test_what_stays_an_error_is_told_in_the_end(ask, monkeypatch):
    monkeypatch.setattr(module, "_TROUBLED_S", 0.0)
    client, _ = ask(LOCKED)
    with pytest.raises(BackendError, match=r"Airflow's API refused a request. Got 500: .*Database error"):
        client.trigger("a", "why")
