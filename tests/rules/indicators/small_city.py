"""A small city with one site of each kind where loads end, each with a weighbridge, and what these send."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, insert

from devices.city.model import City, Device, DeviceRole
from devices.city.sites import Site, SiteKind
from devices.readings.models import Weighing
from rules.cases import tables as case_tables
from rules.cases.indicators import Figures
from rules.indicators.definitions import IndicatorId
from rules.indicators.model import Asked, Indicator, IndicatorReport
from rules.indicators.programme import Programme
from rules.indicators.store import IndicatorStore
from rules.manifests import tables as manifest_tables
from rules.recyclables import tables as deposit_tables
from rules.weighing import tables as weighing_tables
from rules.weighing.store import SessionStore
from tests.rules.town import square, town

ZONE = ZoneInfo("Asia/Shanghai")
KINDS = {
    "plant": SiteKind.RECYCLING_PLANT,
    "tip": SiteKind.DISPOSAL_SITE,
    "burner": SiteKind.INCINERATION_PLANT,
    "fill": SiteKind.LANDFILL,
    "sorting": SiteKind.SORTING_CENTRE,
    "transfer": SiteKind.TRANSFER_STATION,
}
NO_REPORTS = Figures(
    opened=0, closed=0, closed_in_time=0, overdue=0, duplicates=0, closing_rate_pct=None, in_time_rate_pct=None
)


def small_city(**changed: Any) -> City:
    whole = town()
    sites = {
        id_: Site(id_, kind, id_.title(), f"{id_}场", square(1_000 * n, 9_000, 60))
        for n, (id_, kind) in enumerate(KINDS.items())
    }
    trucks = {id_: one for id_, one in whole.devices.items() if one.role is DeviceRole.TRUCK}
    bridges = {f"W-{id_}": Device(f"W-{id_}", DeviceRole.WEIGHBRIDGE, site_id=id_) for id_ in sites}
    return replace(whole, sites=sites, routes=(), permits=(), devices={**trucks, **bridges}, **changed)


def ms(day: str, hour: float = 12) -> int:
    """An instant of a day of the city."""
    begins = datetime.combine(date.fromisoformat(day), datetime.min.time(), ZONE)
    return round((begins.timestamp() + hour * 3_600) * 1_000)


class Bridges:
    """What the weighbridges of the city send, and what is asked of it."""

    def __init__(self, engine: Engine, city: City | None = None) -> None:
        for some in (weighing_tables, manifest_tables, case_tables, deposit_tables):
            some.metadata.create_all(engine)
        self.engine, self.city = engine, city or small_city()
        self.sessions = SessionStore(engine, lambda: self.city)
        self._sent = 0

    def load(
        self, day: str, site: str, material: str | None, kg: float, *, hour: float = 12, at: int = 0, **more: Any
    ) -> Weighing:
        """A truck brings a load, or takes one away with `direction="out"`; `at`: wall clock at which it is known."""
        self._sent += 1
        fields: dict[str, Any] = {
            "device_id": f"W-{site}", "ts": ms(day, hour), "plate": f"晋ET{self._sent % 5 + 1}",
            "ticket": f"N{self._sent}", "gross_kg": 12_000 + kg, "tare_kg": 12_000.0, "net_kg": kg,
            "direction": "in", "material": material,
        }  # fmt: skip
        sent = Weighing(**fields | more)
        self.sessions.take("file", self._sent, [sent], at)
        return sent

    def deposit(self, day: str, point: str, material: str, kg: float, *, site: str | None = None) -> None:
        """Somebody deposits at a point, that stands at a site of its name."""
        self._sent += 1
        row = {
            "device_id": point, "number": f"N{self._sent}", "ts": ms(day), "day": day, "site_id": site or f"at-{point}",
            "material": material, "grams": round(kg * 1_000), "id_dropped": False, "received_at": ms(day),
        }  # fmt: skip
        with self.engine.begin() as connection:
            connection.execute(insert(deposit_tables.deposit).values(row))

    def asked(self, first: str, last: str, now: int, **more: Any) -> Asked:
        fields: dict[str, Any] = {"reports": NO_REPORTS, "city": self.city}
        return Asked(date.fromisoformat(first), date.fromisoformat(last), now, **fields | more)

    def report(self, asked: Asked, programme: Mapping[str, Any] | None = None) -> IndicatorReport:
        return IndicatorStore(self.engine, Programme.model_validate(programme or {})).report(asked)

    def indicator(
        self, id_: str, first: str, last: str, programme: Mapping[str, Any] | None = None, **more: Any
    ) -> Indicator:
        """One indicator of a span, asked for when it was over for a day."""
        report = self.report(self.asked(first, last, ms(last, 48), **more), programme)
        return next(one for one in report.indicators if one.id is IndicatorId(id_))


def parts(indicator: Indicator) -> dict[str, float]:
    return {part.id: part.value for part in indicator.parts}


def why(indicator: Indicator) -> list[str]:
    return [str(held.reason) for held in indicator.withheld]
