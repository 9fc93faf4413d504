import pytest

from taxiway.core import DockerJob, KubernetesJob, LocalJob
from taxiway.core.errors import SpecError
from taxiway.core.resources import fit, larger, load_profiles, profile_of
from taxiway.core.specs.jobs import queue_s

PROFILES = load_profiles(
    {
        "gpu.small": {
            "gpus": 1,
            "memory": "16Gi",
            "queue": "gpus",
            "gpu_resource": "amd.com/gpu",
            "larger": "gpu.large",
        },
        "gpu.large": {"gpus": 1, "memory": "64Gi"},
    },
    where="[taxiway] profiles",
)


def test_a_profile_fills_in_what_the_job_does_not_say():
    fitted = fit(KubernetesJob("image:1", resources="gpu.small", gpus=2), PROFILES)
    assert (fitted.gpus, fitted.memory, fitted.queue, fitted.gpu_resource) == (2, "16Gi", "gpus", "amd.com/gpu")
    assert fit(KubernetesJob("image:1", gpus=1), PROFILES) == KubernetesJob("image:1", gpus=1)


def test_a_job_may_call_its_gpus_otherwise_than_its_profile():
    job = KubernetesJob("image:1", resources="gpu.small", gpu_resource="nvidia.com/mig-1g.10gb")
    assert fit(job, PROFILES).gpu_resource == "nvidia.com/mig-1g.10gb"


def test_a_misspelt_profile_is_refused_with_the_nearest_name():
    with pytest.raises(SpecError, match=r"'gpu\.smal' is not known.*Did you mean 'gpu\.small'"):
        profile_of(KubernetesJob("image:1", resources="gpu.smal"), PROFILES)


def test_the_next_larger_profile_is_the_one_to_try_once_more_with():
    assert larger(KubernetesJob("image:1", resources="gpu.small"), PROFILES).resources == "gpu.large"
    assert larger(KubernetesJob("image:1", resources="gpu.large"), PROFILES) is None


@pytest.mark.parametrize(
    "job",
    [LocalJob(), DockerJob("i"), KubernetesJob("i"), KubernetesJob("i", resources="gpu.small", memory="1Gi")],
    ids=["local", "docker", "without a profile", "its own memory"],
)
def test_a_job_whose_memory_no_profile_decides_does_not_grow(job):
    assert larger(job, PROFILES) is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ([], r"profiles are a mapping"),
        ({"a": {"gpu": 1}}, r"\[taxiway\] profiles, a: there is no field 'gpu'.*Did you mean 'gpus'"),
        ({"a": {"memory": "many"}}, r"\[taxiway\] profiles, a\.memory: string should match"),
        ({"a": {"larger": "b"}}, r"profile 'b' is not known"),
        ({"a": 3}, r"\[taxiway\] profiles, a: this is not a JSON object"),
    ],
)
def test_profiles_that_make_no_sense_are_refused(written, said):
    with pytest.raises(SpecError, match=said):
        load_profiles(written, where="[taxiway] profiles")


def test_only_a_pod_has_a_clock_of_its_own_for_waiting():
    assert queue_s(KubernetesJob("i", queue_deadline_s=7)) == 7
    assert queue_s(LocalJob(deadline_s=5)) == 5


def test_a_pod_without_an_image_is_refused():
    with pytest.raises(SpecError, match="a pod needs an image"):
        KubernetesJob(" ")
