"""Propose suspected sites from the alerts of the last weeks.

`haulwatch sites suspect` does so once, `haulwatch serve` every hour.

Retracted alerts and those that people closed as false alarms or faults of a device count for nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from devices.city.model import City
from devices.geo.geometry import Datum, LatLon
from devices.geo.sphere import distance_m
from rules.alerts.actions import AlertFilter, AlertPage, AlertView, Outcome
from rules.alerts.model import TAKEN_BACK, ReadingRef, Severity
from rules.suspected_sites.clustering import WITHIN_M, find_clusters
from rules.suspected_sites.model import Event, EventKind, PlaceKind, Proposal, ProposalState
from rules.suspected_sites.store import ProposalStore

DEFAULT_DAYS: Final = 30
"""What is used once a week is seen four times."""
FENCE_M: Final = 50.0
"""A place so near to a registered site is its gate or its queue."""
_DAY_MS: Final = 86_400_000
_PAGE: Final = 500
_PROVED_WRONG: Final = frozenset({Outcome.FALSE_ALARM, Outcome.DEVICE_FAULT})
_RULES: Final = ("illegal_dumping", "bed_raised_outside", "stopped_loaded", "suspected_site")


class Journal(Protocol):
    """What is read of `rules.alerts.journal.AlertJournal`."""

    def alerts(self, where: AlertFilter, *, limit: int, before: str | None = None) -> AlertPage: ...


def propose(journal: Journal, store: ProposalStore, city: City, *, now: int, days: int = DEFAULT_DAYS) -> int:
    """Propose the places that the alerts of the last `days` speak of; return how many are new.

    `now`: wall clock, ms. Raises DatabaseError.
    """
    alerts = alerts_since(journal, now - days * _DAY_MS)
    events = [event for alert in alerts for event in events_of(alert, city)]
    open_questions = unexplained(events, store.proposals(ProposalState.DISMISSED))
    clusters = find_clusters(open_questions, city.plane, ZoneInfo(city.timezone))
    return store.propose([found for found in clusters if not _is_registered(found.place, city, now)], now)


def alerts_since(journal: Journal, start: int) -> Iterator[AlertView]:
    """Alerts of the rules that speak of places, which opened at `start` (device time, ms) or later."""
    for rule in _RULES:
        cursor: str | None = None
        while True:
            page = journal.alerts(AlertFilter(rule=rule, start=start), limit=_PAGE, before=cursor)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                break


def events_of(alert: AlertView, city: City) -> Iterator[Event]:
    """What an alert says that trucks did outside every permitted site."""
    if alert.lat is None or alert.lon is None:
        return
    if alert.amendment in TAKEN_BACK or alert.outcome in _PROVED_WRONG:
        return
    place = LatLon(lat=alert.lat, lon=alert.lon)
    if alert.rule == "suspected_site":  # its subject is no truck: those are in the readings
        is_source = alert.evidence.measures.get("kind") == PlaceKind.SOURCE
        each = EventKind.LOADED_UP if is_source else EventKind.STOPPED_OFF_ROUTE
        for cited in alert.evidence.readings:
            stood = _place_of(cited, city) or place
            yield Event(each, cited.device_id, cited.ts, stood, alert.alert_id)
        return
    kind = _kind(alert)
    if kind is not None:
        yield Event(kind, alert.subject, alert.opened_at, place, alert.alert_id)


def _place_of(cited: ReadingRef, city: City) -> LatLon | None:
    """Where a cited reading was; None if its device sends GCJ-02: readings are cited as they were sent."""
    device, lat, lon = city.devices.get(cited.device_id), cited.values.get("lat"), cited.values.get("lon")
    if device is None or device.datum is not Datum.WGS84 or lat is None or lon is None:
        return None
    return LatLon(lat=lat, lon=lon)


def _kind(alert: AlertView) -> EventKind | None:
    measures = alert.evidence.measures
    match alert.rule:
        case "illegal_dumping":
            return EventKind.MAY_HAVE_TIPPED if alert.confirmed_at is None else EventKind.TIPPED
        case "bed_raised_outside":  # P1 drives with the bed up, P3 is empty: neither tips here
            return EventKind.BED_RAISED if alert.severity is Severity.P2 else None
        case "stopped_loaded":
            return EventKind.STOPPED_OFF_ROUTE if measures.get("off_corridor") else EventKind.STOPPED_LOADED
        case _:
            return None


def unexplained(events: Iterable[Event], dismissed: Sequence[Proposal]) -> list[Event]:
    """The events that no person has explained by dismissing a place.

    Stops there stay explained, also later ones; a bed that is raised or a load that is gone afterwards is new.
    """
    return [event for event in events if not any(_explains(proposal, event) for proposal in dismissed)]


def _explains(proposal: Proposal, event: Event) -> bool:
    if proposal.kind is not event.kind.place:
        return False
    if not event.kind.is_stop and event.at > proposal.decisions[-1].at:
        return False
    return distance_m(proposal.place, event.place) <= max(proposal.radius_m, WITHIN_M)


def _is_registered(place: LatLon, city: City, now: int) -> bool:
    """True if a site was registered there meanwhile."""
    return bool(city.geometry.sites_near(city.plane.xy(place), FENCE_M, now))
