"""Tonnes of a city: what sessions weighed, by day, site, stream, district and haulier; mass balance of sites. Pure.

Sums are of kilograms as they were weighed, so they are exact; tonnes are for people. A net weight with a registered or
estimated tare is an estimate, and counted apart.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from devices.city.model import City
from devices.city.sites import SiteKind, version_at
from devices.readings.streams import stream_of
from rules.weighing.session import Flow, TareSource

WEIGHING_ERROR_KG: Final = 40.0
"""One weighing in service: class III scale, e = 20 kg, between 10 and 40 t (OIML R 76)."""
_NET_SIGMA_KG: Final = WEIGHING_ERROR_KG / math.sqrt(3) * math.sqrt(2)
"""Standard deviation of a net weight: two weighings, each anywhere within its error."""
_ESTIMATE_SIGMA_KG: Final = 300.0
"""Of one with a tare that was not weighed: tanks, mud, bodies."""
_COVERAGE: Final = 2.0
"""Standard deviations of the band, some 95 %."""
_FILLED: Final = frozenset({SiteKind.DISPOSAL_SITE, SiteKind.LANDFILL})
UNKNOWN: Final = ""
"""Stream, district or haulier that nobody knows."""


class Weighed(Protocol):
    """The part of a session that sums ask for."""

    @property
    def site(self) -> str: ...
    @property
    def vehicle_id(self) -> str | None: ...
    @property
    def weighed_at(self) -> int: ...
    @property
    def net_kg(self) -> float | None: ...
    @property
    def tare_source(self) -> TareSource | None: ...
    @property
    def flow(self) -> Flow: ...
    @property
    def material(self) -> str | None: ...


class Heading(NamedTuple):
    """What a line of the ledger is of."""

    day: str
    """Of the city's calendar, `2026-03-01`."""
    site: str
    district: str
    stream: str
    """As `devices.readings.streams` has it; the material itself where it is none of these."""
    haulier: str
    flow: Flow


@dataclass(slots=True)
class Tonnage:
    """The sums of a line."""

    sessions: int = 0
    """Weighed in full."""
    net_kg: float = 0.0
    """Of these."""
    estimated: int = 0
    """Sessions with a registered or estimated tare."""
    estimated_kg: float = 0.0
    unknown: int = 0
    """Sessions of which no net weight is known."""

    @property
    def tonnes(self) -> float:
        return round(self.net_kg / 1000, 3)

    def add(self, one: Weighed) -> None:
        if one.net_kg is None:
            self.unknown += 1
        elif one.tare_source is TareSource.WEIGHED:
            self.sessions += 1
            self.net_kg = round(self.net_kg + one.net_kg, 3)
        else:
            self.estimated += 1
            self.estimated_kg = round(self.estimated_kg + one.net_kg, 3)


@dataclass(frozen=True, slots=True)
class Stocks:
    """What a site says of one day besides weighings, kg."""

    stock_change_kg: float | None = 0.0
    """None: nobody knows it; of a site where loads stay, what came in."""
    residue_kg: float = 0.0
    error_kg: float = 0.0
    """Standard error of the stock change."""


@dataclass(frozen=True, slots=True)
class SiteBalance:
    """Mass balance of one site on one day, kg."""

    day: str
    site: str
    in_kg: float
    out_kg: float
    stock_change_kg: float
    residue_kg: float
    band_kg: float
    """Half the width of the band of some 95 % around the difference, by the errors of weighings and stock."""
    sessions: int
    estimated: int
    stays_on_site: bool = False
    """`stock_change_kg` is what came in, as nothing leaves the site but trucks: nobody measured it."""

    @property
    def difference_kg(self) -> float:
        """In less out, stock change and residue: what nobody explains."""
        return round(self.in_kg - self.out_kg - self.stock_change_kg - self.residue_kg, 3)

    @property
    def is_explained(self) -> bool:
        return abs(self.difference_kg) <= self.band_kg


class Calendar:
    """Days of a city."""

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)

    def day(self, ts: int) -> str:
        """The day of an instant, ms."""
        return datetime.fromtimestamp(ts / 1000, self._zone).date().isoformat()

    def start_ms(self, day: date) -> int:
        """When a day begins, ms."""
        return round(datetime.combine(day, time(), self._zone).timestamp() * 1000)


def ledger_of(sessions: Iterable[Weighed], city: City, calendar: Calendar) -> dict[Heading, Tonnage]:
    """The lines of these sessions, sorted."""
    lines: dict[Heading, Tonnage] = {}
    for one in sessions:
        lines.setdefault(heading_of(one, city, calendar), Tonnage()).add(one)
    return {heading: lines[heading] for heading in sorted(lines)}


