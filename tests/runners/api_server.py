"""As much of a Kubernetes API server as jobs ask for: objects in memory, which the test changes as a cluster would."""

import contextlib
import json
import threading
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ApiServer:
    """Objects by their path; `refuse` and `logs` say what else it answers."""

    def __init__(self):
        self.objects: dict[str, dict] = {}
        self.logs: dict[str, bytes] = {}
        self.refuse: dict[tuple[str, str], tuple[int, str]] = {}
        self.kinds = {"JobSet", "Job"}
        self.schemas = {}
        self.asked: list[str] = []
        self.lasting: set[str] = set()

    def of(self, kind: str) -> list[dict]:
        return [one for one in self.objects.values() if one["kind"] == kind]

    def change(self, name: str, **status) -> None:
        """Gives an object another status."""
        found = next(one for one in self.objects.values() if one["metadata"]["name"] == name)
        found["status"] = status

    def add(self, path: str, body: dict) -> dict:
        made = json.loads(json.dumps(body))
        made["metadata"]["uid"] = uuid.uuid4().hex
        self.objects[f"{path}/{made['metadata']['name']}"] = made
        return made

    def answer(self, method: str, url: str, body: dict | None) -> tuple[int, bytes]:
        path, _, query = url.partition("?")
        self.asked.append(f"{method} {path}")
        given = dict(urllib.parse.parse_qsl(query))
        for (word, part), (status, message) in self.refuse.items():
            if word == method and part in path:
                return status, json.dumps({"kind": "Status", "message": message}).encode()
        return getattr(self, f"_{method.lower()}")(path, given, body)

    def _get(self, path, query, _):
        parts = path.split("/")
        if path.endswith("/log"):
            return (200, self.logs[parts[-2]]) if parts[-2] in self.logs else (400, b"no log yet")
        if path.startswith("/openapi/v3/"):
            return (200, json.dumps(self.schemas).encode()) if self.schemas else (404, b"{}")
        if "namespaces" not in parts:
            return 200, json.dumps({"resources": [{"kind": kind} for kind in sorted(self.kinds)]}).encode()
        if parts[-2] != "namespaces" and len(parts) > parts.index("namespaces") + 3:
            found = self.objects.get(path)
            return (200, json.dumps(found).encode()) if found else (404, b"{}")
        items = [one for key, one in self.objects.items() if key.rpartition("/")[0] == path and _fits(one, query)]
        return 200, json.dumps({"items": items}).encode()

    def _post(self, path, _, body):
        if f"{path}/{body['metadata']['name']}" in self.objects:
            return 409, b'{"message": "there is one"}'
        return 201, json.dumps(self.add(path, body)).encode()

    def _delete(self, path, _, body):
        name = path.rpartition("/")[2]
        if name in self.lasting and body.get("gracePeriodSeconds") != 0:
            return 200, b"{}"
        gone = self.objects.pop(path, None)
        uid = gone["metadata"]["uid"] if gone else ""
        for key, one in list(self.objects.items()):
            owners = {owner["uid"] for owner in one["metadata"].get("ownerReferences", ())}
            if uid in owners and one["metadata"]["name"] not in self.lasting:
                del self.objects[key]
        return (200 if gone else 404), b"{}"


def _fits(one, query):
    labels, status = one["metadata"].get("labels", {}), one.get("status", {})
    for part in filter(None, query.get("labelSelector", "").split(",")):
        key, _, value = part.partition("=")
        if key not in labels or (value and labels[key] != value):
            return False
    for part in filter(None, query.get("fieldSelector", "").split(",")):
        key, _, value = part.partition("=")
        held = {"status.phase": status.get("phase"), "involvedObject.name": one.get("involvedObject", {}).get("name")}
        if held[key] != value:
            return False
    return True


@contextlib.contextmanager
def serving():
    """The server, and a function that gives a client of it."""
    server = ApiServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self):
            size = int(self.headers.get("Content-Length", 0))
            status, data = server.answer(self.command, self.path, json.loads(self.rfile.read(size) or b"null"))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - names that http.server looks for

        def log_message(self, *_):
            """Says nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server, _connect(http.server_address[1])
    finally:
        http.shutdown()
        http.server_close()
        thread.join(10)


def _connect(port):
    def connect():
        from kubernetes import client

        settings = client.Configuration()
        settings.host, settings.retries = f"http://127.0.0.1:{port}", False
        return client.ApiClient(settings)

    return connect
