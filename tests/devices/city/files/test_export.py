"""A city that is exported imports again to the same city, whatever its texts, numbers and versions are."""

import csv
import io
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely import LineString, box

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.city.files.export import write_files
from devices.city.haulage import Driver, Haulier, Licence, LoadUnit, Permit, Vehicle, VehicleKind
from devices.city.hours import Hours
from devices.city.model import Area, City, Device, DeviceRole, Profile
from devices.city.sites import ALWAYS, Gate, GateUse, Route, Site, SiteKind, Validity, Zone, ZoneKind
from devices.geo.geometry import Datum, LatLon
from devices.readings.streams import STREAM_NAMES
from tests.devices.city.test_files import SMALL_CITY
from tests.devices.codecs.meter import METER, MeterCodec, add_codec
from tests.examples import examples

TRICKY = [
    "true",
    "1",
    "1.5",
    "2020-01-01",
    "~",
    "null",
    "a;b",
    'a,"b"',
    " x ",
    "- a: [",
    "#",
    "晋E·1",
    "=",
    "=1+1",
    "'=1",
    "'",
    "@a",
    "-a",
]
TEXTS = st.sampled_from(TRICKY) | st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12
)
INSTANTS = st.integers(946_684_800_000, 4_102_444_800_000)
HOURS = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda pair: pair[0] != pair[1])
HOUR_LISTS = st.lists(st.builds(lambda pair: Hours(*pair), HOURS), max_size=2).map(tuple)
STREAMS = st.sets(st.sampled_from(sorted(STREAM_NAMES)), max_size=2).map(lambda names: tuple(sorted(names)))
KG = st.none() | st.floats(0.001, 100_000)
PLACES = st.builds(LatLon, lat=st.floats(35.3, 35.6), lon=st.floats(112.7, 113.0))


def intervals(draw: st.DrawFn, most: int = 3) -> list[Validity]:
    """Of the versions of one entry: one after the other, perhaps with gaps."""
    cuts = sorted(draw(st.sets(INSTANTS, max_size=most)))
    ends: list[int | None] = [None, *cuts, None]
    return [Validity(start, end) for start, end in pairwise(ends)] if cuts else [ALWAYS]


SETTINGS = st.dictionaries(
    st.sampled_from(["measures", "deep"]),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | TEXTS,
        lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXTS, below, max_size=3),
        max_leaves=5,
    ),
)


