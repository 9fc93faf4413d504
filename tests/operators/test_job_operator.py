import contextlib
import os
import signal
import time
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

import airflow_home
import samples
from taxiway.core import LocalJob, Training
from taxiway.core.errors import SpecError
from taxiway.core.history import run_key
from taxiway.core.jobs import Cause, JobFailed
from taxiway.core.outcomes import Outcome
from taxiway.core.stages import ValidateWork
from taxiway.core.training import TrainingRun
from taxiway.core.validation import ValidationReport
from taxiway.hooks.faults import Interrupted
from taxiway.hooks.store import TaxiwayHook
from taxiway.operators.base import job_key
from taxiway.stores.objects import open_store


@pytest.fixture
def report(store, rows):
    """The validation report of the rows, as the task before would hand it over."""
    from taxiway.core import Dataset
    from taxiway.stores.datasets import snapshot

    ref = snapshot(Dataset("rows", uri=rows), TaxiwayHook().store())
    return ValidationReport(dataset=ref, outcome=Outcome.PASS, rows=400, columns={}, checks=()).dump()


@pytest.fixture
def make(dag, report, tmp_path):
    """Makes a training task; the job of `counted` goes on while the file `hold` exists."""
    from taxiway.operators.training import TrainOperator

    params = {"starts": str(tmp_path / "starts"), "hold": str(tmp_path / "hold")}

    def making(function="stages:counted", **changes):
        values = {"task_id": "train", "model": "m", "report": report, "retries": 1, "retry_delay": 0}
        on = changes.pop("on", LocalJob(grace_s=1.0))
        return TrainOperator(training=Training(function, params=params, on=on), dag=dag, **{**values, **changes})

    return making


def starts(tmp_path) -> int:
    file = tmp_path / "starts"
    return len(file.read_text().splitlines()) if file.exists() else 0


def until(condition, seconds=30.0):
    """Waits for something that must come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def in_a_process(operator, context) -> int:
    """Runs `execute` in a child, as a worker does; gives its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
        operator.execute(context)
        code = 0
    except Interrupted:
        code = 3
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_record_of_a_job_comes_back(make, tmp_path):
    train = make()
    run = TrainingRun.load(train.execute(airflow_home.context(train)))
    assert run.model.name == "m"
    assert starts(tmp_path) == 1


def test_a_task_that_is_run_again_finds_its_result(make, tmp_path):
    train = make()
    context = airflow_home.context(train)
    assert train.execute(context) == train.execute(context)
    assert starts(tmp_path) == 1


def test_a_retry_adopts_the_job_of_a_worker_that_was_killed(make, tmp_path):
    (tmp_path / "hold").touch()
    train = make()
    context = airflow_home.context(train)
    worker = in_a_process(train, context)
    until(lambda: starts(tmp_path) == 1)
    os.kill(worker, signal.SIGKILL)
    assert ended(worker) == -signal.SIGKILL
    (tmp_path / "hold").unlink()
    assert TrainingRun.load(train.execute(context)).model.name == "m"
    assert starts(tmp_path) == 1


def test_a_task_that_is_told_to_stop_cancels_its_job_and_does_not_end_in_success(make, tmp_path):
    (tmp_path / "hold").touch()
    train = make()
    context = airflow_home.context(train)
    worker = in_a_process(train, context)
    until(lambda: starts(tmp_path) == 1)
    job = int((tmp_path / "starts").read_text())
    os.kill(worker, signal.SIGTERM)
    assert ended(worker) == 3
    until(lambda: not Path(f"/proc/{job}").exists(), 5)
    result = TaxiwayHook().access(LocalJob()).desk.mailbox.result(job_key(context))
    assert result.failure.cause is Cause.CANCELLED
    (tmp_path / "hold").unlink()
    train.execute(context)
    assert starts(tmp_path) == 2


def api_server_is_away(*_, **__):
    raise ConnectionError("no route to the API server")


def states_of(state):
    return lambda *_, **__: {"manual__1": {"train": state}}


@pytest.mark.parametrize("asked", [states_of("running"), states_of("up_for_retry"), api_server_is_away])
def test_a_task_that_airflow_took_for_dead_leaves_its_job_to_the_next_try(make, tmp_path, asked):
    (tmp_path / "hold").touch()
    train = make()
    worker = in_a_process(train, airflow_home.context(train, get_task_states=asked))
    until(lambda: starts(tmp_path) == 1)
    os.kill(worker, signal.SIGTERM)
    assert ended(worker) == 3
    (tmp_path / "hold").unlink()
    assert TrainingRun.load(train.execute(airflow_home.context(train, try_number=2))).model.name == "m"
    assert starts(tmp_path) == 1


@pytest.mark.parametrize("told", [{"get_task_states": states_of("restarting")}, {"try_number": 2}])
def test_a_job_for_which_nobody_will_come_is_cancelled(make, tmp_path, told):
    (tmp_path / "hold").touch()
    train = make()
    context = airflow_home.context(train, **{"get_task_states": states_of("running"), **told})
    worker = in_a_process(train, context)
    until(lambda: starts(tmp_path) == 1)
    os.kill(worker, signal.SIGTERM)
    assert ended(worker) == 3
    result = TaxiwayHook().access(LocalJob()).desk.mailbox.result(job_key(context))
    assert result.failure.cause is Cause.CANCELLED


