from datetime import timedelta

import pytest

from taxiway.core.errors import SpecError
from taxiway.core.specs.alerts import NotifierAlerts, SlackAlerts, address


def test_who_looks_after_it_and_for_how_long_changes_no_address():
    first = SlackAlerts("#ml", owner="Ann")
    second = SlackAlerts(" #ml ", owner="Bob", escalate_after=timedelta(hours=4), escalate_to="here")
    assert address(first) == address(second) == "slack slack_api_default #ml"
    assert address(SlackAlerts("#ml", conn_id="other")) != address(first)


def test_a_notifier_is_addressed_by_what_it_is_made_with():
    first = NotifierAlerts("mail:Smtp", {"to": "a", "from_email": "b"}, html="html_content")
    second = NotifierAlerts("mail:Smtp", {"from_email": "b", "to": "a"}, html="html_content", title="subject")
    assert address(first) == address(second)
    assert address(NotifierAlerts("mail:Smtp", {"to": "c"}, html="html_content")) != address(first)


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: SlackAlerts(" "), "there is no channel"),
        (lambda: SlackAlerts("#ml", escalate_after=timedelta(0)), "Give people some time"),
        (lambda: SlackAlerts("#ml", chanel="x"), "there is no field 'chanel'"),
        (lambda: NotifierAlerts("mail:Smtp"), "would be told nothing"),
        (lambda: NotifierAlerts("mail.Smtp", text="text"), "'package.module:name'"),
    ],
)
def test_alerts_that_would_tell_nobody_are_refused(make, hint):
    with pytest.raises(SpecError, match=hint):
        make()
