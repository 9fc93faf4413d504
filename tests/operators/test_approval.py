from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

import airflow_home
import samples
from taxiway.core import Approval
from taxiway.core.gates import Clearance, clear
from taxiway.core.outcomes import Outcome
from taxiway.core.rulings import Ruling
from taxiway.operators.approval import ApproveOperator
from taxiway.stores.objects import open_store
from taxiway.stores.rulings import Rulings


@pytest.fixture
def make(dag, store):
    report = samples.report()
    before = clear(report.model.digest, [samples.verdict(report.model)])

    def making(approval=None, **changes):
        values = {"report": report.dump(), "clearance": before.dump(), **changes}
        approval = approval or Approval(("ann",), timedelta(hours=1))
        return ApproveOperator(task_id="approve", approval=approval, dag=dag, **values)

    return making


def answer(option, person="ann", comment="good"):
    user = {"id": person, "name": person} if person else None
    return {
        "chosen_options": [option],
        "params_input": {"comment": comment},
        "responded_at": datetime.now(UTC),
        "responded_by_user": user,
    }


def test_the_yes_of_a_person_is_a_verdict_with_their_name(make):
    task = make()
    clearance = Clearance.load(task.execute_complete(airflow_home.context(task), answer("Approve")))
    said = clearance.verdicts[-1]
    assert (said.decided_by, said.outcome, said.reason) == ("ann", Outcome.PASS, "ann said yes: good")
    assert said.gate == "approved by ann"


def test_a_no_refuses_and_stays_on_record(make, store):
    task = make()
    context = airflow_home.context(task)
    with pytest.raises(AirflowFailException, match="ann said no: good"):
        task.execute_complete(context, answer("Reject"))
    assert Clearance.load(context["ti"].pushed["clearance"]).verdicts[-1].decided_by == "ann"
    kept = Rulings(open_store(store), Ruling).newest("flight-delay", 1)[0]
    assert (kept.clearance.outcome, kept.by.who) == (Outcome.FAIL, "ann")


def test_silence_until_the_timeout_is_a_no(make):
    task = make()
    with pytest.raises(AirflowFailException, match="nobody answered within 1:00:00"):
        task.execute_complete(airflow_home.context(task), answer("Reject", person=None, comment=""))


def test_an_approval_without_a_person_never_passes(make):
    task = make()
    with pytest.raises(AirflowFailException, match="nobody answered"):
        task.execute_complete(airflow_home.context(task), answer("Approve", person=None))


def test_nobody_is_asked_in_a_backfill(make):
    task = make()
    with pytest.raises(AirflowSkipException, match="nothing goes live from it"):
        task.execute(airflow_home.context(task, run_type="backfill"))


def test_only_the_named_people_may_answer_and_silence_rejects(make):
    task = make()
    assert task.assigned_users == [{"id": "ann", "name": "ann"}]
    assert (task.defaults, task.response_timeout) == (["Reject"], timedelta(hours=1))


def test_a_person_may_decide_without_a_gate_before(make):
    task = make(clearance=None)
    clearance = Clearance.load(task.execute_complete(airflow_home.context(task), answer("Approve")))
    assert [v.decided_by for v in clearance.verdicts] == ["ann"]
