import pytest

import airflow_home
import samples
from taxiway.core import SlackAlerts
from taxiway.core.errors import BackendError
from taxiway.operators.notices import DeliverOperator

SLACK = SlackAlerts("#ml")


@pytest.fixture
def deliver(dag, store, slack_connection):
    def delivering(**changes):
        task = DeliverOperator(task_id=f"deliver_{len(dag.task_ids)}", dag=dag, **changes)
        return task, lambda: task.execute(airflow_home.context(task))

    return delivering


def test_what_waits_is_delivered(deliver, slack):
    task, run = deliver()
    task.hook.notices().queue(samples.notice(), SLACK)
    assert run() == {"done": 1, "left": 0}
    assert len(slack.roots()) == 1
    assert run() == {"done": 0, "left": 0}


def test_what_cannot_be_delivered_waits_and_the_task_says_what_to_mend(deliver, slack):
    task, run = deliver()
    task.hook.notices().queue(samples.notice(), SLACK)
    slack.channels["C0123456789"]["is_archived"] = True
    with pytest.raises(BackendError, match=r"1 conversations could not be told .* the channel is archived"):
        run()
    _, log = deliver(on_trouble="log")
    assert log() == {"done": 0, "left": 1}
    assert slack.roots() == []


def test_the_dag_that_delivers_runs(slack_connection, store):
    from taxiway.factories import notices_dag

    DeliverOperator(task_id="x").hook.notices().queue(samples.notice(), SLACK)
    done = airflow_home.run(notices_dag(schedule=None))
    assert airflow_home.value(done, "deliver") == {"done": 1, "left": 0}
    assert len(slack_connection.roots()) == 1
