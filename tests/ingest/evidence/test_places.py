"""A pack holds the places that it needs, and says so where it needs all of them."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devices.city.columns import unpack_city
from devices.city.model import City
from devices.city.sites import Hotspot, Route, Site, SiteKind, Zone, ZoneKind
from ingest.evidence import places
from ingest.evidence.archive import read_archive
from ingest.evidence.verification import verify
from tests.ingest.evidence.office import KEY, Office, day, dump_of
from tests.rules.town import place, road, square, town


def large_town() -> City:
    """The town in a city that reaches 60 km to the east and north of it."""
    city = town()
    far = [(20_000 + 2_000 * east, 15_000 + 3_000 * north) for east in range(20) for north in range(15)]
    sites = {
        f"far-{x}-{y}": Site(f"far-{x}-{y}", SiteKind.DISPOSAL_SITE, "Far", "远", square(x, y, 200), "north")
        for x, y in far
    }
    return replace(
        city,
        sites={**city.sites, **sites},
        past_sites=tuple(replace(site, version=0) for site in sites.values()),
        routes=(*city.routes, *(Route(f"F{x}-{y}", 1, "Far", "远", road((x, y), (x + 900, y))) for x, y in far)),
        zones=tuple(Zone(f"Z{x}-{y}", 1, ZoneKind.FORBIDDEN, "Far", "远", square(x, y, 200)) for x, y in far),
        hotspots=(Hotspot("far-hotspot", place(30_000, 30_000), 100.0), Hotspot("near", place(5_000, 500), 50.0)),
    )


def rows(pack: bytes) -> dict[str, list[dict[str, Any]]]:
    files = read_archive(pack)
    [name] = [name for name in files if name.startswith("judging/city-")]
    found: dict[str, list[dict[str, Any]]] = json.loads(files[name])["rows"]
    return found


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with closing(Office(tmp_path_factory.mktemp("large"), large_town(), day())) as opened:
        yield opened


def test_places_far_from_every_track_are_left_out_and_it_judges_the_same(large: Office, office: Office) -> None:
    alert_id = dump_of(large)
    assert alert_id == dump_of(office)
    pack, small = large.export(alert_id), office.export(alert_id)
    found = verify(pack, KEY.public, "9.9.9")
    assert (found.same, found.manifest.messages.places, found.manifest.notes) == (True, "near", ())
    kept = rows(pack)
    ids = {row["id"] for row in kept["site"]}
    assert ids >= {"source", "tip", "depot"}
    assert len({id_ for id_ in ids if id_.startswith("far")}) <= 2, "of 300, those at the edges of the region"
    assert {row["id"] for row in kept["route"]} >= {"R1"}
    assert len(kept["route"]) <= 3
    assert (kept["zone"], [row["id"] for row in kept["hotspot"]]) == ([], ["near"])
    assert read_archive(pack)["readings/readings.jsonl"] == read_archive(small)["readings/readings.jsonl"]
    assert len(pack) < 1.1 * len(small)


def test_where_the_region_ends_does_not_change(large: Office) -> None:
    """A fix is believed in the pack where it was believed in the city."""
    whole = large_town()
    [record] = [one for one in large.records if one.message.topic.endswith("city")][:1]
    [kept] = places.with_places_near([record], large.changes("illegal_dumping"))
    region, expected = unpack_city(kept.message.payload).region, whole.region
    assert [getattr(region, side) for side in ("west", "south", "east", "north")] == pytest.approx(
        [getattr(expected, side) for side in ("west", "south", "east", "north")]
    )


def test_where_few_places_lead_elsewhere_all_are_in_it_and_it_says_so(
    large: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        places, "_needed", lambda city, near: replace(city, sites={}, past_sites=(), routes=(), zones=(), permits=())
    )
    pack = large.export(dump_of(large))
    found = verify(pack, KEY.public, "9.9.9")
    assert (found.same, found.manifest.messages.places) == (True, "all")
    [note] = found.manifest.notes
    assert "all 605 sites, 301 routes and 300 zones" in note
    assert len(rows(pack)["site"]) == 605


def test_a_pack_from_before_says_all(pack: bytes, tmp_path: Path) -> None:
    manifest = json.loads(read_archive(pack)["manifest.json"])
    del manifest["messages"]["places"]
    assert type(verify(pack, None, "").manifest).model_validate(manifest).messages.places == "all"
