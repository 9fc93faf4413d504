from datetime import timedelta

import pytest
from airflow.sdk.exceptions import ParamValidationError

from factories.recipes import whole
from taxiway.core import BlueGreen, Canary, Direct, Service, Shadow
from taxiway.factories import deployment_dag, rollback_dag

pytestmark = pytest.mark.usefixtures("airflow")


def test_a_deployment_follows_the_champion_and_gives_up_what_its_task_left():
    made = whole()
    assert made.deployment.dag_id == "delays.deployment"
    assert made.deployment.schedule == made.training.task_dict["registry.promote"].outlets
    deploy, give_up = (made.deployment.task_dict[name] for name in ("deploy", "give_up"))
    assert give_up.upstream_task_ids == {"deploy"}
    assert (give_up.is_teardown, give_up.on_failure_fail_dagrun, give_up.of) == (True, False, "deploy")
    assert [asset.uri for asset in deploy.outlets] == ["x-taxiway://services/delays/live"]
    assert made.deployment.max_active_runs == 1


def test_a_service_of_another_alias_is_deployed_by_hand():
    assert deployment_dag(model="m", service=Service("delays", alias="challenger")).schedule is None


def test_a_rollback_is_a_button_that_asks_why():
    made = whole().rollback
    assert (made.dag_id, made.schedule, sorted(made.task_dict)) == ("delays.rollback", None, ["roll_back"])
    assert made.params.get_param("why").schema["title"] == "Why"
    with pytest.raises(ParamValidationError):
        made.params.get_param("why").resolve("")
    assert made.params.get_param("why").resolve("too slow") == "too slow"
    assert rollback_dag(model="m", service=Service("delays")).dag_id == "delays.rollback"


def test_a_recipe_without_a_service_serves_nothing():
    made = whole(service=None)
    assert (made.deployment, made.rollback) == (None, None)


@pytest.mark.parametrize(
    ("rollout", "words"),
    [
        (Direct(), "1. it is loaded beside the live version, and answers its golden requests.\n2. it is live"),
        (BlueGreen(timedelta(minutes=5)), "2. it gets all traffic at once, and is watched for 0:05:00."),
        (Canary(5, 100, bake=timedelta(hours=1)), "2. it gets 5 %, 100 % of the traffic, for 1:00:00 each"),
        (
            Shadow(timedelta(hours=1), 500, then=Canary(5, 100)),
            "for 1:00:00 and for 500 requests, and its answers are compared with those given.\n3. it gets 5 %, 100 %",
        ),
        (Shadow(requests=500), "for 500 requests, and its answers are compared with those given.\n3. it is live"),
    ],
)
def test_the_page_of_a_deployment_says_how_a_version_goes_live(rollout, words):
    assert words in deployment_dag(model="m", service=Service("delays", rollout)).doc_md
