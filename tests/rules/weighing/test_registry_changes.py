"""Sessions after the registry changed: those that all weighings make under the registry as it is now."""

from collections.abc import Callable, Iterator
from dataclasses import replace as replaced
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

import rules.weighing.rows
from devices.city.model import City, Vehicle
from devices.city.sites import Validity
from devices.db.database import open_database
from devices.readings.models import Weighing
from rules.weighing import tables
from rules.weighing.model import Decision, SessionFilter
from rules.weighing.store import SessionStore
from tests.examples import examples
from tests.rules.town import T0
from tests.rules.weighing.test_sessions import CITY, HOUR_S, half, sessions, whole
from tests.rules.weighing.test_store import NOW, batches, facts, standing, take

DAY_S = 24 * HOUR_S


@pytest.fixture
def engine() -> Iterator[Engine]:
    opened = open_database("sqlite://")
    tables.metadata.create_all(opened)
    yield opened
    opened.dispose()


def city_of(**vehicles: Vehicle) -> City:
    return replaced(CITY, vehicles={**CITY.vehicles, **vehicles}, past_vehicles=())


def test_a_number_of_every_day_makes_one_load_a_day_and_each_is_there_when_it_comes(engine: Engine) -> None:
    store = SessionStore(engine, lambda: CITY)
    for n in range(131):
        take(store, whole(DAY_S * n, 27_000 + n, 12_500, ticket="1", plate=f"晋ET{n % 5 + 1}"), last=n + 1)
        if n in {0, 127, 128, 130}:
            assert len(standing(store)) == n + 1