@pytest.fixture(autouse=True)
def meter(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = MeterCodec()
    monkeypatch.setattr(codec, "check_settings", lambda settings: (), raising=False)
    add_codec(monkeypatch, codec)


@st.composite
def cities(draw: st.DrawFn) -> City:
    def versions(make: Any) -> tuple[Any, ...]:
        return tuple(make(number, valid) for number, valid in enumerate(intervals(draw), start=1))

    def area() -> Any:
        corner, side = draw(PLACES), draw(st.floats(0.0001, 0.01))
        return box(corner.lon, corner.lat, corner.lon + side, corner.lat + side)

    def text() -> str:
        return draw(TEXTS)

    def site(id_: str, kind: SiteKind, number: int, valid: Validity) -> Site:
        is_point = kind is SiteKind.RECYCLING_POINT
        hours, streams = draw(HOUR_LISTS) if is_point else (), draw(STREAMS) if is_point else ()
        return Site(id_, kind, text(), text(), area(), "west", valid, number, hours, streams)

    def line() -> LineString:
        start = draw(PLACES)
        return LineString([(start.lon, start.lat), (start.lon + 0.01, start.lat), (start.lon + 0.01, start.lat + 0.01)])

    tips = versions(lambda number, valid: site("tip", SiteKind.DISPOSAL_SITE, number, valid))
    points = versions(lambda number, valid: site("point", SiteKind.RECYCLING_POINT, number, valid))
    trucks = versions(
        lambda number, valid: Vehicle(
            "lorry", text()[:32], text(), draw(KG), draw(KG), valid, draw(st.sampled_from(VehicleKind)),
            draw(st.integers(1, 10)), number, draw(st.sampled_from([None, "h"])), draw(st.booleans()),
            draw(st.booleans()), draw(st.sampled_from(LoadUnit)),
        )
    )  # fmt: skip
    return City(
        id="smallville",
        name=text(),
        name_zh=text(),
        timezone=draw(st.sampled_from(["Asia/Shanghai", "UTC", "Europe/Berlin"])),
        centre=LatLon(lat=35.45, lon=112.85),
        region_margin_km=draw(st.floats(1, 1_000)),
        devices={
            "t": Device(
                "t",
                DeviceRole.TRUCK,
                text(),
                "lorry",
                None,
                "danhe",
                "west",
                10,
                draw(st.builds(Validity, INSTANTS)),
                Datum.GCJ02,
                draw(st.integers(-9, 9)),
                None,
                text(),
                text(),
                draw(st.none() | INSTANTS),
            ),
            "p": Device("p", DeviceRole.RECYCLING_POINT, site_id="point", overflow_at_pct=draw(st.floats(30, 120))),
            "m": Device(
                "m",
                DeviceRole.RECYCLING_POINT,
                site_id="point",
                dialect=METER,
                profile=draw(st.sampled_from(["", "plain", "maker"])),
                depth_mm=draw(st.none() | st.floats(0, 20_000, exclude_min=True)),
            ),
        },
        profiles={"maker": Profile("maker", METER, draw(SETTINGS))},
        vehicles={"lorry": trucks[-1]},
        past_vehicles=trucks[:-1],
        sites={"point": points[-1], "tip": tips[-1]},
        past_sites=(*points[:-1], *tips[:-1]),
        routes=versions(
            lambda number, valid: Route(
                "r",
                number,
                text(),
                text(),
                line(),
                "point",
                "tip",
                valid,
                draw(st.none() | st.floats(20, 1_000)),
                draw(st.none() | st.floats(0.1, 120)),
                draw(HOUR_LISTS),
                draw(st.sampled_from([(), ("compactor",)])),
            )
        ),
        permits=versions(
            lambda number, valid: Permit(
                "k",
                "lorry",
                ("r",),
                ("tip",),
                valid,
                draw(HOUR_LISTS),
                draw(st.sampled_from([(), ("north",)])),
                number,
                ("point",),
                draw(st.sampled_from([None, "h"])),
                draw(STREAMS),
                draw(st.none() | st.floats(0.1, 1e6)),
            )
        ),
        zones=versions(
            lambda number, valid: Zone("north", number, ZoneKind.PERMITTED_AREA, text(), text(), area(), valid)
        ),
        gates=versions(
            lambda number, valid: Gate(
                "g", number, "tip", text(), text(), draw(PLACES), draw(st.sampled_from(GateUse)), valid
            )
        ),
        hauliers=versions(
            lambda number, valid: Haulier("h", text(), text(), draw(st.sampled_from([None, "danhe"])), valid, number)
        ),
        drivers=versions(lambda number, valid: Driver("d", text(), draw(st.sampled_from([None, "h"])), valid, number)),
        licences=versions(lambda number, valid: Licence("l", "h", ("north",), draw(STREAMS), valid, number)),
        districts=draw(st.sampled_from([(), (Area("west", "West", "西区"),)])),
        fleets=draw(st.sampled_from([(), (Area("danhe", "Danhe", "丹河"),)])),
    )


@settings(max_examples=examples(25, exploring=400), deadline=None)
@given(city=cities(), lists_as_csv=st.booleans())
@example(city=read_city(SMALL_CITY), lists_as_csv=True)
@example(city=read_city(SMALL_CITY), lists_as_csv=False)
def test_an_exported_city_imports_again_to_the_same_city(city: City, lists_as_csv: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_files(city, Path(folder), lists_as_csv=lists_as_csv)
        assert read_city(Path(folder)) == city


@pytest.mark.parametrize("lists_as_csv", [False, True])
def test_the_demonstration_city_survives_its_export(lists_as_csv: bool, tmp_path: Path) -> None:
    city = read_city(JINCHENG)
    written = write_files(city, tmp_path, lists_as_csv=lists_as_csv)
    assert {path.suffix for path in written if path.stem == "vehicles"} == {".csv" if lists_as_csv else ".yaml"}
    assert read_city(tmp_path) == replace(city, revision=0)


def test_no_cell_of_an_export_is_a_formula(tmp_path: Path) -> None:
    """A spreadsheet would run it; numbers stay numbers."""
    city = read_city(SMALL_CITY)
    lorry = replace(city.vehicles["lorry"], plate="=1+1", carrier="@SUM(A1)")
    devices = {id_: replace(device, clock_correction_s=-9) for id_, device in city.devices.items()}
    write_files(replace(city, vehicles={"lorry": lorry}, devices=devices), tmp_path, lists_as_csv=True)
    texts = [path.read_text(encoding="utf-8-sig") for path in tmp_path.glob("*.csv")]
    cells = [cell for text in texts for row in csv.reader(io.StringIO(text)) for cell in row]
    assert {cell for cell in cells if cell.startswith(("=", "+", "-", "@"))} == {"-9"}
    assert read_city(tmp_path).vehicles["lorry"] == lorry
