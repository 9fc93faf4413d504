"""The vocabulary: specs that authors write, records that Taxiway writes, and pure decisions over them.

Nothing here reads a clock, a file, the environment or a network; time and seeds are arguments. A spec's module is
imported when the spec is first asked for, so that a DAG file pays in each parse for what it uses, and for no more.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taxiway.core.specs.alerts import NotifierAlerts, SlackAlerts
    from taxiway.core.specs.data import Dataset
    from taxiway.core.specs.evaluation import Evaluation, Holdout
    from taxiway.core.specs.gates import Approval, BeatsChampion, MaxRegression, Threshold
    from taxiway.core.specs.jobs import DockerJob, KubernetesJob, LocalJob
    from taxiway.core.specs.monitoring import Alarm, Drift, Labels, Monitoring, Retrain
    from taxiway.core.specs.scoring import Scoring
    from taxiway.core.specs.serving import BlueGreen, BusinessMetric, Canary, Direct, Judge, Service, Shadow
    from taxiway.core.specs.targets import (
        DockerServer,
        Everybody,
        Gateway,
        KServeServers,
        KubernetesServers,
        LocalServer,
        Tokens,
        Tuning,
        WebTokens,
    )
    from taxiway.core.specs.training import Training
else:

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.specs.{_MODULE_OF[name]}"), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "Alarm",
    "Approval",
    "BeatsChampion",
    "BlueGreen",
    "BusinessMetric",
    "Canary",
    "Dataset",
    "Direct",
    "DockerJob",
    "DockerServer",
    "Drift",
    "Evaluation",
    "Everybody",
    "Gateway",
    "Holdout",
    "Judge",
    "KServeServers",
    "KubernetesJob",
    "KubernetesServers",
    "Labels",
    "LocalJob",
    "LocalServer",
    "MaxRegression",
    "Monitoring",
    "NotifierAlerts",
    "Retrain",
    "Scoring",
    "Service",
    "Shadow",
    "SlackAlerts",
    "Threshold",
    "Tokens",
    "Training",
    "Tuning",
    "WebTokens",
]

_HOMES = {
    "alerts": ("NotifierAlerts", "SlackAlerts"),
    "data": ("Dataset",),
    "evaluation": ("Evaluation", "Holdout"),
    "gates": ("Approval", "BeatsChampion", "MaxRegression", "Threshold"),
    "jobs": ("DockerJob", "KubernetesJob", "LocalJob"),
    "monitoring": ("Alarm", "Drift", "Labels", "Monitoring", "Retrain"),
    "scoring": ("Scoring",),
    "serving": ("BlueGreen", "BusinessMetric", "Canary", "Direct", "Judge", "Service", "Shadow"),
    "targets": (
        "DockerServer",
        "Everybody",
        "Gateway",
        "KServeServers",
        "KubernetesServers",
        "LocalServer",
        "Tokens",
        "Tuning",
        "WebTokens",
    ),
    "training": ("Training",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}
