"""Bad neighbours for tests: a proxy that is slow or drops connections, and an S3 server that ignores conditions."""

import http.server
import re
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate

Meddle = Callable[[bytes], bytes | None]
"""What a proxy does with what it is about to pass on: gives it, other bytes, or None to drop the connection."""


class Proxy:
    """A TCP proxy on the loopback interface. `up` meddles with requests, `down` with answers; both may wait."""

    def __init__(self, target: int) -> None:
        self.up: Meddle = lambda data: data
        self.down: Meddle = lambda data: data
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            for source, sink, side in ((client, server, "up"), (server, client, "down")):
                threading.Thread(target=self._pass, args=(source, sink, side), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, side: str) -> None:
        try:
            while data := source.recv(65536):
                passed = getattr(self, side)(data)
                if passed is None:
                    break
                sink.sendall(passed)
        except OSError:
            pass
        finally:
            for each in (source, sink):
                _close(each)


def _close(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@contextmanager
def proxied(target: int) -> Iterator[Proxy]:
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()


class CarelessS3(http.server.BaseHTTPRequestHandler):
    """S3 as some stores speak it: it takes `If-None-Match: *` and overwrites all the same.

    Writes are first answered with `refusals`, one each: a status and S3's word for it; nothing is stored then.
    """

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]
    refusals: list[tuple[int, str]]

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["content-length"]))
        if self.refusals:
            status, code = self.refusals.pop(0)
            self._answer(status, f"<Error><Code>{code}</Code></Error>".encode())
            return
        self.objects[self._key()] = data
        self._answer(200, b"")

    def do_GET(self) -> None:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        if "list-type" in query:
            self._answer(200, self._listing(query.get("prefix", [""])[0], query.get("start-after", [""])[0]))
        elif self._key() in self.objects:
            self._answer(200, self.objects[self._key()])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["content-length"])).decode()
        keys = re.findall(r"<Key>(.*?)</Key>", asked)
        for key in keys:
            self.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    def log_message(self, *args: object) -> None:
        pass

    def _key(self) -> str:
        return urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).split("/", 2)[2]

    def _listing(self, prefix: str, after: str) -> bytes:
        keys = [key for key in sorted(self.objects) if key.startswith(prefix) and key > after]
        stamp = "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag>"
        rows = "".join(f"<Contents><Key>{k}</Key><Size>{len(self.objects[k])}</Size>{stamp}</Contents>" for k in keys)
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", '"x"')
        self.send_header("last-modified", formatdate(usegmt=True))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def careless_s3(*refusals: tuple[int, str], objects: dict[str, bytes] | None = None) -> Iterator[int]:
    handler = type("Handler", (CarelessS3,), {"objects": objects or {}, "refusals": list(refusals)})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
