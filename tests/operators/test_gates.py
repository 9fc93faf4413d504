import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

import airflow_home
import samples
from taxiway.core import BeatsChampion, Threshold
from taxiway.core.gates import Clearance
from taxiway.core.outcomes import Outcome
from taxiway.core.rulings import Ruling
from taxiway.hooks.store import TaxiwayHook
from taxiway.operators.gates import GateOperator
from taxiway.stores.objects import open_store
from taxiway.stores.rulings import Rulings


@pytest.fixture
def make(dag, store):
    def making(report, *gates, **changes):
        return GateOperator(task_id="gate", gates=gates, report=report.dump(), dag=dag, **changes)

    return making


def test_a_model_that_every_gate_lets_through_is_cleared(make):
    gate = make(samples.report(0.8), Threshold("roc_auc", at_least=0.7), BeatsChampion("roc_auc"))
    clearance = Clearance.load(gate.execute(airflow_home.context(gate)))
    assert clearance.outcome is Outcome.PASS
    assert len(clearance.verdicts) == 2


def test_a_refused_model_fails_the_task_without_a_retry_and_says_why(make):
    gate = make(samples.report(0.6), Threshold("roc_auc", at_least=0.7), retries=3)
    context = airflow_home.context(gate)
    with pytest.raises(AirflowFailException, match=r"roc_auc >= 0.7: fail, roc_auc is 0.6 and misses 0.7"):
        gate.execute(context)
    assert Clearance.load(context["ti"].pushed["clearance"]).outcome is Outcome.FAIL


def test_a_refusal_is_kept_where_people_look_for_it(make, store):
    gate = make(samples.report(0.6), Threshold("roc_auc", at_least=0.7))
    with pytest.raises(AirflowFailException):
        gate.execute(airflow_home.context(gate))
    kept = Rulings(open_store(store), Ruling).newest("flight-delay", 1)[0]
    assert (kept.clearance.outcome, kept.by.run_id) == (Outcome.FAIL, "manual__1")
    assert TaxiwayHook().blobs().get_record(kept.report) == samples.report(0.6)


def test_not_knowing_refuses_too(make):
    gate = make(samples.report_against_champion(0.0, spread=0.05), BeatsChampion("roc_auc"))
    with pytest.raises(AirflowFailException, match="not enough evidence either way"):
        gate.execute(airflow_home.context(gate))


def test_a_refusal_may_skip_instead(make):
    gate = make(samples.report(0.6), Threshold("roc_auc", at_least=0.7), on_refusal="skip")
    with pytest.raises(AirflowSkipException, match="may not go live"):
        gate.execute(airflow_home.context(gate))


def test_the_evidence_of_a_refusal_is_in_the_store(make):
    report = samples.report(0.6)
    gate = make(report, Threshold("roc_auc", at_least=0.7))
    context = airflow_home.context(gate)
    with pytest.raises(AirflowFailException):
        gate.execute(context)
    (verdict,) = Clearance.load(context["ti"].pushed["clearance"]).verdicts
    assert TaxiwayHook().blobs().get_record(verdict.evidence) == report


def test_the_record_of_another_stage_is_refused(make):
    gate = make(samples.dataset_ref(), Threshold("roc_auc", at_least=0.7))
    with pytest.raises(AirflowFailException, match="another kind of record"):
        gate.execute(airflow_home.context(gate))
