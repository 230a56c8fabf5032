"""Tonnes of a city: equal to what the simulator truly weighed, to the kilogram, however late and often tickets come."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace as replaced
from datetime import date
from random import Random
from typing import Any

import pytest

from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.db.database import open_database
from devices.geo.geometry import XY
from devices.readings.models import Weighing
from rules.weighing import tables
from rules.weighing.balance import (
    Calendar,
    Heading,
    Stocks,
    balances,
    filled_sites,
    late_changes,
    ledger_of,
    stream,
    totals,
)
from rules.weighing.model import SessionFilter
from rules.weighing.session import Flow
from rules.weighing.store import SessionStore
from simulators.sites.weighbridge import Crossing, weighings
from simulators.vehicles.drive import Way
from simulators.vehicles.haul import Haul
from tests.rules.town import T0, town
from tests.rules.weighing.test_sessions import CITY, HOUR_S, half, sessions, whole

SHANGHAI = Calendar("Asia/Shanghai")
DAY = SHANGHAI.day(T0)
WAY = Way((XY(0, 0), XY(10_000, 0)))


def lines_of(*sent: Weighing, city: City = CITY) -> dict[Heading, Any]:
    return ledger_of(sessions(*sent, city=city), city, SHANGHAI)


def haul(number: int) -> Haul:
    return Haul(f"T{number}", f"晋ET{number}", 12_000.0 + 37 * number, 16_000.0, WAY, "tip")


def shift(rng: Random, trucks: int = 6, trips: int = 12) -> tuple[list[Weighing], Counter[str]]:
    """What the bridge of the tip sends in a shift, and the kilograms that it showed for each truck, as it printed them:
    a gross on the way in, less a tare on the way out.
    """
    tours = []
    for number in range(1, trucks + 1):
        at, tour = T0 + rng.randint(0, 1_200_000), []
        for visit in range(trips):
            load_kg = rng.uniform(9_000, 15_000)
            tour += [
                Crossing(at, haul(number), visit, False, load_kg),
                Crossing(at + 140_000, haul(number), visit, True, 60.0),
            ]
            at += rng.randint(1_500_000, 2_400_000)
        tours.append(iter(tour))
    made = list(weighings("W1", tours, start_ms=T0, material="spoil", rng=rng))
    shown: Counter[str] = Counter()
    gross: dict[str, float] = {}
    for one in made:
        if one.direction == "in":
            gross[one.ticket] = one.gross_kg
        else:
            shown[one.plate or ""] += round(gross.pop(one.ticket) - (one.tare_kg or 0.0))
    return made, shown


def unreliable(made: Sequence[Weighing], rng: Random) -> list[list[Weighing]]:
    """The readings as a bad network brings them: 5 % hours late, 1 % twice, in batches of any size."""
    arriving = [(one.ts + (rng.randint(1, 21_600_000) if rng.random() < 0.05 else 0), one) for one in made]
    arriving += [(at + rng.randint(0, 3_600_000), one) for at, one in arriving if rng.random() < 0.01]
    rest = [one for _, one in sorted(arriving, key=lambda pair: (pair[0], pair[1].ts))]
    batches = []
    while rest:
        size = rng.randint(1, 40)
        batches.append(rest[:size])
        rest = rest[size:]
    return batches


def test_the_ledger_equals_what_the_bridges_showed_to_the_kilogram() -> None:
    rng = Random(5)
    made, shown = shift(rng)
    engine = open_database("sqlite://")
    tables.metadata.create_all(engine)
    vehicles = {f"VT{n}": Vehicle(f"VT{n}", f"晋ET{n}", carrier=f"haulier {n % 2}") for n in range(1, 7)}
    city = replaced(CITY, vehicles=vehicles)
    store = SessionStore(engine, lambda: city)
    for number, batch in enumerate(unreliable(made, rng), 1):
        store.take("file", number, batch, T0)
    lines = ledger_of(store.every(SessionFilter()), city, SHANGHAI)
    of_haulier = {haulier: total for (haulier,), total in totals(lines, "haulier").items()}
    expected = Counter[str]()
    for plate, kg in shown.items():
        expected[f"haulier {int(plate[-1]) % 2}"] += kg
    assert {name: total.net_kg for name, total in of_haulier.items()} == expected
    assert sum(total.sessions for total in of_haulier.values()) == 72
    assert {heading.stream for heading in lines} == {"spoil"}
    assert {heading.flow for heading in lines} == {Flow.IN}
    assert not any(total.estimated or total.unknown for total in of_haulier.values())
    engine.dispose()


def test_a_load_is_in_the_day_of_the_city_in_which_it_was_weighed() -> None:
    midnight_s = (SHANGHAI.start_ms(date.fromisoformat(DAY)) + 86_400_000 - T0) / 1000
    lines = lines_of(half(midnight_s - 60, 27_000, "in"), whole(midnight_s + 60, 27_000, 12_000))
    [heading] = lines
    assert heading.day == SHANGHAI.day(T0 + 86_400_000) > DAY
    assert [one.day for one in lines_of(whole(midnight_s - 1, 27_000, 12_000))] == [DAY]


def test_a_line_is_of_its_site_district_stream_haulier_and_way() -> None:
    tip = replaced(CITY.sites["tip"], district="zezhou", streams=("spoil",))
    source = replaced(CITY.sites["source"], district="urban", streams=("spoil", "slurry"))
    vehicle = Vehicle("VT1", "晋ET1", carrier="Danhe", tare_kg=12_000.0)
    city = replaced(CITY, sites={**CITY.sites, "tip": tip, "source": source}, vehicles={"VT1": vehicle})
    found = lines_of(
        whole(0, 27_000, 12_000, device_id="W0"),
        whole(1_800, 26_900, 12_000),
        whole(3_600, 26_000, 12_000, ticket="B", material="拆除垃圾", plate="豫A99999"),
        half(5_000, 20_000, "in", ticket="C"),
        half(5_600, 20_000, "in", ticket="D", plate="豫A99999"),
        city=city,
    )
    assert {tuple(heading): (line.sessions, line.net_kg, line.estimated_kg, line.unknown)
            for heading, line in found.items()} == {
        (DAY, "source", "urban", "", "Danhe", "out"): (1, 15_000, 0, 0),
        (DAY, "tip", "zezhou", "spoil", "Danhe", "in"): (1, 14_900, 8_000, 0),
        (DAY, "tip", "zezhou", "demolition", "", "in"): (1, 14_000, 0, 0),
        (DAY, "tip", "zezhou", "spoil", "", "in"): (0, 0, 0, 1),
    }  # fmt: skip
    assert stream("mixed rubble") == "mixed rubble"
    assert stream(None) == ""


def test_the_balance_of_a_site_says_how_far_weighings_can_explain_it() -> None:
    sent = [whole(600 * n, 27_000, 12_000, ticket=f"{n}") for n in range(9)]
    [one] = balances(lines_of(*sent))
    assert (one.in_kg, one.out_kg, one.sessions, one.difference_kg) == (135_000, 0, 9, 135_000)
    # Two weighings, each anywhere within 40 kg: 32.66 kg a net, 3 times that for nine, twice that for the band.
    assert one.band_kg == 196.0
    [stocked] = balances(lines_of(*sent), {(DAY, "tip"): Stocks(stock_change_kg=134_000, residue_kg=900)})
    assert (stocked.difference_kg, stocked.is_explained) == (100, True)
    assert not one.is_explained


def test_what_is_uncertain_of_a_stock_widens_the_band_and_what_is_unknown_is_no_change() -> None:
    sent = [whole(600 * n, 27_000, 12_000, ticket=f"{n}") for n in range(9)]
    [one] = balances(lines_of(*sent), {(DAY, "tip"): Stocks(134_000, 0, error_kg=1_000)})
    assert one.band_kg == 2_009.6  # twice the root of 98² and 1,000²
    [unknown] = balances(lines_of(*sent), {(DAY, "tip"): Stocks(None, 500)})
    assert (unknown.stock_change_kg, unknown.difference_kg) == (0, 134_500)
    [filled] = balances(lines_of(*sent), {(DAY, "tip"): Stocks(None, 500)}, filled_sites(CITY))
    assert (filled.stays_on_site, filled.stock_change_kg, filled.difference_kg) == (True, 134_500, 0)
    [quiet] = balances({}, {(DAY, "tip"): Stocks(-300, error_kg=10)})
    assert (quiet.in_kg, quiet.difference_kg, quiet.band_kg) == (0, 300, 20)


def test_what_comes_to_a_disposal_site_stays_there_unless_it_says_otherwise() -> None:
    lines = lines_of(whole(0, 27_000, 12_000), whole(600, 27_000, 12_000, ticket="B", device_id="W0", plate="晋ET2"))
    assert filled_sites(CITY) >= {"tip", "othertip"}
    assert not filled_sites(CITY) & {"source", "depot"}
    from_source, tip = balances(lines, filled=filled_sites(CITY))
    assert (tip.stays_on_site, tip.stock_change_kg, tip.difference_kg, tip.is_explained) == (True, 15_000, 0, True)
    assert (from_source.stays_on_site, from_source.difference_kg) == (False, -15_000)
    said = {(DAY, "tip"): Stocks(stock_change_kg=9_000)}
    [_, tip] = balances(lines, said, filled_sites(CITY))
    assert (tip.stays_on_site, tip.difference_kg, tip.is_explained) == (False, 6_000, False)


def test_revisions_of_other_days_hide_none_of_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.weighing.store._FETCHED", 2)
    engine = open_database("sqlite://")
    tables.metadata.create_all(engine)
    store = SessionStore(engine, lambda: CITY)
    day_s = 24 * HOUR_S
    for n in (*range(1, 6), 0):
        store.take("file", n, [whole(day_s * n, 27_000, 12_000, ticket=f"{n}")], T0)
    store.take("file", 9, [whole(900, 26_000, 12_000, ticket="0b", corrects="0")], T0)
    found = list(store.changes_since(0, start=T0, end=T0 + 86_400_000))
    assert [(one.revision, (one.after or {})["net_kg"]) for one in found] == [(1, 15_000), (2, 14_000)]
    assert len(list(store.changes_since(0))) == 7
    assert list(store.changes_since(T0 + 1)) == []
    engine.dispose()


def test_late_tickets_change_their_day_and_the_change_is_shown() -> None:
    engine = open_database("sqlite://")
    tables.metadata.create_all(engine)
    store = SessionStore(engine, lambda: CITY)
    over = SHANGHAI.start_ms(date.fromisoformat(DAY)) + 86_400_000
    store.take("file", 1, [whole(0, 27_000, 12_000), half(HOUR_S, 26_000, "in", ticket="B")], T0)
    store.take("file", 2, [whole(HOUR_S + 200, 26_000, 12_100, ticket="B")], over - 1)
    late = [whole(5_400, 20_000, 12_000, ticket="C"), whole(300, 27_000, 12_400, ticket="A2", corrects="A")]
    store.take("file", 3, late, over + 5)
    found = late_changes(store.changes_since(0), SHANGHAI, {DAY: over})
    assert {day: (one.revisions, one.net_kg) for day, one in found.items()} == {DAY: (2, 8_000 - 400)}
    assert late_changes(store.changes_since(0), SHANGHAI, {}) == {}
    total = sum(line.net_kg for line in ledger_of(store.every(SessionFilter()), CITY, SHANGHAI).values())
    assert total == 14_600 + 13_900 + 8_000
    engine.dispose()


def test_a_bridge_that_is_none_counts_nothing() -> None:
    city = town(devices={**town().devices, "W1": Device("W1", DeviceRole.TRUCK)})
    assert lines_of(whole(0, 27_000, 12_000), city=city) == {}