def test_a_person_who_clears_the_task_gets_a_new_job(make, tmp_path):
    train = make()
    first = train.execute(airflow_home.context(train))
    cleared = train.execute(airflow_home.context(train, tries_granted=train.retries + 1))
    assert first["run"] != cleared["run"]
    assert starts(tmp_path) == 2


def test_clearing_ends_the_job_that_nobody_was_left_to_end(make, tmp_path):
    (tmp_path / "hold").touch()
    train = make()
    worker = in_a_process(train, airflow_home.context(train))
    until(lambda: starts(tmp_path) == 1)
    os.kill(worker, signal.SIGKILL)
    ended(worker)
    first = int((tmp_path / "starts").read_text())
    again = in_a_process(train, airflow_home.context(train, tries_granted=train.retries + 1))
    until(lambda: starts(tmp_path) == 2)
    assert not Path(f"/proc/{first}").exists()
    (tmp_path / "hold").unlink()
    assert ended(again) == 0


def test_a_training_that_is_told_to_stop_keeps_its_place_and_goes_on_from_it_in_the_same_run(dag, report, tmp_path):
    from taxiway.operators.training import TrainOperator
    from taxiway.stores.runs import RunHistory

    signs = open_store((tmp_path / "signs").as_uri())
    params = {"steps": 40, "pause": 0.05, "every_s": 600.0, "signs": signs.uri, "name": "m"}
    on = LocalJob(grace_s=20.0)
    training = Training("stages:resumable", params=params, on=on)
    train = TrainOperator(
        task_id="train", model="m", report=report, retries=1, retry_delay=0, training=training, dag=dag
    )
    context = airflow_home.context(train)
    key, store = job_key(context), TaxiwayHook().store()

    def counted():
        with contextlib.suppress(SpecError):
            return RunHistory(store).read(run_key("m", key)).curves.get("counted", ())
        return ()

    worker = in_a_process(train, context)
    until(lambda: len(list(signs.list("m/steps/"))) >= 3)
    os.kill(worker, signal.SIGTERM)
    assert ended(worker) == 3
    assert 0 < len(counted()) < 40
    saved = len(counted())
    run = TrainingRun.load(train.execute(context))
    assert run.run == run_key("m", key)
    assert [point.step for point in counted()] == list(range(40))
    told = RunHistory(store).read(run.run).spent
    assert [(one.attempt, one.outcome, one.wasted) for one in told] == [(1, "Cancelled", True), (2, "succeeded", False)]
    runner = TaxiwayHook().access(on).runner()
    said = runner.logs(runner.launch(TaxiwayHook().access(on).desk.mailbox.request(key.next)), 0)[0]
    assert f"begins at step {saved}" in said
    assert len(list(signs.list("m/steps/"))) == 40, "no step was done twice"


def test_user_code_that_raises_fails_at_once_and_shows_the_users_line(make, caplog):
    train = make("stages:broken")
    with pytest.raises(AirflowFailException, match="the learning rate must be positive"):
        train.execute(airflow_home.context(train))
    assert 'raise ValueError("the learning rate must be positive")' in caplog.text


def test_a_failure_that_may_pass_is_left_to_airflows_retries(make, tmp_path):
    (tmp_path / "hold").touch()
    train = make(on=LocalJob(deadline_s=1.0, grace_s=0.1))
    context = airflow_home.context(train)
    with pytest.raises(JobFailed, match="DeadlineExceeded"):
        train.execute(context)
    (tmp_path / "hold").unlink()
    train.training = Training("stages:counted", params=train.training.params)
    assert TrainingRun.load(train.execute(context)).model.name == "m"
    assert starts(tmp_path) == 2


def test_a_deferred_task_gives_the_same_record(make, dag, tmp_path):
    make(deferrable=True, retries=0)
    done = airflow_home.run(dag)
    assert airflow_home.states(done) == {"train": "success"}
    assert TrainingRun.load(airflow_home.value(done, "train")).model.name == "m"
    assert starts(tmp_path) == 1


def test_what_the_job_prints_is_in_the_log_of_the_task(make, capsys):
    train = make()
    train.execute(airflow_home.context(train))
    assert "training has started" in capsys.readouterr().out


def test_a_broken_report_stops_the_training(make, report):
    refused = ValidationReport.load(report).model_copy(update={"outcome": Outcome.FAIL}).dump()
    train = make(report=refused)
    with pytest.raises(AirflowFailException, match="the data contract is broken"):
        train.execute(airflow_home.context(train))


def test_a_record_of_another_kind_is_refused(make):
    train = make(report=samples.dataset_ref().dump())
    with pytest.raises(AirflowFailException, match="another kind of record"):
        train.execute(airflow_home.context(train))


def test_specs_in_template_fields_are_rendered_field_by_field(dag):
    from taxiway.core import Dataset
    from taxiway.operators.validation import ValidateOperator

    dataset = Dataset("flights", uri="s3://lake/{{ run_id }}/", personal={"tail": "hash"})
    task = ValidateOperator(task_id="validate", dataset=dataset, sample_rows="{{ params.n }}", dag=dag)
    task.render_template_fields({"run_id": "r1", "params": {"n": 5}})
    assert task.dataset == Dataset("flights", uri="s3://lake/r1/", personal={"tail": "hash"})
    assert ValidateWork.load(task.work({}).dump()).sample_rows == 5
