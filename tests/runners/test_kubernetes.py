"""Bad ends of jobs in pods, on a real cluster: `tests/cluster/up`, then `pytest -m system`."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

import samples
from contract.runner import alive, ended, everything, request, result, signs
from runners import pods
from taxiway.core.errors import SpecError
from taxiway.core.jobs import Cause, JobState
from taxiway.runners.objects import Cluster

globals().update({name: getattr(pods, name) for name in pods.__all__})

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


def name(handle):
    return handle.rpartition("/")[2]


def until(runner, handle, state, seconds=90.0):
    """The first status of a job in some state."""
    end = time.monotonic() + seconds
    while (status := runner.describe(handle)).state is not state:
        assert time.monotonic() < end, status
        time.sleep(0.1)
    return status


@pytest.fixture
def ever(cluster, namespace):
    """Says how many pods of a job ever existed, by the events that the cluster keeps about them."""

    def counting(handle):
        told = cluster.get("events", "-n", namespace)["items"]
        names = {one["involvedObject"]["name"] for one in told if one["involvedObject"]["kind"] == "Pod"}
        return len([one for one in names if one.startswith(name(handle))])

    return counting


def test_ten_that_launch_at_once_get_one_pod(make, store, ever):
    asked = request("mark", store, sign="runs")
    barrier = threading.Barrier(10)

    def launch(_):
        barrier.wait()
        return make().launch(asked)

    with ThreadPoolExecutor(10) as pool:
        (handle,) = set(pool.map(launch, range(10)))
    assert ended(make(), handle).failure is None
    assert len(signs(asked)) == ever(handle) == 1


def test_a_pod_that_was_made_before_its_maker_died_is_adopted(make, store, ever):
    runner, asked = make(), request("mark", store, sign="runs")
    (pod,) = runner._objects(asked, jobset=False)
    runner._mailbox.post(asked)
    runner._cluster.create(pod["metadata"]["namespace"], pod)
    handle = make().launch(asked)
    assert ended(make(), handle).failure is None
    assert len(signs(asked)) == ever(handle) == 1


def test_a_pod_passes_the_level_restricted_and_its_job_finds_what_it_may_write(make, store, cluster, namespace):
    runner = make(env={"COLOUR": "blue"})
    handle = runner.launch(request("surroundings", store))
    ended(runner, handle)
    assert everything(runner, handle).split() == ["blue", "/tmp", "True", "0o700"]
    spec = cluster.get("pod", name(handle), "-n", namespace)["spec"]
    (container,) = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert not spec["automountServiceAccountToken"]
    assert {one["mountPath"] for one in container["volumeMounts"]} == {"/tmp", "/dev/shm"}
    assert spec["activeDeadlineSeconds"] == 60


def test_no_secret_is_in_the_pod_in_its_request_or_in_its_log(make, store, cluster, namespace, s3_for_pods):
    runner, asked = make(), request("echo", store)
    handle = runner.launch(asked)
    ended(runner, handle)
    written = cluster.kubectl("get", "pod", name(handle), "-n", namespace, "-o", "yaml")
    everywhere = written + asked.model_dump_json() + everything(runner, handle) + json.dumps(runner.plan(asked))
    assert s3_for_pods.secret_key not in everywhere
    assert s3_for_pods.access_key not in everywhere


def test_secrets_of_the_connection_are_never_written_into_a_pod(make, store):
    runner = make(secrets=())
    runner._options = {"access_key_id": "hunter2", "secret_access_key": "hunter2"}
    with pytest.raises(SpecError, match="secrets of the connection are not written into pods") as caught:
        runner.launch(request("echo", store))
    assert "hunter2" not in str(caught.value)


def test_a_job_that_takes_more_memory_than_it_may_is_told_what_it_asked_for_and_held(make, store):
    runner, asked = make(memory="300Mi"), request("hoards", store, pause=0.1)
    failure = ended(runner, runner.launch(asked)).failure
    assert failure.cause is Cause.OUT_OF_MEMORY, failure
    assert "it asked for 300Mi, its limit is 300Mi" in failure.message
    held = int(failure.message.partition("its peak was ")[2].split()[0])
    assert 150 < held < 400  # pages that it shares count here, and not against its limit


def test_an_evicted_job_says_so_and_may_be_tried_again(make, store, cluster, namespace):
    runner, asked = make(), request("hangs", store, sign="pid")
    handle = runner.launch(asked)
    alive(asked)
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name(handle), "namespace": namespace},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{name(handle)}/eviction"
    cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
    failure = ended(runner, handle).failure
    assert (failure.cause, failure.retryable) == (Cause.EVICTED, True)


def test_a_job_that_a_more_important_one_pushes_out_says_so(make, store, cluster, namespace):
    high = f"high-{namespace}"
    wanted = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": high}, "value": 1000}
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(wanted))
    try:
        low, asked = make(gpus=2), request("hangs", store, sign="pid")
        handle = low.launch(asked)
        alive(asked)
        other = request("echo", store, key=samples.job_key(task_id="other"))
        more_important = make(gpus=2, priority_class=high)
        winner = more_important.launch(other)
        failure = ended(low, handle).failure
        assert (failure.cause, failure.retryable) == (Cause.PREEMPTED, True)
        assert ended(more_important, winner).failure is None
    finally:
        cluster.kubectl("delete", "priorityclass", high)


def test_a_pod_that_somebody_deleted_is_not_made_again_under_the_same_attempt(make, store, cluster, namespace, ever):
    runner, asked = make(), request("hangs", store, sign="pid")
    handle = runner.launch(asked)
    alive(asked)
    cluster.kubectl("delete", "pod", name(handle), "-n", namespace)
    assert runner.launch(asked) == handle
    failure = runner.describe(handle).failure
    assert (failure.cause, failure.retryable) == (Cause.EVICTED, True)
    assert ever(handle) == 1


def test_an_image_that_cannot_be_had_is_named(make, store):
    runner = make(image="registry.invalid/no/such:1")
    handle = runner.launch(request("echo", store))
    end = time.monotonic() + 150
    while (status := runner.describe(handle)).failure is None:
        assert time.monotonic() < end, status
        time.sleep(0.5)
    assert (status.state, status.failure.cause) == (JobState.WAITING, Cause.IMAGE_PULL)
    assert "registry.invalid/no/such:1" in status.failure.message
    runner.cancel(handle)


def test_a_secret_that_is_not_there_is_named(make, store):
    runner = make(secrets=("no-such-secret",))
    handle = runner.launch(request("echo", store))
    end = time.monotonic() + 150
    while (status := runner.describe(handle)).failure is None:
        assert time.monotonic() < end, status
        time.sleep(0.5)
    assert status.failure.cause is Cause.SPEC
    assert 'secret "no-such-secret" not found' in status.failure.message
    runner.cancel(handle)


def test_a_job_that_nobody_can_place_waits_with_the_schedulers_own_sentence(make, store):
    runner = make(gpus=99)
    handle = runner.launch(request("echo", store))
    status = until(runner, handle, JobState.QUEUED)
    assert "Insufficient nvidia.com/gpu" in status.detail
    assert status.failure.cause is Cause.UNSCHEDULABLE
    runner.cancel(handle)
    assert runner.describe(handle).failure.cause is Cause.CANCELLED


@pytest.mark.parametrize("workload", ["pod", "job"])
def test_a_full_quota_is_waited_for(make, store, cluster, namespace, workload, ever):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "gpus", "namespace": namespace},
        "spec": {"hard": {"requests.nvidia.com/gpu": "0"}},
    }
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(quota))
    cluster.kubectl("wait", "-n", namespace, "quota/gpus", "--for=jsonpath={.status.hard}", "--timeout=60s")
    runner, asked = make(gpus=1, workload=workload), request("mark", store, sign="runs")
    handle = runner.launch(asked)
    status = until(runner, handle, JobState.QUEUED)
    assert status.failure.cause is Cause.QUOTA
    assert "exceeded quota: gpus" in status.detail
    quota["spec"]["hard"]["requests.nvidia.com/gpu"] = "1"
    cluster.kubectl("replace", "-f", "-", stdin=json.dumps(quota))
    end = time.monotonic() + 150
    while (status := runner.describe(handle)).state is not JobState.ENDED:
        assert time.monotonic() < end, status
        runner.launch(asked)  # as a watch does
        time.sleep(0.5)
    assert status.failure is None
    assert len(signs(asked)) == ever(handle) == 1


def test_a_job_that_does_not_listen_is_gone_within_fifteen_seconds_of_being_cancelled(make, store, cluster, namespace):
    runner, asked = make(grace_s=10.0), request("hangs_deaf", store, sign="pid")
    handle = runner.launch(asked)
    alive(asked)
    began = time.monotonic()
    runner.cancel(handle)
    assert time.monotonic() - began < 15
    assert cluster.get("pods", "-n", namespace)["items"] == []
    assert runner.launch(asked) == handle
    assert runner.describe(handle).failure.cause is Cause.CANCELLED


def test_a_crash_comes_with_the_last_lines_that_were_printed(make, store):
    runner, asked = make(), request("vanishes_loudly", store)
    failure = ended(runner, runner.launch(asked)).failure
    assert failure.cause is Cause.CRASHED
    assert "code 3" in failure.message
    assert "it is over" in failure.message


def test_long_output_is_read_in_pieces_that_fit_together(make, store):
    runner = make()
    handle = runner.launch(request("shouts", store, mib=1))
    ended(runner, handle)
    numbers = [int(line[:15]) for line in everything(runner, handle).splitlines() if line[:15].isdecimal()]
    assert numbers == list(range(1024))


def test_pods_whose_time_is_over_are_removed(make, store, cluster, namespace):
    first = make(keep_s=0.0)
    gone = first.launch(request("echo", store))
    ended(first, gone)
    kept = make()
    stays = kept.launch(request("echo", store, key=samples.job_key(task_id="b")))
    ended(kept, stays)
    make().launch(request("echo", store, key=samples.job_key(task_id="c")))
    names = {pod["metadata"]["name"] for pod in cluster.get("pods", "-n", namespace)["items"]}
    assert name(gone) not in names
    assert name(stays) in names
    assert first.describe(gone).failure is None


@pytest.fixture
def airflow_account(cluster, namespace, kubeconfig):
    """Gives a client that may do what the page about Kubernetes says, and no more."""
    page = (Path(__file__).parents[2] / "docs/how-to/run-on-kubernetes.md").read_text()
    role = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])
    subject = {"kind": "ServiceAccount", "name": "airflow", "namespace": namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"]}
    binding = {"apiVersion": role["apiVersion"], "kind": "RoleBinding", "metadata": {"name": "airflow"}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "airflow"}}
    made = [account, role, {**binding, "subjects": [subject], "roleRef": reference}]
    whole = {"apiVersion": "v1", "kind": "List", "items": made}
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(whole))
    token = cluster.kubectl("create", "token", "airflow", "-n", namespace).strip()

    def connect():
        from kubernetes import client, config

        settings = client.Configuration()
        config.load_kube_config(kubeconfig, client_configuration=settings)
        settings.cert_file = settings.key_file = None
        settings.api_key = {"authorization": f"Bearer {token}"}
        settings.api_key_prefix = {}
        return client.ApiClient(settings)

    return Cluster(connect)


@pytest.mark.parametrize("workload", ["pod", "job"])
def test_the_rights_that_the_page_lists_are_enough(make, store, airflow_account, workload):
    runner = make(workload=workload)
    runner._cluster = airflow_account
    handle = runner.launch(request("echo", store))
    assert ended(runner, handle).failure is None
    assert "hello" in everything(runner, handle)
    asked = request("hangs", store, sign="pid")
    hanging = runner.launch(asked)
    alive(asked)
    runner.cancel(hanging)
    assert runner.describe(hanging).failure.cause is Cause.CANCELLED


@pytest.mark.parametrize("jobset", [True, False])
def test_they_are_enough_for_several_pods_in_a_queue(make, store, airflow_account, monkeypatch, jobset):
    if jobset and not airflow_account.knows("JobSet"):
        pytest.skip("the cluster has no JobSet: run tests/cluster/addon-jobset")
    monkeypatch.setattr(Cluster, "knows", lambda *_: jobset)
    runner = make(nodes=2, queue="nowhere")
    runner._cluster = airflow_account
    handle = runner.launch(request("echo", store))
    assert runner.describe(handle).state is not JobState.UNKNOWN
    runner.cancel(handle)
    assert runner.describe(handle).failure.cause is Cause.CANCELLED


@pytest.mark.parametrize("handle", ["docker://x", "kubernetes://ns/Pod/other", "", "kubernetes://ns/Secret/taxiway-x"])
def test_a_handle_of_something_else_is_refused(runner, handle):
    with pytest.raises(SpecError, match="no handle of a pod"):
        runner.describe(handle)


def test_a_namespace_that_is_not_there_is_named(make, store):
    with pytest.raises(SpecError, match=r"nowhere-land.*not found"):
        make(namespace="nowhere-land").launch(request("echo", store))


def test_a_pod_that_the_namespace_refuses_says_why(make, store):
    runner = make()
    runner._finish = lambda _, asked: {**asked, "spec": {**asked["spec"], "hostNetwork": True}}
    with pytest.raises(SpecError, match="violates PodSecurity"):
        runner.launch(request("echo", store))
    assert result(request("echo", store)) is None
