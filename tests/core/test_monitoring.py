"""What an author may write, and what is refused while the file is parsed."""

import pytest

from taxiway.core import Alarm, Dataset, Drift, Monitoring, Retrain
from taxiway.core.errors import SpecError


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: Alarm(confirm=4, among=3), "Alarm.confirm: an incident could never be confirmed"),
        (lambda: Retrain(below={"roc_acu": 0.7}), "Did you mean 'roc_auc'"),
        (lambda: Monitoring(metric="roc_acu"), "Did you mean 'roc_auc'"),
        (lambda: Monitoring(window=Dataset("w", "s3://w/"), service="s"), "a window has one source"),
        (lambda: Drift(alpha=0.0), r"Drift\.alpha"),
        (lambda: Monitoring(drift=Drift(min_efect=1)), "Did you mean 'min_effect'"),
    ],
)
def test_a_mistake_is_said_when_the_recipe_is_written(write, message):
    with pytest.raises(SpecError, match=message):
        write()


def test_a_recipe_needs_no_more_than_a_schedule():
    made = Monitoring("@daily", metric="roc_auc")
    assert made.alarm == Alarm()
    assert made.retrain == Retrain()
    assert Monitoring().schedule == "@hourly"
