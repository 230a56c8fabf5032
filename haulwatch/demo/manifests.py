"""Manifests of the demo: a haulier's system that issues one for each trip of the simulated trucks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from devices.city.model import City
from devices.db.database import DatabaseError
from devices.readings.manifests import ManifestDeed
from rules.manifests.document import (
    ManifestDetail,
    ManifestDocument,
    ManifestFilter,
    ManifestRequest,
    ManifestView,
    Quantity,
)
from rules.manifests.model import ManifestState
from rules.manifests.store import ManifestStore

_LEAD_MS: Final = 60_000
"""Devices run many times faster than the clock while they catch up: an action is on its way to the log so long before
its time."""
_HAULIER: Final = "haulier"
_SOURCE: Final = "source"
_GATE: Final = "gate"
_PAGE: Final = 200


class DemoManifests:
    """Follows the trips of the simulator's report."""

    def __init__(self, store: ManifestStore, city: City) -> None:
        self._store, self._city = store, city
        self._issued: dict[int, ManifestDetail] = {}
        """By place of the trip in the report."""
        self._confirmed: set[int] = set()
        self._at_gate: set[int] = set()
        """Those whose load a person has to confirm."""
        self._trips: Sequence[Mapping[str, Any]] = ()

    def follow(self, report: Mapping[str, Any]) -> None:
        """Issue and confirm what is due. What the database does not take now is tried again."""
        until = (report.get("device_time") or 0) + _LEAD_MS
        self._trips = report.get("trips") or self._trips
        try:
            for place, trip in enumerate(self._trips):
                if place not in self._issued and trip["issue_at"] <= until:
                    self._issued[place] = self._store.issue(self._document(trip), _HAULIER, trip["issue_at"])
                if place in self._issued and place not in self._confirmed and trip["confirm_at"] <= until:
                    self._confirm(self._issued[place], trip)
                    if trip["gate_at"] is not None:
                        self._at_gate.add(place)
                    self._confirmed.add(place)
                if place in self._at_gate and trip["gate_at"] <= until - _LEAD_MS:
                    self._confirm_at_gate(place, trip)
        except DatabaseError:
            return

    def _confirm_at_gate(self, place: int, trip: Mapping[str, Any]) -> None:
        """Confirm a load at a tip without a weighbridge, once the truck is known to be there."""
        detail = self._store.manifest(self._issued[place].manifest.number)
        if detail is not None and detail.manifest.state is ManifestState.ARRIVED:
            version = detail.manifest.version
            request = ManifestRequest(ManifestDeed.CONFIRM_DISPOSAL, _GATE, trip["gate_at"], version)
            self._store.act(detail.manifest.number, request)
            self._at_gate.remove(place)

    def summary(self) -> dict[str, Any]:
        """What became of all manifests, and of those with something wrong."""
        manifests = {one.number: one for one in self._all()}
        states = Counter(str(one.state) for one in manifests.values())
        labels = [
            {
                "anomaly": trip["anomaly"],
                "device_id": trip["device_id"],
                "number": detail.manifest.number,
                "state": str(manifests[detail.manifest.number].state),
            }
            for place, detail in sorted(self._issued.items())
            if (trip := self._trips[place])["anomaly"] is not None
        ]
        numbers = {state: [one.number for one in manifests.values() if one.state == state] for state in _SHOWN}
        return {
            "issued": len(manifests),
            "closed": states["closed"],
            "by_state": dict(states),
            "labels": labels,
        } | numbers

    def _all(self) -> list[ManifestView]:
        found: list[ManifestView] = []
        cursor: str | None = None
        while True:
            page = self._store.manifests(ManifestFilter(), limit=_PAGE, before=cursor)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return found

    def _document(self, trip: Mapping[str, Any]) -> ManifestDocument:
        device = self._city.devices[trip["device_id"]]
        return ManifestDocument(
            vehicle_id=device.vehicle_id or "",
            source_id=trip["source_id"],
            destination_id=trip["destination_id"],
            stream="spoil",
            quantity=Quantity(tonnes=trip["declared_kg"] / 1000),
            depart_at=trip["depart_at"],
            arrive_by=trip["arrive_by"],
        )

    def _confirm(self, detail: ManifestDetail, trip: Mapping[str, Any]) -> None:
        manifest = detail.manifest
        request = ManifestRequest(ManifestDeed.CONFIRM_SOURCE, _SOURCE, trip["confirm_at"], manifest.version)
        self._store.act(manifest.number, request)


_SHOWN: Final = ("overdue", "discrepancy")
