"""A load generator: so many connections, each with one request under way, as fast as the server answers.

It writes and reads bytes and parses nothing but the status and the length, so that it costs little beside what it
measures. `python load.py PORT CONNECTIONS SECONDS PATH` reads the body from standard input and prints JSON.
"""

import asyncio
import json
import sys
import time

WARM_S = 0.5


class Connection(asyncio.Protocol):
    def __init__(self, request: bytes, measured: list, ended: asyncio.Future) -> None:
        self._request, self._measured, self._ended = request, measured, ended
        self._held = b""
        self._sent = 0.0
        self.failed = 0
        self.stopping = False

    def connection_made(self, transport) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, rest = self._held.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.lower().index(b"content-length:") + 15
        length = int(head[at : at + 12].split(b"\r\n")[0])
        if len(rest) < length:
            return
        now = time.perf_counter()
        self._held = b""
        self._measured.append((now, now - self._sent))
        self.failed += b" 200 " not in head[:16]
        if self.stopping:
            self._transport.close()
        else:
            self._ask()

    def connection_lost(self, _) -> None:
        if not self._ended.done():
            self._ended.set_result(self.failed + (not self.stopping))


async def load(port: int, connections: int, seconds: float, path: str, body: bytes) -> dict:
    """Requests a second, latencies in ms, and how many failed, after a short while of warming up."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    loop, measured, opened, ends = asyncio.get_running_loop(), [], [], []
    for _ in range(connections):
        ends.append(loop.create_future())
        _, one = await loop.create_connection(lambda: Connection(request, measured, ends[-1]), "127.0.0.1", port)
        opened.append(one)
    await asyncio.sleep(WARM_S)
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    ended = time.perf_counter()
    for one in opened:
        one.stopping = True
    failed = sum(await asyncio.wait_for(asyncio.gather(*ends), 60))
    times = sorted(took for at, took in measured if began <= at <= ended)
    at = (
        {p: times[min(len(times) - 1, int(p * len(times)))] * 1000 for p in (0.5, 0.99)} if times else {0.5: 0, 0.99: 0}
    )
    return {"rps": len(times) / (ended - began), "p50": at[0.5], "p99": at[0.99], "failed": failed}


def main() -> None:
    try:
        import uvloop

        run = uvloop.run
    except ImportError:
        run = asyncio.run
    port, connections, seconds, path = sys.argv[1:5]
    body = sys.stdin.buffer.read()
    print(json.dumps(run(load(int(port), int(connections), float(seconds), path, body))))


if __name__ == "__main__":
    main()
