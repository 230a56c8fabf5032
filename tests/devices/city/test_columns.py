"""A city as rows and as packed bytes."""

import zlib
from dataclasses import replace

import msgspec
import pytest

from devices.cities import JINCHENG
from devices.city.columns import city_of, pack_city, rows_of, unpack_city
from devices.city.files import read_city
from devices.city.model import City
from devices.city.sites import Hotspot, Validity
from devices.geo.geometry import XY, LatLon


def jincheng() -> City:
    """Without drivers, whom no record of the raw log names."""
    return replace(read_city(JINCHENG), drivers=())


def test_a_packed_city_is_the_same_city() -> None:
    city = replace(jincheng(), revision=7)
    site = next(iter(city.sites.values()))
    older = replace(site, version=site.version - 1, validity=Validity(None, 1))
    city = replace(city, past_sites=(*city.past_sites, older))
    again = unpack_city(pack_city(city))
    assert again == city
    assert rows_of(again) == rows_of(city)
    assert pack_city(again) == pack_city(city), "equal cities give equal bytes"


def test_a_city_of_a_version_that_named_no_areas_is_read() -> None:
    """The raw log keeps revisions of the city for weeks."""
    city = jincheng()
    rows = rows_of(city)
    for name in ("districts", "fleets"):
        del rows["city"][0][name]
    assert city_of(rows, city.revision) == replace(city, districts=(), fleets=())


def test_a_city_that_an_earlier_version_packed_corrects_no_clock() -> None:
    city = jincheng()
    body = msgspec.msgpack.decode(zlib.decompress(pack_city(city)))
    for row in body["rows"]["device"]:
        del row["clock_correction_s"], row["overflow_at_pct"]
        del row["model"], row["verification"], row["verified_until_ms"]
    for row in body["rows"]["route"]:
        del row["corridor_m"]
    assert unpack_city(zlib.compress(msgspec.msgpack.encode(body))) == city


def test_a_city_that_an_earlier_version_packed_has_no_limits() -> None:
    city = jincheng()
    body = msgspec.msgpack.decode(zlib.decompress(pack_city(city)))
    for row in body["rows"]["route"]:
        del row["limit_kmh"]
    without = tuple(replace(route, limit_kmh=None) for route in city.routes)
    assert unpack_city(zlib.compress(msgspec.msgpack.encode(body))) == replace(city, routes=without)


def test_hotspots_are_packed_and_a_city_of_an_earlier_version_has_none() -> None:
    hotspot = Hotspot("3f0a9c51be7d2846", LatLon(lat=35.5, lon=112.8), 64.2)
    city = replace(jincheng(), hotspots=(hotspot,))
    packed = pack_city(city)
    assert unpack_city(packed).hotspots == (hotspot,)
    body = msgspec.msgpack.decode(zlib.decompress(packed))
    del body["rows"]["hotspot"]
    assert unpack_city(zlib.compress(msgspec.msgpack.encode(body))).hotspots == ()


def test_the_nearest_of_overlapping_hotspots_is_answered() -> None:
    city = jincheng()
    pits = [Hotspot(name, city.plane.latlon(XY(x, 0)), 100.0) for name, x in (("west", 0), ("east", 150))]
    city = replace(city, hotspots=tuple(pits))
    found = {x: city.hotspot_at(XY(x, 0)) for x in (-101, -99, 74, 76, 249, 251)}
    assert {x: hotspot.id if hotspot else None for x, hotspot in found.items()} == {
        -101: None, -99: "west", 74: "west", 76: "east", 249: "east", 251: None,
    }  # fmt: skip


@pytest.mark.parametrize("packed", [b"", b"no city", pack_city(jincheng())[:-9]])
def test_bytes_that_are_no_city_are_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="packed city"):
        unpack_city(packed)
