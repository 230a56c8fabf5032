"""Load of a truck, from five sources; the best source that has a recent value decides."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from devices.city.model import City, DeviceRole, Vehicle
from devices.city.sites import Site, SiteKind
from devices.readings.models import Load, Position, Weighing
from devices.readings.tickets import REPEATED_WITHIN_MS, fault_of, ticket_number, weights_of
from devices.readings.tickets import net_kg as ticket_net

TICKET_HOLDS_MS: Final = 600_000
"""A ticket overrules the truck's own sensors for this long, since they may lag or drift; after that they know more."""
STATEMENT_HOLDS_MS: Final = 12 * 3_600_000
"""A ticket or a site visit holds this long where no better source has a value: one shift."""
SENSOR_HOLDS_MS: Final = 600_000
"""A sensor's value, or a manifest's, holds this long."""
STEADY_KG: Final = 500.0
"""Two on-board weights this close, and `STEADY_MS` apart, count as a weight; weights during tipping or on a bumpy road
do not."""
STEADY_MS: Final = 10_000
LOADED_SHARE: Final = 0.40
EMPTY_SHARE: Final = 0.10
HYSTERESIS_SHARE: Final = 0.05
"""Shares are of the permitted load; between the two the truck is PARTIAL."""
ASSUMED_PAYLOAD_KG: Final = 12_000.0
"""Permitted load of a vehicle for which none is registered: the smallest of a common four-axle tipper."""
_MIN_STAY_MS: Final = 60_000
"""A truck neither loads nor tips during a shorter visit."""
_KEPT_TICKETS: Final = 4
"""Tickets of a truck by which the same one sent again is recognised: some 100 bytes each."""
_EMPTIED_AT: Final = frozenset(
    {SiteKind.DISPOSAL_SITE, SiteKind.LANDFILL, SiteKind.INCINERATION_PLANT, SiteKind.RECYCLING_PLANT}
)
"""Trucks leave these sites empty; they leave transfer stations and sorting centres loaded or empty."""


class LoadState(StrEnum):
    """Load of a truck. Missing data is UNKNOWN."""

    LOADED = "loaded"
    PARTIAL = "partial"
    EMPTY = "empty"
    UNKNOWN = "unknown"


class LoadSource(StrEnum):
    """Sources of the load, in order of priority."""

    TICKET = "ticket"
    SCALE = "scale"
    TERMINAL = "terminal"
    MANIFEST = "manifest"
    SITE = "site"
    NONE = "none"


# Python 3.11 takes longer to find a member on its class than for a line of arithmetic; every fix passes here.
_TICKET: Final = LoadSource.TICKET
_SCALE: Final = LoadSource.SCALE
_TERMINAL: Final = LoadSource.TERMINAL
_LOADED: Final = LoadState.LOADED
_PARTIAL: Final = LoadState.PARTIAL
_EMPTY: Final = LoadState.EMPTY
_UNKNOWN: Final = LoadState.UNKNOWN
_STATE_OF: Final = {Load.EMPTY: LoadState.EMPTY, Load.PARTIAL: LoadState.PARTIAL, Load.LOADED: LoadState.LOADED}
"""Load states by the terminal's own."""


