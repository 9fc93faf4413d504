from pathlib import Path

import pytest

import own_code
from runtime.kit import flights
from taxiway.testing import run_training


def test_a_train_function_runs_as_in_a_job_without_one():
    model, metrics = run_training(own_code.train, flights(), {"C": 0.5})
    assert model.C == 0.5
    assert metrics == {"loss": pytest.approx(1 / 3)}


def test_the_seed_is_the_jobs_seed():
    draws = [run_training(own_code.train_drawing, flights().lazy(), seed=seed)[1] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_checkpoints_work_within_one_call():
    assert run_training(own_code.train_and_be_interrupted, flights())[1] == {"first": 0, "seen": 5}


def test_a_fault_of_the_function_comes_through():
    with pytest.raises(ZeroDivisionError):
        run_training(own_code.train_and_raise, flights())


def test_a_model_that_is_a_folder_is_still_there_afterwards():
    model, _ = run_training(own_code.train_a_folder, flights())
    assert isinstance(model, Path)
    assert (model / "loader").exists()
