import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

import airflow_home
import samples
from taxiway.core.gates import clear
from taxiway.core.outcomes import Outcome
from taxiway.core.registry import ModelVersion
from taxiway.core.training import Environment, TrainingRun
from taxiway.factories import champion_asset
from taxiway.hooks.store import TaxiwayHook
from taxiway.operators.registry import PromoteOperator, RegisterOperator, RollbackOperator


def run_of(model):
    environment = Environment(python="3.11", platform="linux", packages={})
    values = {"run": "run-1", "params": {}, "metrics": {}, "seed": 0, "seconds": 1.0, "peak_memory_bytes": 1}
    return TrainingRun(model=model, environment=environment, **values)


@pytest.fixture
def register(dag, store):
    """Registers a model through the operator and gives its version."""

    def registering(letter="a", outcome=Outcome.PASS, **changes):
        model = samples.model_ref(letter, **changes)
        task = RegisterOperator(
            task_id=f"register_{letter}",
            run=run_of(model).dump(),
            report=samples.report(model=model).dump(),
            clearance=clear(model.digest, [samples.verdict(model, outcome)]).dump(),
            dag=dag,
        )
        return ModelVersion.load(task.execute(airflow_home.context(task)))

    return registering


@pytest.fixture
def promote(dag):
    """Promotes a version through the operator."""

    def promoting(version, run_type="manual", **changes):
        values = {"task_id": f"promote_{version.number}", "version": version.dump(), **changes}
        task = PromoteOperator(dag=dag, **values)
        context = airflow_home.context(task, run_type=run_type)
        task.execute(context)
        return context

    return promoting


def champion():
    target = TaxiwayHook().registry().resolve("flight-delay", "champion")
    return target.number if target else None


def test_a_version_carries_the_profile_of_its_data_and_its_baseline(dag, store):
    profile, baseline = (f"sha256:{samples.hexes(letter)}" for letter in "12")
    model = samples.model_ref()
    task = RegisterOperator(
        task_id="register",
        run=run_of(model).model_copy(update={"profile": profile}).dump(),
        report=samples.report(model=model, baseline=baseline).dump(),
        clearance=clear(model.digest, [samples.verdict(model)]).dump(),
        dag=dag,
    )
    version = ModelVersion.load(task.execute(airflow_home.context(task)))
    assert (version.profile, version.baseline) == (profile, baseline)


def test_the_same_bytes_keep_their_number(register):
    assert [register("a").number, register("b").number, register("c").number] == [1, 2, 3]


def test_a_model_that_a_gate_refused_gets_no_number(register):
    with pytest.raises(AirflowFailException, match="only models that every gate let through"):
        register("a", Outcome.INCONCLUSIVE)
    assert TaxiwayHook().registry().versions("flight-delay") == []


def test_a_promoted_version_is_the_champion_and_the_event_carries_it(register, promote):
    version = register()
    asset = champion_asset("flight-delay")
    context = promote(version, outlets=[asset], reason="better than a rule")
    assert champion() == 1
    assert ModelVersion.load(context["outlet_events"][asset].extra) == version
    last = TaxiwayHook().registry().history("flight-delay")[-1]
    assert (last.by.who, last.by.why) == (f"airflow:{last.by.dag_id}.promote_1", "better than a rule")


def test_a_promotion_that_is_tried_again_changes_nothing(register, promote):
    version = register()
    promote(version, report=samples.report(champion=None).dump())
    promote(version, report=samples.report(champion=None).dump(), task_id="again")
    assert len(TaxiwayHook().registry().history("flight-delay")) == 2


def test_a_champion_that_changed_since_the_evaluation_stops_the_promotion(register, promote):
    promote(register("a"))
    newer = register("b")
    with pytest.raises(AirflowFailException, match="the alias was moved by somebody else"):
        promote(newer, report=samples.report(champion=None).dump())
    assert champion() == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"run_type": "backfill"}, "this is a backfill, and nothing goes live from one"),
        ({"enabled": False}, "started without promotion"),
        ({"enabled": "False"}, "started without promotion"),
    ],
)
def test_nothing_goes_live_where_it_must_not_and_the_task_says_why(register, promote, changes, sentence):
    version = register()
    with pytest.raises(AirflowSkipException, match=sentence):
        promote(version, **changes)
    assert champion() is None


def test_a_model_that_was_trained_on_a_sample_is_not_promoted(register, promote):
    version = register(trained_on=samples.dataset_ref(sample_rows=100))
    with pytest.raises(AirflowSkipException, match="trained on a sample of 100 rows"):
        promote(version)


def test_the_person_who_approved_is_the_author(register, promote, dag):
    model = samples.model_ref("a")
    said = samples.verdict(model, gate="approved by ann", decided_by="ann", reason="ann said yes: good")
    task = RegisterOperator(
        task_id="register",
        run=run_of(model).dump(),
        report=samples.report(model=model).dump(),
        clearance=clear(model.digest, [samples.verdict(model), said]).dump(),
        dag=dag,
    )
    promote(ModelVersion.load(task.execute(airflow_home.context(task))))
    by = TaxiwayHook().registry().history("flight-delay")[-1].by
    assert (by.who, by.why) == ("ann", "ann said yes: good")


def test_a_rollback_that_is_tried_again_goes_back_once(register, promote, dag):
    for letter in "abc":
        promote(register(letter))
    task = RollbackOperator(task_id="rollback", model="flight-delay", reason="it was late", dag=dag)
    context = airflow_home.context(task)
    assert ModelVersion.load(task.execute(context)).number == 2
    assert ModelVersion.load(task.execute(context)).number == 2
    assert champion() == 2


def test_a_rollback_without_anything_before_it_says_so(register, promote, dag):
    promote(register())
    task = RollbackOperator(task_id="rollback", model="flight-delay", dag=dag)
    with pytest.raises(AirflowFailException, match="no earlier version to go back to"):
        task.execute(airflow_home.context(task))
