"""Is there something on the truck? Five sources, the best one that speaks now is believed."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from devices.city import City, Site, SiteKind, Vehicle
from devices.readings import Load, Position, Weighing

TICKET_HOLDS_MS: Final = 600_000
"""A weighbridge's word stands this long against the truck's own sensors, which may lag or drift; then they see more."""
STATEMENT_HOLDS_MS: Final = 12 * 3_600_000
"""A ticket or a site visit stands this long where nothing better speaks: one shift."""
SENSOR_HOLDS_MS: Final = 600_000
STEADY_KG: Final = 500.0
"""Two on-board weights this close, and `STEADY_MS` apart, are a weight; a load being tipped or a bumpy road is not."""
STEADY_MS: Final = 10_000
LOADED_SHARE: Final = 0.40
EMPTY_SHARE: Final = 0.10
HYSTERESIS_SHARE: Final = 0.05
"""Of the permitted load; between the two the truck is PARTIAL."""
ASSUMED_PAYLOAD_KG: Final = 12_000.0
"""Of a vehicle whose permitted load is not registered: a common four-axle tipper's smallest."""
_MIN_STAY_MS: Final = 60_000
"""A shorter visit loads and tips nothing."""
_EMPTIED_AT: Final = frozenset(
    {SiteKind.DISPOSAL_SITE, SiteKind.LANDFILL, SiteKind.INCINERATION_PLANT, SiteKind.RECYCLING_PLANT}
)
"""Trucks leave these empty; transfer stations and sorting centres they leave either way."""


class LoadState(StrEnum):
    """Missing data is UNKNOWN."""

    LOADED = "loaded"
    PARTIAL = "partial"
    EMPTY = "empty"
    UNKNOWN = "unknown"


class LoadSource(StrEnum):
    """In order of priority."""

    TICKET = "ticket"
    SCALE = "scale"
    TERMINAL = "terminal"
    MANIFEST = "manifest"
    SITE = "site"
    NONE = "none"


_BELIEVED: Final = (
    (LoadSource.TICKET, TICKET_HOLDS_MS),
    (LoadSource.SCALE, SENSOR_HOLDS_MS),
    (LoadSource.TERMINAL, SENSOR_HOLDS_MS),
    (LoadSource.TICKET, STATEMENT_HOLDS_MS),
    (LoadSource.MANIFEST, SENSOR_HOLDS_MS),
    (LoadSource.SITE, STATEMENT_HOLDS_MS),
)
"""Who is asked, in this order, and how old the word may be."""
# Python 3.11 takes longer to find a member on its class than for a line of arithmetic; every fix passes here.
_SCALE, _TERMINAL, _LOADED = LoadSource.SCALE, LoadSource.TERMINAL, LoadState.LOADED
_STATE_OF: Final = {Load.EMPTY: LoadState.EMPTY, Load.PARTIAL: LoadState.PARTIAL, Load.LOADED: LoadState.LOADED}
"""What a terminal says, in our words."""


