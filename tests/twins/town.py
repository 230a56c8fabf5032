"""Jincheng with the pairs registered: natives and the devices that cities have, each with its own vehicle or site."""

import shutil
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from devices.cities import JINCHENG
from simulators.dialects.lorawan import DEPTH_MM, Bin, Tally
from tests.twins.stories import COVER_BIT, LIFT_BIT

ROUTE: Final = "route-01"
BRIDGE_SITE: Final = "spoil-nw-1"
"""Where both bridges stand; the route of the trucks leads there."""
SENSOR: Final = Bin(1, "chirpstack", 1, Tally())
EDGE: Final = ("haul", "gw-1", "line-1")


class Pair(NamedTuple):
    """Subjects of the alerts of twins."""

    native: str
    dialect: str


TRUCKS: Final = Pair("twin-truck", "013900000001")
BINS: Final = Pair("twin-bin", SENSOR.device_id)
LINES: Final = Pair("twin-line", ".".join(EDGE))
WEIGHED: Final = Pair("weighed-native", "weighed-by-serial")
"""Trucks that each bridge weighs. They have native terminals both."""
BRIDGES: Final = Pair("twin-bridge", "bridge-by-serial")
PLATES: Final = Pair("晋E·T0003", "晋E·T0004")
PAIRS: Final = {"jt808": TRUCKS, "chirpstack": BINS, "sparkplug": LINES, "scale": WEIGHED}

_INTERVAL_S: Final = 600
"""Registered for all, so that none is missed while a slow machine runs the stories."""
_SINCE: Final = {"valid_from": "2020-01-01"}
_PROFILES: Final[list[dict[str, Any]]] = [
    {"id": "maker", "dialect": "jt808",
     "settings": {"lift_up": {"bit": LIFT_BIT}, "cover_open": {"bit": COVER_BIT}, "load_bits": "all"}},
    {"id": "sorting-line", "dialect": "sparkplug",
     "settings": {"throughput": {"running": "Line/Running", "rate_t_per_h": {"metric": "Line/Rate", "scale": 0.001},
                                 "queue_trucks": "Line/Queue"}}},
]  # fmt: skip


def write_city(folder: Path) -> Path:
    """The files of the city."""
    shutil.copytree(JINCHENG, folder)
    trucks = [*TRUCKS, *WEIGHED]
    plates = ["晋E·T0001", "晋E·T0002", *PLATES]
    _append(folder / "vehicles.yaml", [
        {"id": f"vehicle-{one}", "plate": plate, "tare_kg": 12_800.0, "payload_kg": 16_000.0}
        for one, plate in zip(trucks, plates, strict=True)
    ])  # fmt: skip
    _append(folder / "permits.yaml", [
        {"id": f"permit-{one}", "vehicle": f"vehicle-{one}", "routes": [ROUTE], "sites": [BRIDGE_SITE]}
        for one in trucks
    ])  # fmt: skip
    _append(folder / "devices.yaml", _devices())
    (folder / "profiles.yaml").write_text(yaml.safe_dump(_PROFILES), encoding="utf-8")
    return folder


def _devices() -> list[dict[str, Any]]:
    trucks = [
        {"id": one, "role": "truck", "vehicle": f"vehicle-{one}", "report_interval_s": _INTERVAL_S, **more}
        for one, more in (
            (TRUCKS.native, {}), (TRUCKS.dialect, {"dialect": "jt808", "profile": "maker"}),
            (WEIGHED.native, {}), (WEIGHED.dialect, {}),
        )
    ]  # fmt: skip
    sensor = {"dialect": "chirpstack", "profile": "em400-tld", "depth_mm": DEPTH_MM}
    line = {"role": "station_line", "site": "sorting-dongtianshi", "report_interval_s": _INTERVAL_S}
    bin_ = {"role": "recycling_point", "report_interval_s": _INTERVAL_S}
    bridge = {"role": "weighbridge", "site": BRIDGE_SITE, "report_interval_s": _INTERVAL_S}
    return [
        *trucks,
        {"id": BINS.native, "site": "recycling-001", **bin_},
        {"id": BINS.dialect, "site": "recycling-002", **bin_, **sensor},
        {"id": LINES.native, **line},
        {"id": LINES.dialect, **line, "dialect": "sparkplug", "profile": "sorting-line"},
        {"id": ".".join(EDGE[:2]), **line, "dialect": "sparkplug", "profile": "status"},
        {"id": BRIDGES.native, **bridge},
        {"id": BRIDGES.dialect, **bridge, "dialect": "scale", "profile": "yaohua-kg"},
    ]


def _append(file: Path, rows: list[dict[str, Any]]) -> None:
    with file.open("a", encoding="utf-8") as out:
        yaml.safe_dump([row | _SINCE for row in rows], out, allow_unicode=True)
