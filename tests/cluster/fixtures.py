"""Fixtures of the system tests: a Kubernetes cluster, a docker engine, and object storage that pods reach.

They take what is there and start nothing but the object storage. What nobody named and nobody started skips the test
with a sentence that says how to start it; what was named and does not answer fails it.
"""

import contextlib
import dataclasses
import fcntl
import ipaddress
import json
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

HERE = Path(__file__).parent
CACHE = Path(
    os.environ.get("TAXIWAY_CLUSTER_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "taxiway")
).expanduser()
STATES = Path(
    os.environ.get("TAXIWAY_CLUSTER_STATE")
    or Path(os.environ.get("XDG_STATE_HOME", "~/.local/state"), "taxiway-cluster")
).expanduser()
AUDIT_LOG = STATES / "cluster" / "logs" / "audit.log"
"""What service accounts asked of the API server, if `up` started it."""
BASE_IMAGE = os.environ.get("TAXIWAY_TEST_BASE_IMAGE", "taxiway-python:3.11")

NO_CLUSTER = "No cluster is running: export KUBECONFIG=$(tests/cluster/up), or name one of your own in KUBECONFIG."
NO_ENGINE = "No docker engine is running: export DOCKER_HOST=$(tests/cluster/docker-up), or start your own."
NO_BASE_IMAGE = (
    f"The engine has no {BASE_IMAGE}: run tests/cluster/base-image, or name another in TAXIWAY_TEST_BASE_IMAGE."
)
NO_S3 = "There is no versitygw: run tests/cluster/build-s3, or put the program on the PATH."
NO_ADDRESS = "Pods cannot reach this machine at {}: name an address that they can reach in TAXIWAY_TEST_ADDRESS."


def program(name: str) -> str | None:
    """A program that tests/cluster/build made, else the one on the PATH."""
    return shutil.which(name, path=f"{CACHE / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}")


def output(
    words: list[str], *, stdin: str | None = None, environment: dict[str, str] | None = None, timeout_s: float = 120
) -> str:
    """What a program prints; a failed assertion with its complaint if it fails."""
    done = subprocess.run(
        words, input=stdin, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, f"{shlex.join(words)}: {done.stderr or done.stdout}"
    return done.stdout


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A cluster, as its administrator sees it."""

    kubeconfig: str

    def kubectl(self, *words: str, stdin: str | None = None, timeout_s: float = 120) -> str:
        return output(self._command(*words), stdin=stdin, timeout_s=timeout_s)

    def get(self, *words: str) -> dict:
        """Objects, as Kubernetes describes them."""
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def answers(self) -> bool:
        asked = subprocess.run(
            self._command("get", "--raw", "/readyz", "--request-timeout=10s"), capture_output=True, check=False
        )
        return asked.returncode == 0

    def server(self) -> tuple[str, int]:
        """Host and port of the API server."""
        url = self.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
        parts = urlsplit(url)
        return parts.hostname, parts.port or 443

    @contextlib.contextmanager
    def namespace(self, **more: str) -> Iterator[str]:
        """A namespace of its own that takes only pods of the level `restricted`, deleted with all that is in it.

        `more` are labels that it has, too, with `_` for `-` in their names.
        """
        name = f"taxiway-test-{secrets.token_hex(4)}"
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        labels |= {key.replace("_", "-"): value for key, value in more.items()}
        wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self.kubectl("create", "-f", "-", stdin=json.dumps(wanted))
        try:
            self.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=60s")
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false")

    def load(self, image: str) -> str:
        """Hands an image of the docker engine to the cluster's nodes; its name.

        Other clusters than ours say in TAXIWAY_TEST_LOAD how: `kind load docker-image`, say.
        """
        command = shlex.split(os.environ.get("TAXIWAY_TEST_LOAD") or str(HERE / "load"))
        output([*command, image], timeout_s=300)
        return image

    def _command(self, *words: str) -> list[str]:
        return [program("kubectl") or "kubectl", "--kubeconfig", self.kubeconfig, *words]


@dataclasses.dataclass(frozen=True)
class Engine:
    """A docker engine."""

    host: str

    def docker(self, *words: str, timeout_s: float = 120) -> str:
        return output(["docker", "--host", self.host, *words], timeout_s=timeout_s)

    def answers(self) -> bool:
        asked = subprocess.run(["docker", "--host", self.host, "version"], capture_output=True, check=False)
        return asked.returncode == 0

    def has(self, image: str) -> bool:
        asked = subprocess.run(
            ["docker", "--host", self.host, "image", "inspect", image], capture_output=True, check=False
        )
        return asked.returncode == 0

    def gateway(self) -> str:
        """This machine's address, as containers see it."""
        told = self.docker("network", "inspect", "bridge", "--format", "{{json (index .IPAM.Config 0)}}")
        network = json.loads(told)  # older engines leave the gateway out when it is the first address
        return network.get("Gateway") or str(next(ipaddress.ip_network(network["Subnet"]).hosts()))


def build_image(engine: Engine, *words: str) -> str:
    """The name of an image that docker/build made, by one process of the tests at a time: the next finds all layers."""
    environment = {**os.environ, "DOCKER_HOST": engine.host}
    with Path(tempfile.gettempdir(), "taxiway-tests-build-image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return output([str(HERE.parents[1] / "docker/build"), *words], environment=environment, timeout_s=1100).strip()


def build_job_image(engine: Engine, base: str, bare: str) -> str:
    """The name of the image that jobs run in, made of this checkout."""
    bases = ("--build-arg", f"BASE={bare}", "--build-arg", f"BUILDER={base}")
    return build_image(engine, "job", *bases, "--tag", "taxiway-job:test")


@dataclasses.dataclass(frozen=True)
class ObjectStorage:
    """An S3 with one empty bucket."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str = "taxiway"

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/"

    @property
    def environment(self) -> dict[str, str]:
        """What opens it, wherever it is opened from."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """This process as one that may open it."""
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextlib.contextmanager
def object_storage(address: str, folder: Path) -> Iterator[ObjectStorage]:
    """versitygw over a folder, listening on one address of this machine."""
    gateway = program("versitygw")
    if gateway is None:
        pytest.skip(NO_S3)
    with socket.create_server((address, 0)) as free:
        port = free.getsockname()[1]
    storage = ObjectStorage(f"http://{address}:{port}", secrets.token_hex(8), secrets.token_hex(16))
    (folder / storage.bucket).mkdir(parents=True)
    command = [gateway, "--quiet", "--port", f"{address}:{port}", "posix", str(folder)]
    keys = {"ROOT_ACCESS_KEY_ID": storage.access_key, "ROOT_SECRET_ACCESS_KEY": storage.secret_key}
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        server = subprocess.Popen(command, env={**os.environ, **keys}, stdout=log, stderr=log)
    try:
        _until_it_listens(server, (address, port), Path(log.name))
        yield storage
    finally:
        server.terminate()
        server.wait(timeout=20)


def _until_it_listens(server: subprocess.Popen, address: tuple[str, int], log: Path) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection(address, timeout=5).close()
        except OSError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, f"nothing listens at {address}"
            time.sleep(0.05)


def reachable_address(cluster: Cluster) -> str:
    """This machine's address as pods see it: the one from which it talks to the API server, unless it is named."""
    named = os.environ.get("TAXIWAY_TEST_ADDRESS")
    if named:
        return named
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(cluster.server())
        address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip(NO_ADDRESS.format(address))
    return address


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster of KUBECONFIG, else the one that tests/cluster/up started."""
    named, ours = os.environ.get("KUBECONFIG"), STATES / "cluster" / "admin.kubeconfig"
    if not named and not ours.exists():
        pytest.skip(NO_CLUSTER)
    found = Cluster(named or str(ours))
    if found.answers():
        return found
    assert not named, f"The cluster of {found.kubeconfig} does not answer."
    pytest.skip(NO_CLUSTER)


@pytest.fixture(scope="session")
def kubeconfig(cluster) -> str:
    """Path of the cluster's kubeconfig."""
    return cluster.kubeconfig


@pytest.fixture
def namespace(cluster) -> Iterator[str]:
    """An empty namespace for one test, of the Pod Security level `restricted`."""
    with cluster.namespace() as name:
        yield name


@pytest.fixture(scope="session")
def docker_engine() -> Engine:
    """The engine of DOCKER_HOST, else the machine's own, else the one that tests/cluster/docker-up started."""
    if shutil.which("docker") is None:
        pytest.skip(NO_ENGINE)
    named = os.environ.get("DOCKER_HOST")
    if named:
        assert Engine(named).answers(), f"No docker engine answers at {named}."
        return Engine(named)
    sockets = (Path("/var/run/docker.sock"), STATES / "docker" / "docker.sock")
    engines = [Engine(f"unix://{one}") for one in sockets if one.is_socket()]
    found = next((one for one in engines if one.answers()), None)
    return found or pytest.skip(NO_ENGINE)


@pytest.fixture(scope="session")
def base_image(docker_engine) -> str:
    """An image with Python, venv and pip to build ours with."""
    if not docker_engine.has(BASE_IMAGE):
        pytest.skip(NO_BASE_IMAGE)
    return BASE_IMAGE


@pytest.fixture(scope="session")
def bare_image(docker_engine, base_image) -> str:
    """The same without pip to build ours on, if there is one."""
    bare = f"{base_image}-bare"
    return bare if docker_engine.has(bare) else base_image


@pytest.fixture(scope="session")
def job_image(docker_engine, base_image, bare_image) -> str:
    """The image that jobs run in, made of this checkout."""
    return build_job_image(docker_engine, base_image, bare_image)


@pytest.fixture(scope="session")
def serve_image(docker_engine, base_image, bare_image) -> str:
    """The image that serves models, made of this checkout."""
    bases = ("--build-arg", f"BASE={bare_image}", "--build-arg", f"BUILDER={base_image}")
    return build_image(docker_engine, "serve", *bases, "--tag", "taxiway-serve:test")


@pytest.fixture(scope="session")
def steps_image(docker_engine, job_image, tmp_path_factory) -> str:
    """The job's image with the code of the tests on top, as a team puts its own on top."""
    return with_steps(docker_engine, job_image, tmp_path_factory.mktemp("steps"))


def with_steps(engine: Engine, image: str, context: Path) -> str:
    """The name of an image with the code of the tests on top; what is in it is in its name."""
    tests, code = HERE.parent, context / "code"
    shutil.copytree(tests.parent / "dags" / "flight_delay", code / "flight_delay")
    for file, folder in (
        ("contract/steps.py", ""),
        ("operators/stages.py", "operators"),
        ("operators/nets.py", "operators"),
        ("operators/schema.py", "operators"),
    ):
        (code / folder).mkdir(exist_ok=True)
        shutil.copy(tests / file, code / folder)
    (context / "Containerfile").write_text(f"FROM {image}\nCOPY code /opt/code\nENV PYTHONPATH=/opt/code\n")
    made = engine.docker("build", "--quiet", "--file", f"{context}/Containerfile", str(context)).strip()
    tag = f"taxiway-steps:{made.removeprefix('sha256:')[:12]}"
    engine.docker("tag", made, tag)
    return tag


@pytest.fixture(scope="session")
def load_image(cluster, docker_engine):
    """A function that hands an image of the docker engine to the cluster, once, and gives its name."""
    loaded = set()

    def load(image: str) -> str:
        if image not in loaded:
            cluster.load(image)
            loaded.add(image)
        return image

    return load


@pytest.fixture(scope="session")
def s3_for_pods(cluster, tmp_path_factory) -> Iterator[ObjectStorage]:
    """Object storage that pods reach, and this machine too."""
    with object_storage(reachable_address(cluster), tmp_path_factory.mktemp("s3") / "pods") as storage:
        yield storage


@pytest.fixture(scope="session")
def s3_for_containers(docker_engine, tmp_path_factory) -> Iterator[ObjectStorage]:
    """Object storage that containers of the docker engine reach, and this machine too."""
    with object_storage(docker_engine.gateway(), tmp_path_factory.mktemp("s3") / "containers") as storage:
        yield storage
