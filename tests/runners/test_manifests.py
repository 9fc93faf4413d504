import json

import pytest

import samples
from taxiway.core.jobs import JobRequest
from taxiway.core.specs.jobs import KubernetesJob
from taxiway.runners import manifests
from taxiway.runners.manifests import Gang

ASKED = JobRequest(
    key=samples.job_key(run_id="manual 2026 ✈", task_id="candidate.train"), stage="train", work={}, store="s3://b/"
)
JOB = KubernetesJob("flights:1", namespace="training")
TWO = Gang(2, 1, "j-0.j", 60.0)


def pod(spec=JOB, gang=None, asked=ASKED, **variables):
    return manifests.overlay(manifests.safe(spec), manifests.asked(spec, asked, "j", variables, gang))


def test_a_pod_has_all_that_the_level_restricted_asks_for():
    spec = pod()["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert not spec["automountServiceAccountToken"]
    assert spec["restartPolicy"] == "Never"


def test_the_token_of_an_account_is_mounted_only_when_the_account_is_named():
    assert pod(KubernetesJob("i:1", service_account="trainer"))["spec"]["automountServiceAccountToken"]


def test_a_pod_has_room_to_write_in_and_for_data_loaders():
    spec = pod(KubernetesJob("i:1", shm="4Gi", scratch="50Gi"))["spec"]
    volumes = {one["name"]: one["emptyDir"] for one in spec["volumes"]}
    assert volumes == {"tmp": {"sizeLimit": "50Gi"}, "shm": {"medium": "Memory", "sizeLimit": "4Gi"}}
    assert {"name": "HOME", "value": "/tmp"} in spec["containers"][0]["env"]


@pytest.mark.parametrize(("asked_s", "allowed_s", "deadline_s"), [(60.0, 100.0, 60), (86400.0, 30.5, 31)])
def test_a_pod_always_has_a_deadline_the_shorter_of_the_two(asked_s, allowed_s, deadline_s):
    asked = ASKED.model_copy(update={"deadline_s": asked_s})
    assert pod(KubernetesJob("i:1", deadline_s=allowed_s), asked=asked)["spec"]["activeDeadlineSeconds"] == deadline_s


def test_a_pod_leaves_a_lost_node_within_a_minute():
    seconds = {one["tolerationSeconds"] for one in pod()["spec"]["tolerations"]}
    assert seconds == {60}


def test_what_a_job_asks_for_is_also_its_limit_but_for_processors():
    told = manifests.resources(KubernetesJob("i:1", cpu="2", memory="8Gi", gpus=1, gpu_resource="amd.com/gpu"))
    assert told["requests"] == {"cpu": "2", "memory": "8Gi", "amd.com/gpu": "1"}
    assert told["limits"] == {"memory": "8Gi", "amd.com/gpu": "1"}
    assert manifests.resources(KubernetesJob("i:1", gpus=0)) == {"requests": {}, "limits": {}}


def test_secrets_are_only_referred_to():
    (container,) = pod(KubernetesJob("i:1", secrets=("store",)), AWS_REGION="eu")["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "store"}}]
    assert {"name": "AWS_REGION", "value": "eu"} in container["env"]


def test_a_pod_says_whose_it_is_in_labels_that_kubernetes_takes():
    metadata = pod()["metadata"]
    assert metadata["labels"]["task_id"] == "candidate.train"
    assert metadata["labels"]["run_id"] == "manual-2026"
    assert metadata["annotations"]["taxiway.dev/run-id"] == "manual 2026 ✈"
    assert manifests.label("-" * 70 + "x") == ""
    assert manifests.label("ж" * 3) == ""


def test_a_queue_is_named_on_what_the_queue_holds_back():
    queued = KubernetesJob("i:1", queue="training")
    assert pod(queued)["metadata"]["labels"][manifests.QUEUE_LABEL] == "training"
    whole = manifests.job(queued, pod(KubernetesJob("i:1", queue="training", workload="job")), "j")
    assert whole["metadata"]["labels"][manifests.QUEUE_LABEL] == "training"
    of_a_job = manifests.job(queued, pod(KubernetesJob("i:1", queue="training", workload="job")), "j")
    assert manifests.QUEUE_LABEL not in of_a_job["spec"]["template"]["metadata"]["labels"]
    gang = manifests.jobset(queued, pod(queued, TWO), "j")
    assert gang["metadata"]["labels"][manifests.QUEUE_LABEL] == "training"


def test_one_process_needs_no_torchrun():
    words = manifests.command(ASKED, None)
    assert words == ["python", "-m", "taxiway.runtime", "job", "--store", "s3://b/", "--key", ASKED.key.slug]


def test_several_meet_at_the_first_pod_for_as_long_as_they_may_be_in_a_queue():
    words = manifests.command(ASKED, Gang(2, 4, "j-0.j", 60.5))
    assert words[:3] == ["python", "-m", "torch.distributed.run"]
    assert {"--nnodes=2", "--nproc-per-node=4", "--master-addr=j-0.j", "--rdzv-conf=timeout=61"} <= set(words)
    assert "--node-rank=$(JOB_COMPLETION_INDEX)" in words
    assert words[-4:] == ["--store", "s3://b/", "--key", ASKED.key.slug]


def test_a_job_of_several_pods_never_replaces_one_and_ends_with_the_first_that_fails():
    made = manifests.job(KubernetesJob("i:1", nodes=2, keep_s=60.0), pod(gang=TWO), "j")
    spec = made["spec"]
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (2, 2, 0)
    assert spec["completionMode"] == "Indexed"
    assert spec["ttlSecondsAfterFinished"] == 60
    assert {rule["action"] for rule in spec["podFailurePolicy"]["rules"]} == {"FailJob"}
    assert spec["template"]["spec"]["subdomain"] == "j"
    assert "name" not in spec["template"]["metadata"]


def test_a_jobset_begins_again_as_often_as_it_may():
    made = manifests.jobset(KubernetesJob("i:1", nodes=2, restarts=5), pod(gang=TWO), "j")
    assert made["spec"]["failurePolicy"] == {"maxRestarts": 5}
    assert made["spec"]["network"] == {"enableDNSHostnames": True, "subdomain": "j"}
    (jobs,) = made["spec"]["replicatedJobs"]
    assert jobs["template"]["spec"]["backoffLimit"] == 0
    assert "ttlSecondsAfterFinished" not in jobs["template"]["spec"]


def test_the_pods_of_a_job_find_each_other_and_their_service_goes_with_it():
    made = manifests.owned(
        manifests.service(JOB, ASKED, "j"),
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "uid": "u"}},
    )
    assert made["spec"]["selector"] == {manifests.JOB_LABEL: ASKED.key.slug}
    assert made["spec"]["clusterIP"] == "None"
    assert [owner["uid"] for owner in made["metadata"]["ownerReferences"]] == ["u"]


def test_of_two_halves_the_upper_wins_field_by_field_and_lists_add_up_by_name():
    below = {"a": {"x": 1, "y": 1}, "l": [{"name": "one", "v": 1}, {"name": "two"}], "words": ["a"], "gone": [1]}
    above = {"a": {"y": 2}, "l": [{"name": "one", "v": 2}, {"name": "three"}], "words": ["b"], "gone": []}
    assert manifests.overlay(below, above) == {
        "a": {"x": 1, "y": 2},
        "l": [{"name": "one", "v": 2}, {"name": "two"}, {"name": "three"}],
        "words": ["b"],
        "gone": [1],
    }


def test_everything_is_plain_json():
    made = manifests.jobset(JOB, pod(gang=TWO), "j")
    assert json.loads(json.dumps(made)) == made