@dataclass(slots=True)
class LoadTrack:
    """What each source said last, and what is believed. Times are device time, ms."""

    state: LoadState = LoadState.UNKNOWN
    source: LoadSource = LoadSource.NONE
    steady_kg: float | None = None
    steady_ts: int = 0
    raw_kg: float | None = None
    raw_ts: int = 0
    said: dict[LoadSource, tuple[int, LoadState]] = field(default_factory=dict)
    site_id: str | None = None
    site_kind: SiteKind | None = None
    site_since: int = 0
    site_left: int = 0
    """When it last left a fence."""

    def take_position(self, position: Position, vehicle: Vehicle | None) -> None:
        """Take in what the truck's own sensors say."""
        ts = position.ts
        if position.load_kg is not None:
            self._weigh(position.load_kg, ts, _payload_kg(vehicle))
        if position.load is not None:
            self.said[_TERMINAL] = ts, _STATE_OF[position.load]
        if position.manifest is not None:
            self.said[LoadSource.MANIFEST] = ts, LoadState.LOADED
        self._believe(ts)

    def take_ticket(self, ticket: Weighing, city: City, vehicle: Vehicle | None) -> None:
        """Take in what a weighbridge says of the truck."""
        if not ticket.stable:
            return
        state = ticket_state(ticket, city, vehicle)
        if state is not LoadState.UNKNOWN:
            self.said[LoadSource.TICKET] = ticket.ts, state
            self._believe(ticket.ts)

    def visit(self, inside: Site | None, ts: int) -> None:
        """The truck is inside this fence, or clearly outside all."""
        if inside is not None:
            if inside.id != self.site_id:
                self.site_id, self.site_kind, self.site_since = inside.id, inside.kind, ts
            return
        if self.site_id is not None:
            self.site_left = ts
        if self.site_kind is not None and ts - self.site_since >= _MIN_STAY_MS:
            if self.site_kind is SiteKind.CONSTRUCTION_SITE:
                self.said[LoadSource.SITE] = ts, LoadState.LOADED
            elif self.site_kind in _EMPTIED_AT:
                self.said[LoadSource.SITE] = ts, LoadState.EMPTY
            self._believe(ts)
        self.site_id = self.site_kind = None

    def _weigh(self, kg: float, ts: int, payload_kg: float) -> None:
        if self.raw_kg is None or abs(kg - self.raw_kg) > STEADY_KG or ts - self.raw_ts > SENSOR_HOLDS_MS:
            self.raw_kg, self.raw_ts = kg, ts
            return
        if ts - self.raw_ts < STEADY_MS:
            return
        self.steady_kg, self.steady_ts = kg, ts
        self.raw_kg, self.raw_ts = kg, ts
        self.said[_SCALE] = ts, self._state_of(kg / payload_kg)

    def _state_of(self, share: float) -> LoadState:
        """With hysteresis around the state the scale gave last."""
        word = self.said.get(_SCALE)
        before = word[1] if word is not None else LoadState.UNKNOWN
        if share >= LOADED_SHARE - (HYSTERESIS_SHARE if before is _LOADED else 0):
            return _LOADED
        if share <= EMPTY_SHARE + (HYSTERESIS_SHARE if before is LoadState.EMPTY else 0):
            return LoadState.EMPTY
        return LoadState.PARTIAL

    def _believe(self, ts: int) -> None:
        for source, holds_ms in _BELIEVED:
            if (word := self.said.get(source)) is not None and ts - word[0] <= holds_ms:
                self.state, self.source = word[1], source
                return
        self.state, self.source = LoadState.UNKNOWN, LoadSource.NONE


def ticket_net_kg(ticket: Weighing, vehicle: Vehicle | None) -> float | None:
    """Net weight on a ticket, worked out from the registered tare where the ticket has neither net nor tare."""
    if ticket.net_kg is not None:
        return ticket.net_kg
    tare = ticket.tare_kg if ticket.tare_kg is not None else vehicle.tare_kg if vehicle is not None else None
    return None if tare is None else ticket.gross_kg - tare


def ticket_state(ticket: Weighing, city: City, vehicle: Vehicle | None) -> LoadState:
    """What a truck carries when it leaves the scale: loaded into a tip, empty out of it; at a source the reverse.

    On a bridge elsewhere the net weight says it.
    """
    bridge = city.devices.get(ticket.device_id)
    site = city.sites.get(bridge.site_id) if bridge is not None and bridge.site_id is not None else None
    if site is not None and site.kind in _EMPTIED_AT:
        return LoadState.LOADED if ticket.direction == "in" else LoadState.EMPTY
    if site is not None and site.kind is SiteKind.CONSTRUCTION_SITE:
        return LoadState.EMPTY if ticket.direction == "in" else LoadState.LOADED
    net = ticket_net_kg(ticket, vehicle)
    if net is None:
        return LoadState.UNKNOWN
    share = net / _payload_kg(vehicle)
    return LoadState.LOADED if share >= LOADED_SHARE else LoadState.EMPTY if share <= EMPTY_SHARE else LoadState.PARTIAL


def _payload_kg(vehicle: Vehicle | None) -> float:
    return vehicle.payload_kg if vehicle is not None and vehicle.payload_kg else ASSUMED_PAYLOAD_KG