@dataclass(slots=True)
class LoadTrack:
    """The last value of each source, and the resulting load. Times are device time, ms; 0: never."""

    state: LoadState = LoadState.UNKNOWN
    source: LoadSource = LoadSource.NONE
    steady_kg: float = 0.0
    steady_ts: int = 0
    raw_kg: float = 0.0
    raw_ts: int = 0
    # A field for each source, not a table: tables would take the most memory of a truck's state.
    ticket: LoadState = LoadState.UNKNOWN
    ticket_ts: int = 0
    scale: LoadState = LoadState.UNKNOWN
    scale_ts: int = 0
    terminal: LoadState = LoadState.UNKNOWN
    terminal_ts: int = 0
    manifest_ts: int = 0
    """Time of the last position with a manifest, which means LOADED."""
    site: LoadState = LoadState.UNKNOWN
    site_ts: int = 0
    site_id: str | None = None
    site_kind: SiteKind | None = None
    site_since: int = 0
    site_left: int = 0
    """When the truck last left a fence."""
    loaded_at: int = 0
    """When it last left a place where it loads, whatever it left since."""
    tickets: tuple[tuple[str, int], ...] = ()
    """The last tickets: their content, and when it came first."""

    def take_position(self, position: Position, vehicle: Vehicle | None) -> None:
        """Take the values of the truck's own sensors."""
        ts, load_kg, load = position.ts, position.load_kg, position.load
        if load_kg is not None:
            self._weigh(load_kg, ts, _payload_kg(vehicle))
        if load is not None:
            self.terminal, self.terminal_ts = _STATE_OF[load], ts
        if position.manifest is not None:
            self.manifest_ts = ts
        self._decide(ts)

    def take_ticket(self, ticket: Weighing, city: City, vehicle: Vehicle | None) -> None:
        """Take a weighbridge ticket of the truck; one that is sent again says nothing about the present."""
        if not is_believed(ticket, city) or self.is_repeated(ticket):
            return
        self.tickets = (*self.tickets[1 - _KEPT_TICKETS :], (_content(ticket), ticket.ts))
        state = ticket_state(ticket, city, vehicle)
        if state is not LoadState.UNKNOWN:
            self.ticket, self.ticket_ts = state, ticket.ts
            self._decide(ticket.ts)

    def is_repeated(self, ticket: Weighing) -> bool:
        """True if an earlier ticket of the truck had the same number, direction and weights."""
        if not self.tickets:
            return False
        content = _content(ticket)
        return any(former == content and 0 < ticket.ts - ts <= REPEATED_WITHIN_MS for former, ts in self.tickets)

    def visit(self, inside: Site | None, ts: int) -> None:
        """Note that the truck is inside the fence of this site, or clearly outside all fences."""
        if inside is not None:
            if inside.id != self.site_id:
                self.site_id, self.site_kind, self.site_since = inside.id, inside.kind, ts
            return
        if self.site_id is not None:
            self.site_left = ts
        if self.site_kind is not None and ts - self.site_since >= _MIN_STAY_MS:
            if self.site_kind is SiteKind.CONSTRUCTION_SITE:
                self.site, self.site_ts = LoadState.LOADED, ts
                self.loaded_at = ts
            elif self.site_kind in _EMPTIED_AT:
                self.site, self.site_ts = LoadState.EMPTY, ts
            self._decide(ts)
        self.site_id = self.site_kind = None

    def _weigh(self, kg: float, ts: int, payload_kg: float) -> None:
        if not self.raw_ts or abs(kg - self.raw_kg) > STEADY_KG or ts - self.raw_ts > SENSOR_HOLDS_MS:
            self.raw_kg, self.raw_ts = kg, ts
            return
        if ts - self.raw_ts < STEADY_MS:
            return
        self.steady_kg, self.steady_ts = kg, ts
        self.raw_kg, self.raw_ts = kg, ts
        self.scale, self.scale_ts = self._state_of(kg / payload_kg), ts

    def _state_of(self, share: float) -> LoadState:
        """Load state of a share of the permitted load, with hysteresis around the scale's previous state."""
        before = self.scale
        if share >= LOADED_SHARE - (HYSTERESIS_SHARE if before is _LOADED else 0):
            return _LOADED
        if share <= EMPTY_SHARE + (HYSTERESIS_SHARE if before is _EMPTY else 0):
            return _EMPTY
        return _PARTIAL

    def _decide(self, ts: int) -> None:
        """Take the first source, in this order, whose value is recent enough."""
        if ts - self.ticket_ts <= TICKET_HOLDS_MS:
            self.state, self.source = self.ticket, _TICKET
        elif ts - self.scale_ts <= SENSOR_HOLDS_MS:
            self.state, self.source = self.scale, _SCALE
        elif ts - self.terminal_ts <= SENSOR_HOLDS_MS:
            self.state, self.source = self.terminal, _TERMINAL
        elif ts - self.ticket_ts <= STATEMENT_HOLDS_MS and self.ticket_ts >= self.site_ts:
            self.state, self.source = self.ticket, _TICKET  # one from before a stay at a site says nothing of after it
        elif ts - self.manifest_ts <= SENSOR_HOLDS_MS:
            self.state, self.source = _LOADED, LoadSource.MANIFEST
        elif ts - self.site_ts <= STATEMENT_HOLDS_MS:
            self.state, self.source = self.site, LoadSource.SITE
        else:
            self.state, self.source = _UNKNOWN, LoadSource.NONE


def is_believed(ticket: Weighing, city: City) -> bool:
    """True if a weighbridge sent it, the scale was at rest and the weights agree."""
    bridge = city.devices.get(ticket.device_id)
    return bridge is not None and bridge.role is DeviceRole.WEIGHBRIDGE and fault_of(ticket) is None


def _content(ticket: Weighing) -> str:
    return f"{ticket.device_id}|{ticket_number(ticket.ticket)}|{ticket.direction}|{weights_of(ticket)}"


def ticket_net_kg(ticket: Weighing, vehicle: Vehicle | None) -> float | None:
    """Net weight of a ticket; worked out from the registered tare where the ticket has neither net nor tare."""
    net = ticket_net(ticket)
    if net is not None or vehicle is None or vehicle.tare_kg is None:
        return net
    return ticket.gross_kg - vehicle.tare_kg


def ticket_state(ticket: Weighing, city: City, vehicle: Vehicle | None) -> LoadState:
    """Load of a truck when it leaves the weighbridge: loaded into a tip, empty out of it; at a source the reverse.

    On a weighbridge elsewhere the net weight decides.
    """
    bridge = city.devices.get(ticket.device_id)
    site = city.site_of(bridge, ticket.ts) if bridge is not None else None
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
