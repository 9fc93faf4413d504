"""The vocabulary: specs that authors write, records that Taxiway writes, and pure decisions over them.

Nothing here reads a clock, a file, the environment or a network; time and seeds are arguments.
"""

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
