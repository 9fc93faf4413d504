"""A process that tells an incident, for tests to kill: `deliverer.py STORE SLACK_URL`."""

import sys

import samples
from slack_server import TOKEN
from taxiway.core.notices import Picture
from taxiway.core.specs.alerts import SlackAlerts
from taxiway.hooks.notices import NoticeDesk
from taxiway.hooks.slack import SlackAccess, open_channel
from taxiway.stores.blobs import Blobs
from taxiway.stores.objects import open_store

SLACK = SlackAlerts("#ml", owner="U0123456789")


def desk(store, url, *, clock=None, timeout_s=3):
    own = SlackAccess("slack_test", TOKEN, base_url=f"{url}api/", timeout_s=timeout_s)
    clocks = {"clock": clock} if clock else {}
    return NoticeDesk(open_store(store), lambda to: open_channel(own, to), **clocks)


def notice(state, **changes):
    return samples.notice(**{"state": state, "key": state, "text": f"it is {state}", "facts": (), **changes})


def live(store, url):
    """Two notices, the first with a chart."""
    chart = Picture(digest=Blobs(open_store(store)).put(b"\x89PNG, as it were"), alt="dep_delay")
    desk(store, url).tell(notice("confirmed", picture=chart), SLACK)
    desk(store, url).tell(notice("recovered", closes=True), SLACK)


if __name__ == "__main__":
    live(sys.argv[1], sys.argv[2])
