"""What a job asks for once the names of resource profiles are looked up."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from taxiway.core.errors import SpecError
from taxiway.core.names import unknown
from taxiway.core.records import load_spec
from taxiway.core.specs.jobs import DockerJob, KubernetesJob, LocalJob
from taxiway.core.specs.resources import ResourceProfile

Profiles = Mapping[str, ResourceProfile]
_FITTED = ("cpu", "memory", "gpus", "queue", "priority_class")


def load_profiles(data: object, *, where: str) -> Profiles:
    """The profiles that a platform team wrote down as JSON: names, and the fields of each.

    Raises:
        SpecError: it is no such mapping, a profile has an unknown or wrong field, or its larger one does not exist.
    """
    if not isinstance(data, Mapping):
        raise SpecError("profiles are a mapping", where=where, expected='{"gpu.small": {"gpus": 1}}', got=repr(data))
    profiles = {str(name): _profile(str(name), fields, where) for name, fields in data.items()}
    for name, profile in profiles.items():
        if profile.larger is not None and profile.larger not in profiles:
            raise unknown("profile", profile.larger, profiles, where=f"{where}, {name}.larger")
    return profiles


def profile_of(job: KubernetesJob, profiles: Profiles) -> ResourceProfile:
    """The profile that a job names; an empty one when it names none.

    Raises:
        SpecError: nobody defined it; the nearest name is offered.
    """
    if job.resources is None:
        return ResourceProfile()
    if job.resources not in profiles:
        raise unknown("resource profile", job.resources, profiles, where="KubernetesJob.resources")
    return profiles[job.resources]


def fit(job: KubernetesJob, profiles: Profiles) -> KubernetesJob:
    """The job with what its profile says where the job itself says nothing; the template apart.

    Raises:
        SpecError: nobody defined its profile.
    """
    profile = profile_of(job, profiles)
    known = {name: getattr(profile, name) for name in _FITTED if getattr(job, name) is None}
    if profile.gpu_resource and job.gpu_resource == KubernetesJob.gpu_resource:
        known["gpu_resource"] = profile.gpu_resource
    return dataclasses.replace(job, **known)


def larger(job: LocalJob | DockerJob | KubernetesJob, profiles: Profiles) -> KubernetesJob | None:
    """The same job one size up, for a second try after it ran out of memory; None where there is no such size."""
    if not isinstance(job, KubernetesJob) or job.resources is None or job.memory is not None:
        return None
    name = profile_of(job, profiles).larger
    return dataclasses.replace(job, resources=name) if name else None


def _profile(name: str, fields: Any, where: str) -> ResourceProfile:
    try:
        return load_spec(ResourceProfile, fields)
    except SpecError as error:
        place = f"{where}, {name}{error.where.removeprefix('ResourceProfile')}"
        raise SpecError(error.what, where=place, expected=error.expected, got=error.got, do=error.do) from None