def heading_of(one: Weighed, city: City, calendar: Calendar) -> Heading:
    site = version_at(city.versions_of_site(one.site), one.weighed_at)
    vehicle = city.vehicle_at(one.vehicle_id, one.weighed_at) if one.vehicle_id is not None else None
    return Heading(
        calendar.day(one.weighed_at),
        one.site,
        (site.district if site is not None else None) or UNKNOWN,
        stream(one.material, site.streams if site is not None else ()),
        vehicle.carrier if vehicle is not None else UNKNOWN,
        Flow(one.flow),
    )


def stream(material: str | None, of_site: Sequence[str] = ()) -> str:
    """The stream of a load: by its ticket, else the only one of its site."""
    if material is not None:
        return stream_of(material) or material
    return of_site[0] if len(of_site) == 1 else UNKNOWN


def totals(lines: Mapping[Heading, Tonnage], *by: str) -> dict[tuple[str, ...], Tonnage]:
    """Sums of lines by some fields of their headings."""
    found: dict[tuple[str, ...], Tonnage] = {}
    for heading, line in lines.items():
        total = found.setdefault(tuple(str(getattr(heading, name)) for name in by), Tonnage())
        total.sessions += line.sessions
        total.estimated += line.estimated
        total.unknown += line.unknown
        total.net_kg = round(total.net_kg + line.net_kg, 3)
        total.estimated_kg = round(total.estimated_kg + line.estimated_kg, 3)
    return dict(sorted(found.items()))


def filled_sites(city: City) -> frozenset[str]:
    """Ids of sites that loads are brought to for good."""
    return frozenset(site_id for site_id, site in city.sites.items() if site.kind in _FILLED)


def balances(
    lines: Mapping[Heading, Tonnage],
    stocks: Mapping[tuple[str, str], Stocks] | None = None,
    filled: frozenset[str] = frozenset(),
) -> list[SiteBalance]:
    """The balance of each site and day that weighed or stated something.

    `stocks`: by day and site. `filled`: sites where what comes in stays, on days
    of which `stocks` has nothing.
    """
    found = []
    by_flow = totals(lines, "day", "site", "flow")
    by_site = totals(lines, "day", "site")
    for day, site in sorted({*by_site, *(stocks or ())}):
        all_of = by_site.get((day, site), Tonnage())
        kg = {flow: _kg(by_flow.get((day, site, str(flow)))) for flow in Flow}
        stock = (stocks or {}).get((day, site))
        stock = Stocks(None) if stock is None else stock
        stays = stock.stock_change_kg is None and site in filled
        change_kg = stock.stock_change_kg or 0.0
        if stays:
            change_kg = round(kg[Flow.IN] - kg[Flow.OUT] - stock.residue_kg, 3)
        variance = stock.error_kg**2 + all_of.sessions * _NET_SIGMA_KG**2 + all_of.estimated * _ESTIMATE_SIGMA_KG**2
        found.append(
            SiteBalance(
                day,
                site,
                kg[Flow.IN],
                kg[Flow.OUT],
                change_kg,
                stock.residue_kg,
                round(_COVERAGE * math.sqrt(variance), 1),
                all_of.sessions,
                all_of.estimated,
                stays,
            )
        )
    return found


def _kg(line: Tonnage | None) -> float:
    return 0.0 if line is None else round(line.net_kg + line.estimated_kg, 3)


class Revision(Protocol):
    """`rules.weighing.model.SessionChange`."""

    @property
    def at(self) -> int: ...
    @property
    def before(self) -> Mapping[str, Any] | None: ...
    @property
    def after(self) -> Mapping[str, Any] | None: ...


@dataclass(slots=True)
class LateChange:
    """What came to a day after it was over."""

    revisions: int = 0
    net_kg: float = 0.0
    """By so much the sum of its weighed net weights changed."""


def late_changes(
    changes: Iterable[Revision], calendar: Calendar, closed_at: Mapping[str, int]
) -> dict[str, LateChange]:
    """By day: revisions of its sessions that were made after its end.

    `closed_at`: wall clock, ms, from which on a change of a day is late; other days are left out.
    """
    found: dict[str, LateChange] = {}
    for change in changes:
        for sign, state in ((-1, change.before), (1, change.after)):
            if state is None:
                continue
            day = calendar.day(state["weighed_at"])
            if day not in closed_at or change.at < closed_at[day]:
                continue
            late = found.setdefault(day, LateChange())
            late.revisions += sign == 1 or change.after is None
            if state["tare_source"] == TareSource.WEIGHED and state["net_kg"] is not None:
                late.net_kg = round(late.net_kg + sign * state["net_kg"], 3)
    return {day: found[day] for day in sorted(found)}
