"""A real S3 server on the loopback interface for tests: versitygw over a temporary folder.

Its program is looked for at $TAXIWAY_VERSITYGW, on the PATH and in ~/.cache/taxiway/bin.
"""

import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

HOW_TO_INSTALL = (
    "versitygw, a real S3 server, is not installed: go install github.com/versity/versitygw/cmd/versitygw@latest, "
    "and put it on the PATH or into ~/.cache/taxiway/bin"
)


class S3(NamedTuple):
    """A running server and one bucket in it; `options` opens it with `open_store(uri, credentials=options)`."""

    port: int
    bucket: str
    options: dict[str, str]

    def uri(self) -> str:
        """A fresh prefix."""
        return f"s3://{self.bucket}/{uuid.uuid4().hex}"

    def through(self, port: int) -> dict[str, str]:
        """The same server behind a proxy."""
        return {**self.options, "endpoint": f"http://127.0.0.1:{port}"}

    def environment(self) -> dict[str, str]:
        """What a child process needs to open it without options."""
        return {
            "AWS_ENDPOINT_URL": self.options["endpoint"],
            "AWS_ACCESS_KEY_ID": self.options["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.options["secret_access_key"],
            "AWS_REGION": self.options["region"],
        }


def binary() -> str | None:
    given = os.environ.get("TAXIWAY_VERSITYGW")
    cached = Path("~/.cache/taxiway/bin/versitygw").expanduser()
    return given or shutil.which("versitygw") or (str(cached) if cached.exists() else None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path) -> Iterator[S3]:
    """A server over `folder`; it is stopped by its process id at the end."""
    program = binary()
    if program is None:
        pytest.skip(HOW_TO_INSTALL)
    (folder / "taxiway").mkdir(parents=True, exist_ok=True)
    port = free_port()
    address = f"127.0.0.1:{port}"
    command = [program, "--quiet", "--port", address, "--access", "test", "--secret", "testtest", "posix", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(server, port)
        keys = {"access_key_id": "test", "secret_access_key": "testtest", "region": "us-east-1"}
        yield S3(port, "taxiway", {**keys, "endpoint": f"http://{address}"})
    finally:
        server.terminate()
        server.wait(10)


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("versitygw did not answer")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """One server for all tests of a session; every test takes its own prefix."""
    with serving(tmp_path_factory.mktemp("s3")) as server:
        yield server
