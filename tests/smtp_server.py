"""A mail server on the loopback interface that keeps what it is sent."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class Mail(socketserver.StreamRequestHandler):
    """One conversation."""

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline():
            word = line.strip().upper()
            if word == b"DATA":
                self.say("354 go on")
                self.server.kept.append(self.letter())
                self.say("250 kept")
            elif word == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 yes")

    def letter(self) -> EmailMessage:
        lines = iter(self.rfile.readline, b".\r\n")
        return message_from_bytes(b"".join(line.removeprefix(b".") for line in lines), policy=policy.default)

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def receiving() -> Iterator[tuple[int, list[EmailMessage]]]:
    """The port it listens on, and the mails that came."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail) as server:
        server.daemon_threads, server.kept = True, []
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.server_address[1], server.kept
        server.shutdown()
        thread.join(10)
