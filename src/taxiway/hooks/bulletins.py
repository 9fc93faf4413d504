"""Tells people of incidents: what a journal says and they have not been told, with a chart and pages to look at."""

import dataclasses
import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from taxiway.core.specs.alerts import AnyAlerts
from taxiway.core.specs.monitoring import Monitoring

if TYPE_CHECKING:
    from taxiway.core.drift import DriftReport
    from taxiway.core.incidents import Incident, JournalEntry
    from taxiway.core.notices import Link, Notice, Picture
    from taxiway.engines.charts import Distribution, Series
    from taxiway.hooks.notices import NoticeDesk
    from taxiway.hooks.store import TaxiwayHook
    from taxiway.stores.objects import ObjectStore

_log = logging.getLogger("airflow.task.taxiway")
_LOOK_BACK, _SHOWN_WINDOWS = 50, 24
_PATIENCE_S = 10.0


class Occasion(NamedTuple):
    """On what occasion an incident is told of.

    Attributes:
        entry: the newest entry of the journal.
        monitoring: who is responsible, and which metric decides.
        report: of the window, dumped; none where there is no window.
        reference: digest of the profile that the window was compared with, where there is no model.
        pages: addresses in Airflow's web UI, by what they are called; empty ones are left out.
    """

    entry: "JournalEntry"
    monitoring: Monitoring
    report: Mapping[str, Any] | None = None
    reference: str | None = None
    pages: Mapping[str, str] = MappingProxyType({})


def tell(hook: "TaxiwayHook", on: Occasion, to: AnyAlerts) -> "list[Notice]":
    """The notices that were new to these people; they are queued, and delivered now or later.

    Raises:
        BackendError: the store failed; tell it again, and nothing is told twice.
    """
    desk = hook.notices()
    to = to if to.owner else dataclasses.replace(to, owner=on.monitoring.owner)
    notices = _untold(hook, on, desk, to)
    if not notices:
        return []
    shown = {"links": _links(on), "picture": _picture(hook, on, desk)}
    told = [notice.model_copy(update=shown) for notice in notices]
    for notice in told[:-1]:
        desk.queue(notice, to)
    desk.tell(told[-1], to, patience_s=_PATIENCE_S)
    return told


def _untold(hook: "TaxiwayHook", on: Occasion, desk: "NoticeDesk", to: AnyAlerts) -> "list[Notice]":
    """The bulletins behind the last one of their thread that was told; nothing is looked up while all is well."""
    from taxiway.core.bulletins import bulletins, place_of

    newest = bulletins(on.entry)
    incident = on.entry.watched.incident or on.entry.watched.last
    if not newest or incident is None:
        return []
    entries = hook.journal(incident.model, incident.population).entries(_LOOK_BACK)
    found = [notice for entry in entries for notice in bulletins(entry)]
    last = {thread: desk.last(thread, to) for thread in {notice.thread for notice in newest}}
    upto = {thread: place_of(notice) if notice else (0, 0) for thread, notice in last.items()}
    return [notice for notice in found if notice.thread in upto and place_of(notice) > upto[notice.thread]]


def _links(on: Occasion) -> "tuple[Link, ...]":
    from taxiway.core.notices import Link

    return tuple(Link(label=label, url=url) for label, url in on.pages.items() if url)


def _picture(hook: "TaxiwayHook", on: Occasion, desk: "NoticeDesk") -> "Picture | None":
    """The chart; none where there is nothing to draw, or it cannot be drawn, which keeps nobody from being told."""
    incident = on.entry.watched.incident or on.entry.watched.last
    if on.report is None or incident is None:
        return None
    from taxiway.engines.charts import describe, draw

    try:
        columns, metric = _drawn(hook, on, incident)
        return desk.keep(draw(columns, metric), describe(columns, metric)) if columns or metric else None
    except Exception as error:  # noqa: BLE001 - people have to be told, with a picture or without
        _log.warning("There is no chart: %s", error)
        return None


def _drawn(hook: "TaxiwayHook", on: Occasion, incident: "Incident") -> "tuple[list[Distribution], Series | None]":
    from taxiway.core.drift import DriftReport
    from taxiway.engines.pictures import series
    from taxiway.hooks.incidents import deciding, load_report
    from taxiway.stores.monitoring import Reports

    report = load_report(on.report or {})
    kind: type[Any] = type(report)
    before = Reports(hook.store(), incident.model, incident.population).newest(kind, _SHOWN_WINDOWS)
    reports = [*(one for one in before if one.window.end < report.window.end), report]
    metric = deciding(report, on.monitoring)
    line = metric and series(
        reports, metric, max_drop=on.entry.alarm.max_drop, since=incident.since, until=incident.until
    )
    return _columns(hook, on, incident, report) if isinstance(report, DriftReport) else [], line or None


def _columns(hook: "TaxiwayHook", on: Occasion, incident: "Incident", report: "DriftReport") -> "list[Distribution]":
    """The columns that stand out, beside the reference of the version that was live."""
    from taxiway.core.profiles import Profile
    from taxiway.engines.pictures import distributions
    from taxiway.hooks.monitoring import live_version
    from taxiway.runtime.profiles import reference_of, stored

    store: ObjectStore = hook.store()
    live = live_version(hook, incident.model, None, report.number) if report.number else None
    reference, _ = reference_of(live, on.reference, store)
    window = stored(Profile, str(report.profile), store)[0] if report.profile else None
    if reference is None or window is None:
        return []
    return distributions(reference, window, [signal.subject for signal in incident.signals])
