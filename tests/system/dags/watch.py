"""DAGs for the Airflow of the system tests: a model that is watched, and whose incidents are told in Slack."""

from datetime import timedelta

from taxiway.core import Alarm, Dataset, Drift, Evaluation, Holdout, Monitoring, SlackAlerts, Threshold, Training
from taxiway.factories import lifecycle

LATE = Evaluation(target="late", metrics=("roc_auc", "accuracy"), on=Holdout(0.3))
PRODUCTION = Dataset("production", "{{ var.value.lake }}production/{{ window.start.strftime('%Y%m%d%H') }}/")

lifecycle(
    model="watched",
    dataset=Dataset("history", "{{ var.value.lake }}history/"),
    training=Training("own_code:train"),
    evaluation=LATE,
    gates=(Threshold("roc_auc", at_least=0.5),),
    monitoring=Monitoring(
        "0 0 1 1 *", PRODUCTION, drift=Drift(season="none"), alarm=Alarm(quiet=timedelta(0)), partitions=2
    ),
    alerts=SlackAlerts("#ml"),
    default_args={"retries": 6, "retry_delay": 1},
)
