"""Training in several processes, on this machine: torchrun, gloo, one result."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import samples
from operators import stages
from taxiway.core.jobs import Cause, JobRequest
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.training import Training
from taxiway.core.stages import TrainWork
from taxiway.core.training import TrainingRun
from taxiway.runtime.models import load_model
from taxiway.runtime.parallel import Parallel
from taxiway.runtime.world import World
from taxiway.stores.datasets import snapshot
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import open_store
from taxiway.stores.runs import RunHistory

torch = pytest.importorskip("torch", reason="run: pip install 'taxiway[torch]'")

TESTS = Path(__file__).parents[1]


@pytest.fixture
def store(tmp_path):
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def ask(store, tmp_path):
    """Posts the request of a training."""

    def asking(function="operators.nets:train", key=None, **params):
        rows = Dataset("rows", stages.write_rows(tmp_path / "rows"))
        training = Training(function, params={"epochs": 4, **params})
        work = TrainWork(model="slope", training=training, dataset=snapshot(rows, store))
        asked = JobRequest(
            key=key or samples.job_key(), stage="train", work=work.dump(), store=store.uri, deadline_s=120
        )
        Mailbox(store).post(asked)
        return asked

    return asking


def train(asked, processes=2):
    """What `torchrun` prints, and its exit code."""
    job = ("-m", "taxiway.runtime", "job", "--store", asked.store, "--key", asked.key.slug)
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--standalone", *job]
    path = os.pathsep.join((str(TESTS), *filter(None, (os.environ.get("PYTHONPATH"),))))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)
    return done.stdout + done.stderr, done.returncode


def losses(store, run):
    return {point.step: point.value for point in RunHistory(store).read(run).curves["loss"]}


def test_two_processes_train_one_model_and_give_one_result(store, ask):
    asked = ask()
    said, code = train(asked)
    result = Mailbox(store).result(asked.key)
    assert (code, result.failure) == (0, None), said
    run = TrainingRun.load(result.record)
    assert run.metrics["ranks"] == 2
    told = losses(store, run.run)
    assert sorted(told) == [0, 1, 2, 3]
    assert told[3] < told[0]
    assert re.findall(r"rank \d of 2 begins at epoch 0", said)
    assert RunHistory(store).runs("slope") == [run.run]


def test_as_many_rows_are_seen_as_by_one_process(ask, store):
    one, two = ask(key=samples.job_key(task_id="one")), ask(key=samples.job_key(task_id="two"))
    assert train(one, 1)[1] == train(two, 2)[1] == 0
    runs = [TrainingRun.load(Mailbox(store).result(asked.key).record) for asked in (one, two)]
    assert [run.metrics["ranks"] for run in runs] == [1, 2]
    ends = [losses(store, run.run)[3] for run in runs]
    assert ends[0] == pytest.approx(ends[1], abs=0.2)


def test_a_process_that_fails_ends_all_and_says_why(store, ask):
    asked = ask("operators.nets:fails_in_one", rank=1)
    said, code = train(asked)
    assert code != 0, said
    failure = Mailbox(store).result(asked.key).failure
    assert failure.cause is Cause.USER_CODE
    assert "rank 1 has no luck" in failure.message


def test_all_go_on_from_the_checkpoint_of_all(store, ask):
    what = {"epochs": 6, "dies_after": 2, "every_s": 0}
    assert train(ask(**what))[1] != 0
    said, code = train(ask(key=samples.job_key(attempt=2), **what))
    assert code == 0, said
    assert len(re.findall(r"begins at epoch 3", said)) == 2
    parts = {Path(info.path).name for info in store.list("checkpoints/")}
    assert parts == {"000000-of-000002.json", "000001-of-000002.json"}


def test_a_process_that_dies_is_no_fault_of_the_others(store, ask):
    what = {"epochs": 6, "dies_after": 2, "dies_from": 1, "every_s": 0}
    first = ask(**what)
    said, code = train(first)
    assert code != 0, said
    assert Mailbox(store).result(first.key) is None
    again = ask(key=samples.job_key(attempt=2), **what)
    assert train(again)[1] == 0
    assert Mailbox(store).result(again.key).failure is None


def test_only_a_lost_fellow_is_taken_for_one():
    two = Parallel(World(0, 2, 0))
    assert two.bereft(torch.distributed.DistBackendError("NCCL error"))
    assert two.bereft(RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.1]:1"))
    assert not two.bereft(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not two.bereft(ValueError("Connection closed by peer"))
    assert not Parallel().bereft(RuntimeError("gloo/"))


def test_alone_everything_does_what_the_plain_way_would():
    alone = Parallel()
    module = torch.nn.Linear(2, 1)
    rows = torch.utils.data.TensorDataset(torch.arange(10))
    loader = alone.loader(rows, 4)
    alone.epoch(loader, 1)
    seen = sorted(int(value) for (batch,) in loader for value in batch)
    assert seen == list(range(10))
    assert alone.model(module) is module
    assert (alone.mean(2), alone.agree(3), alone.any(True), alone.leads) == (2.0, 3, True, True)
    assert alone.device in ("cpu", "cuda:0")
    alone.leave()


def test_a_model_that_several_trained_is_loaded_like_any_other(store, ask, tmp_path):
    import polars as pl

    asked = ask(epochs=40)
    train(asked)
    run = TrainingRun.load(Mailbox(store).result(asked.key).record)
    model = load_model(run.model, store, tmp_path / "loaded")
    assert list(model.predict(pl.DataFrame({"x": [0.0, 1.0]})).values) == [False, True]


def test_torchrun_says_which_process_this_is():
    told = World.here({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"})
    assert (told, told.leads) == ((3, 4, 1), False)
    assert World.here({}) == (0, 1, 0)
    assert json.dumps(World.here({"RANK": "0"})) == "[0, 1, 0]"