def test_what_a_ticket_reads_does_not_grow_with_the_days_that_used_its_number(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = [0]
    placed_of = rules.weighing.rows.placed_of

    def counted(row: Any) -> Any:
        read[0] += 1
        return placed_of(row)

    monkeypatch.setattr("rules.weighing.rows.placed_of", counted)
    monkeypatch.setattr("rules.weighing.projection.placed_of", counted)
    store, costs = SessionStore(engine, lambda: CITY), dict[int, int]()
    for n in range(60):
        day = [
            whole(DAY_S * n + 900 * m, 27_000 + 60 * n + m, 12_500, ticket=f"{m}", plate=f"晋ET{(n + m) % 5 + 1}")
            for m in range(8)
        ]
        take(store, *day[:-1], last=2 * n + 1)
        read[0] = 0
        take(store, day[-1], last=2 * n + 2)
        costs[n] = read[0]
    assert costs[59] <= costs[20]


Story = Callable[[SessionStore, list[City]], list[Weighing]]


def plates_corrected(store: SessionStore, city: list[City]) -> list[Weighing]:
    """The plate of a load was registered to the wrong vehicle."""
    sent = [whole(0, 27_840, 12_500, plate="晋E10001"), whole(7_200, 26_000, 12_500, plate="晋E77777", ticket="B"),
            whole(9_000, 25_000, 12_500, plate="晋E10001", ticket="C")]  # fmt: skip
    city[0] = city_of(VT1=Vehicle("VT1", "晋E10001"))
    take(store, sent[0])
    city[0] = city_of(VT1=Vehicle("VT1", "晋E77777"), VT2=Vehicle("VT2", "晋E10001"))
    take(store, sent[1], last=2)
    take(store, sent[2], last=3)
    return sent


def vehicle_ended(store: SessionStore, city: list[City]) -> list[Weighing]:
    """A vehicle turns out to have left before a load."""
    sent = [whole(3_600, 27_840, 12_500), whole(600, 26_000, 12_500, ticket="B")]
    take(store, sent[0])
    city[0] = city_of(VT1=replaced(CITY.vehicles["VT1"], validity=Validity(None, T0 + 1_800_000)))
    take(store, sent[1], last=2)
    return sent


def look_alike_registered(store: SessionStore, city: list[City]) -> list[Weighing]:
    """A load was taken for a truck whose plate is like its own, which is registered later."""
    sent = [half(0, 27_840, "in", plate="晋EO0001"), half(900, 12_300, "out", plate="晋EO0001", ticket="B")]
    first = Vehicle("VT1", "晋E00001", tare_kg=12_000)
    city[0] = city_of(VT1=first)
    take(store, sent[0])
    city[0] = city_of(VT1=first, VT9=Vehicle("VT9", "晋EO0001", tare_kg=11_000))
    take(store, sent[1], last=2)
    return sent


def tare_registered(store: SessionStore, city: list[City]) -> list[Weighing]:
    """The tare of a truck was typed wrongly."""
    sent = [half(0, 27_840, "in")]
    take(store, *sent)
    city[0] = city_of(VT1=replaced(CITY.vehicles["VT1"], tare_kg=13_000))
    return sent


@pytest.mark.parametrize("story", [plates_corrected, vehicle_ended, look_alike_registered, tare_registered])
@pytest.mark.parametrize("between", [False, True])
def test_no_load_is_lost_or_there_twice_after_the_registry_changed(engine: Engine, story: Story, between: bool) -> None:
    city = [CITY]
    store = SessionStore(engine, lambda: city[0])
    sent = story(store, city)
    if not between:
        store.rematch(NOW)
        store.rematch(NOW)
        assert facts(standing(store)) == facts(sessions(*sent, city=city[0]))
    else:  # the keeper has not looked again yet
        ids = [one for session in standing(store) for one in session.weighings]
        assert sorted(ids) == sorted((one.device_id, one.ts) for one in sent)


def test_of_no_registered_vehicle_holds_against_a_plate_that_is_only_like_its_own(engine: Engine) -> None:
    city = city_of(VT1=Vehicle("VT1", "晋E10001"))
    store = SessionStore(engine, lambda: city)
    take(store, whole(0, 27_000, 12_500, plate="晋E1OOO1"))
    [one] = standing(store)
    assert (one.vehicle_id, str(one.matched_by)) == ("VT1", "similar_plate")
    found = store.resolve(one.id, Decision(None, "li.wei", "another truck", NOW)).session
    assert (found.vehicle_id, found.dismissed, found.revision) == (None, True, 2)
    store.rematch(NOW)
    assert store.sessions(SessionFilter(unmatched=True), limit=9).items == ()
    assert [each.vehicle_id for each in standing(store)] == [None]


PLATES = ("晋E10001", "晋E1OOO1", "晋ET2", "豫A99999")
registries = st.lists(
    st.fixed_dictionaries(
        {
            name: st.tuples(st.sampled_from(PLATES), st.sampled_from([None, 12_000.0, 11_000.0]), st.booleans())
            for name in ("VT1", "VT2", "VT3")
        }
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=examples(25, exploring=400))
@given(
    registries,
    st.lists(
        st.tuples(
            st.integers(0, 60), st.sampled_from(PLATES), st.sampled_from(["in", "out"]),
            st.sampled_from(["A", "B", "C"]), st.sampled_from([None, None, "A"]),
            st.sampled_from([12_000.0, 27_000.0]), st.sampled_from([None, 12_000.0]),
        ),
        max_size=8, unique_by=lambda one: one[0],
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_any_order_of_changes_and_weighings_ends_as_all_weighings_under_the_last_registry(
    of_registries: list[dict[str, tuple[str, float | None, bool]]], tickets: list[Any], rng: Random
) -> None:
    ended = Validity(None, T0 + 20 * HOUR_S * 1000)
    cities = [
        city_of(**{
            # A registered tare keeps the oracle free of earlier tares.
            name: Vehicle(name, plate, tare_kg=tare or 12_500, validity=ended if has_left else Validity())
            for name, (plate, tare, has_left) in registry.items()
        })
        for registry in of_registries
    ]  # fmt: skip
    sent = [
        half(HOUR_S * at, kg, direction, plate=plate, ticket=number, corrects=corrects, tare_kg=tare)
        for at, plate, direction, number, corrects, kg, tare in tickets
    ]
    engine = open_database("sqlite://")
    tables.metadata.create_all(engine)
    city = [cities[0]]
    store = SessionStore(engine, lambda: city[0])
    steps: list[Any] = [*batches(sent, rng)]
    for changed in cities[1:]:
        steps.insert(rng.randint(0, len(steps)), changed)
    for number, step in enumerate(steps, 1):
        if isinstance(step, City):
            city[0] = step
            if rng.random() < 0.5:
                store.rematch(NOW)
        else:
            take(store, *step, last=number)
    store.rematch(NOW)
    assert facts(standing(store)) == facts(sessions(*sent, city=city[0]))
    engine.dispose()
