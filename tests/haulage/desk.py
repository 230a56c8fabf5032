"""What people do at the desk during a night of haulage, and what they read there afterwards."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from devices.city.model import City
from devices.db.database import DatabaseUnavailable
from devices.readings.manifests import ManifestDeed
from rules.alerts.model import AlertChange, Amendment
from rules.manifests.document import (
    ManifestDocument,
    ManifestFilter,
    ManifestRequest,
    ManifestView,
    Quantity,
    WrongState,
)
from rules.manifests.store import ManifestStore
from rules.weighing.balance import Calendar, ledger_of, totals
from rules.weighing.model import SessionFilter
from rules.weighing.session import TareSource
from rules.weighing.store import SessionStore
from simulators.haulage.papers import Paper, Plan
from simulators.haulage.truth import OVERDUE, SHORTFALL, Heading, Verdict
from tests.haulage.found import Found, FoundAlert, FoundSession

_DENSITY: Final = 1.6


class People:
    """Do what is due. An action that the state does not allow yet waits: nobody rejects a load before it is there."""

    def __init__(self, store: ManifestStore, papers: Sequence[Paper]) -> None:
        self._store, self._papers = store, list(papers)

    @property
    def waiting(self) -> Sequence[Paper]:
        """What is not done yet."""
        return self._papers

    def act(self, until: int, answered_until: int | None = None) -> None:
        """Issue and confirm what is due until `until`, device time in ms; answer what trucks do until
        `answered_until`, default the same.
        """
        later: list[Paper] = []
        limit = until if answered_until is None else answered_until
        for place, paper in enumerate(self._papers):
            if paper.at > max(until, limit):
                later += self._papers[place:]
                break
            is_answer = paper.deed not in {ManifestDeed.ISSUE, ManifestDeed.CONFIRM_SOURCE}
            if paper.at > (limit if is_answer else until) or not self._tried(paper):
                later.append(paper)
        self._papers = later

    def _tried(self, paper: Paper) -> bool:
        try:
            return self._done(paper)
        except DatabaseUnavailable:  # people try again
            return False

    def _done(self, paper: Paper) -> bool:
        if paper.plan is not None:
            self._store.issue(_document(paper.plan), paper.actor, paper.at, paper.number)
            return True
        detail = self._store.manifest(paper.number)
        assert detail is not None, f"{paper.number} was not issued"
        request = ManifestRequest(
            paper.deed, paper.actor, paper.at, detail.manifest.version, paper.reason, paper.destination_id
        )
        try:
            self._store.act(paper.number, request)
        except WrongState:
            return False
        return True


def found_at_desk(manifests: ManifestStore, sessions: SessionStore, city: City) -> Found:
    stand = list(sessions.every(SessionFilter()))
    lines = totals(ledger_of(stand, city, Calendar(city.timezone)), "day", "site", "stream", "flow")
    return Found(
        {one.number: _verdict(one) for one in _every(manifests)},
        [
            FoundSession(
                one.site, str(one.flow), one.weighed_at, one.net_kg, one.vehicle_id,
                one.tare_source is TareSource.WEIGHED,
            )
            for one in stand
        ],
        {Heading(*heading): line.net_kg for heading, line in lines.items() if line.net_kg},
    )  # fmt: skip


def standing(changes: Iterable[AlertChange]) -> list[FoundAlert]:
    """Alerts that were not taken back, of the rules about manifests and weights; once for each manifest that one names:
    two overdue manifests of a truck may be one alert.
    """
    last: dict[str, AlertChange] = {}
    named: dict[str, set[str | None]] = defaultdict(set)
    for change in changes:
        if change.rule in {OVERDUE, SHORTFALL}:
            last[change.alert_id] = change
            named[change.alert_id].add(_manifest_of(change))
    return [
        FoundAlert(one.rule, one.subject, one.opened_at, number)
        for one in last.values()
        if one.amendment is not Amendment.RETRACTED
        for number in named[one.alert_id] - {None} or {None}
    ]


def _manifest_of(alert: AlertChange) -> str | None:
    number = alert.evidence.measures.get("manifest")
    return None if number is None else str(number)


def _every(store: ManifestStore) -> Iterator[ManifestView]:
    cursor: str | None = None
    while True:
        page = store.manifests(ManifestFilter(), limit=200, before=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _verdict(view: ManifestView) -> Verdict:
    return Verdict(
        str(view.state),  # type: ignore[arg-type]  # another state is another verdict
        view.outcome,
        view.overdue_at is not None,
        view.source_net_kg,
        view.net_kg,
    )


def _document(plan: Plan) -> ManifestDocument:
    tonnes = plan.declared_kg / 1000
    by_volume = Quantity(volume_m3=tonnes / _DENSITY, density_t_per_m3=_DENSITY, estimated=True)
    return ManifestDocument(
        vehicle_id=plan.vehicle_id,
        source_id=plan.source_id,
        destination_id=plan.destination_id,
        stream=plan.stream,
        quantity=by_volume if plan.estimated else Quantity(tonnes=tonnes),
        depart_at=plan.depart_at,
        arrive_by=plan.arrive_by,
    )
