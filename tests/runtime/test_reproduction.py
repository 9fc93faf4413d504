import json
import os
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import samples
from runtime.kit import flights
from taxiway.cli.app import app
from taxiway.core.errors import SpecError
from taxiway.core.history import run_key
from taxiway.core.jobs import JobRequest, require_record
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.training import Training
from taxiway.core.stages import TrainWork
from taxiway.core.training import TrainingRun
from taxiway.runtime.reproduction import recorded, reproduce, requirements
from taxiway.stores.datasets import snapshot
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry

TRAIN = """
import random
from sklearn.linear_model import SGDClassifier
from .scale import FACTOR

def train(data, params, run):
    rows = data.select("carrier", "delay", "hour", "late").collect()
    inputs = rows.select("delay", "hour")
    model = SGDClassifier(loss="log_loss", alpha=params["alpha"] * FACTOR, random_state=run.seed)
    known = sorted(set(rows["carrier"]))
    run.log(step=0, first_carrier=int(known[0][:8], 16), luck=random.random())
    model.fit(inputs, rows["late"].to_numpy())
    run.log(step=1, weight=float(model.coef_[0, 0]))
    return model
"""


def git(folder, *words):
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A version that was trained by a job, from committed code, on data with a pseudonym; its clone moved on."""
    home = tmp_path_factory.mktemp("original")
    package = home / "clone" / "src" / "delays"
    package.mkdir(parents=True)
    for name, text in (("__init__", ""), ("scale", "FACTOR = 1.0\n"), ("train", TRAIN)):
        (package / f"{name}.py").write_text(text)
    git(home / "clone", "init", "-q")
    git(home / "clone", "add", ".")
    git(home / "clone", "commit", "-qm", "Train")
    flights().write_parquet(home / "flights.parquet")
    store = open_store((home / "store").as_uri())
    dataset = Dataset("flights", (home / "flights.parquet").as_uri(), personal={"carrier": "hash"})
    training = Training("delays.train:train", params={"alpha": 0.01}, seed=7)
    work = TrainWork(model="delay", training=training, dataset=snapshot(dataset, store))
    request = JobRequest(
        key=samples.job_key(), stage="train", work=work.dump(), store=store.uri, sys_path=(str(package.parent),)
    )
    Mailbox(store).post(request)
    command = ["-m", "taxiway.runtime", "job", "--store", store.uri, "--key", request.key.slug]
    python(*command)
    run = TrainingRun.load(require_record(Mailbox(store).result(request.key)))
    assert run.run == run_key("delay", request.key)
    verdicts = (samples.verdict(run.model),)
    Registry(store).register(run.model, run=run.run, verdicts=verdicts, metrics={}, report=None, by=samples.author())
    (package / "scale.py").write_text("FACTOR = 2.0\n")
    git(home / "clone", "commit", "-qam", "Scale")
    return home


def python(*words):
    """A process that leaves its bytecode beside the code, as most do."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *words], env=environment, check=True, timeout=250)


@pytest.fixture
def home(original, tmp_path):
    """A store of the test's own with that version."""
    shutil.copytree(original / "store", tmp_path / "store")
    return tmp_path


def again(home, tmp_path, *code, **options):
    store = open_store((home / "store").as_uri())
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return reproduce(store, Registry(store).version("delay", 1), scratch, code=code, **options)


def test_the_same_bytes_come_out_of_the_commit_although_the_clone_has_moved_on(home, original, tmp_path):
    before = sorted(file.relative_to(home) for file in home.rglob("*"))
    words = ["reproduce", "delay:1", "--store", str(home / "store"), "--code", str(original / "clone"), "--json"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    told = json.loads(result.stdout)
    assert (result.exit_code, told["exact"], told["differences"]) == (0, True, [])
    assert told["again"] == told["digest"]
    assert told["code"].startswith("git commit ")
    assert sorted(file.relative_to(home) for file in home.rglob("*")) == before


def test_code_that_is_not_the_commit_is_the_first_difference_and_its_effects_are_named(home, original, tmp_path):
    shutil.copytree(original / "clone" / "src", tmp_path / "copy")
    with_no_clone(home)
    words = ["reproduce", "delay:1", "--store", str(home / "store"), "--code", str(tmp_path / "copy")]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    lines = result.output.splitlines()
    assert (result.exit_code, lines[-1]) == (1, "It was not reproduced. The first difference: code.")
    effects = [line.split(":")[0].strip() for line in lines if line.startswith("  ")]
    assert effects[2:] == ["code", "metric 'weight' at step 1", "file 'model.skops' of the model", *effects[5:]]


def with_no_clone(home):
    """The request of the training without the folders it named."""
    (file,) = (home / "store" / "jobs").rglob("job.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "sys_path": []}))


def test_data_that_is_not_what_it_was_is_the_difference_and_nothing_is_trained(home, original, tmp_path):
    data = original / "flights.parquet"
    whole = data.read_bytes()
    try:
        data.write_bytes(whole[:-1] + b"x")
        found = again(home, tmp_path, original / "clone")
    finally:
        data.write_bytes(whole)
    assert (found.again, found.same, len(found.differences)) == (None, False, 1)
    assert found.differences[0].what.startswith("data at ")
    assert found.differences[0].then != found.differences[0].now


def test_code_that_is_nowhere_is_said(home, tmp_path):
    with_no_clone(home)
    with pytest.raises(SpecError, match=r"--code FOLDER"):
        again(home, tmp_path, tmp_path)


def test_what_was_not_recorded_cannot_be_reproduced(home, tmp_path):
    shutil.rmtree(home / "store" / "jobs")
    with pytest.raises(SpecError, match="the request of its training is not in the store"):
        again(home, tmp_path)
    shutil.rmtree(home / "store" / "runs")
    with pytest.raises(SpecError, match="the result of its training is not in the store"):
        again(home, tmp_path / "store")


def test_the_packages_it_was_trained_with_can_be_installed_again(home):
    import sklearn

    store = open_store((home / "store").as_uri())
    run = recorded(store, Registry(store).version("delay", 1)).run
    assert f"scikit-learn=={sklearn.__version__}" in requirements(run)
    words = ["reproduce", "delay:1", "--requirements", "--store", str(home / "store")]
    assert CliRunner().invoke(app, words).output.splitlines() == requirements(run)
