"""The serving image, built for real and run as strictly as a cluster would run it."""

import contextlib
import json
import time

import pytest

from runtime.serving.kit import SERVICE, Airfield

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]

STRICT = (
    "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none",
)  # fmt: skip
LARGEST_BYTES = 400 * 10**6
ASK = """
import json, sys, urllib.request
path, body = sys.argv[1], sys.argv[2]
request = urllib.request.Request("http://127.0.0.1:8080" + path, body.encode() or None)
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    field = Airfield.at(tmp_path_factory.mktemp("field"))
    words, forest = field.register("train_with_words"), field.register("train_a_forest")
    field.serve(words, forest, weight=50)
    for folder in [field.place.folder, *field.place.folder.rglob("*")]:
        folder.chmod(0o777 if folder.is_dir() else 0o666)
    return field


@contextlib.contextmanager
def started(engine, image, field):
    store = field.place.folder / "store"
    words = ("--service", SERVICE, "--store", store.as_uri(), "--no-auth", "--plain-http", "--sample", "1")
    name = engine.docker("run", "--detach", *STRICT, "--volume", f"{store}:{store}", image, *words).strip()
    try:
        yield Container(engine, name)
    finally:
        engine.docker("rm", "--force", name)


@pytest.fixture(scope="module")
def running(docker_engine, serve_image, field):
    with started(docker_engine, serve_image, field) as container:
        yield container


class Container:
    def __init__(self, engine, name):
        self.engine, self.name = engine, name
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(AssertionError):
                self.ask("/v2/health/ready")
                if self.ask("/status")["generation"]:
                    return
            time.sleep(0.5)
        raise AssertionError(engine.docker("logs", name))

    def ask(self, path, body=None):
        words = ("python", "-c", ASK, path, json.dumps(body) if body is not None else "")
        return json.loads(self.engine.docker("exec", self.name, *words))


def test_the_image_is_small(docker_engine, serve_image):
    assert int(docker_engine.docker("inspect", "--format", "{{.Size}}", serve_image)) < LARGEST_BYTES


def test_it_serves_text_and_forests_without_a_data_library_as_an_ordinary_user(running):
    row = {"carrier": "UA", "delay": 1.5, "hour": 12}
    answers = [running.ask("/predict", {"rows": [row]}) for _ in range(6)]
    assert {one["version"] for one in answers} == {1, 2}
    assert all(0 <= one["scores"][0] <= 1 for one in answers)
    slots = running.ask("/status")["slots"]
    assert {slot["golden"] for slot in slots.values()} == {10}


def test_it_ends_in_order_and_its_traffic_is_in_the_store(docker_engine, serve_image, field):
    with started(docker_engine, serve_image, field) as container:
        container.ask("/predict", {"rows": [{"carrier": "UA", "delay": 1.5, "hour": 12}] * 3})
        docker_engine.docker("stop", "--time", "60", container.name)
        state = json.loads(docker_engine.docker("inspect", "--format", "{{json .State}}", container.name))
        assert state["ExitCode"] == 0
    assert list((field.place.folder / "store" / "traffic" / SERVICE).rglob("v*.parquet"))


def test_there_is_no_airflow_no_data_library_and_no_tool_in_it(docker_engine, serve_image):
    for module in ("airflow", "polars", "pyarrow", "pandas", "pip"):
        with pytest.raises(AssertionError, match=f"No module named '{module}'"):
            docker_engine.docker("run", "--rm", "--entrypoint", "python", serve_image, "-c", f"import {module}")


def test_every_module_it_has_can_be_imported(docker_engine, serve_image):
    script = """
import importlib
for name in ("sklearn.ensemble", "sklearn.neighbors", "sklearn.cluster", "sklearn.svm", "sklearn.gaussian_process",
             "scipy.stats", "scipy.optimize", "scipy.signal", "skops.io", "obstore.store", "uvloop", "httptools", "jwt",
             "cryptography.hazmat.primitives.asymmetric.rsa", "prometheus_client", "fastapi", "uvicorn",
             "arro3.io", "taxiway.runtime.serving.server", "taxiway.runtime.serving.forking",
             "taxiway.runtime.serving.writing"):
    importlib.import_module(name)
import numpy as np
from sklearn.linear_model import LogisticRegression
x = np.random.default_rng(0).normal(size=(50, 2))
print(LogisticRegression().fit(x, x[:, 0] > 0).score(x, x[:, 0] > 0) > 0.9)
"""
    said = docker_engine.docker("run", "--rm", *STRICT, "--entrypoint", "python", serve_image, "-c", script)
    assert said == "True\n"


def test_its_user_has_a_number_and_owns_nothing(docker_engine, serve_image):
    assert docker_engine.docker("inspect", "--format", "{{.Config.User}}", serve_image).strip() == "10001:10001"
    find = "find / -xdev ( -user 10001 -o -perm -o+w ! -perm -1000 ) ! -type l ! -path /dev/*"
    assert docker_engine.docker("run", "--rm", "--user", "0:0", "--entrypoint", "", serve_image, *find.split()) == ""


def test_it_explains_itself(docker_engine, serve_image):
    assert "--no-auth" in docker_engine.docker("run", "--rm", *STRICT, serve_image)
