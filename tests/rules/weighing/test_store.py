"""Sessions in the database: the same whatever order weighings come in, amended by what comes late, and by people."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace as replaced
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from devices.city.model import City, Vehicle
from devices.db.database import open_database
from devices.db.page_cursor import InvalidCursor
from devices.readings.models import Weighing
from rules.weighing import tables
from rules.weighing.model import Decision, ResolveRefused, SessionFilter, SessionView, UnknownSession
from rules.weighing.session import Flow
from rules.weighing.store import SessionStore
from tests.examples import examples
from tests.rules.town import T0
from tests.rules.weighing.test_sessions import CITY, HOUR_S, half, sessions, told, tours, whole

NOW = T0 + 40 * 86_400_000
HOUR_MS = 3_600_000


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    is_sqlite = request.param == "sqlite"
    return f"sqlite:///{tmp_path / 'db'}" if is_sqlite else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """With the tables; migrations make the same, and take longer."""
    opened = open_database(url)
    tables.metadata.create_all(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def store(engine: Engine) -> SessionStore:
    return SessionStore(engine, lambda: CITY)


def standing(store: SessionStore) -> list[SessionView]:
    return sorted(store.every(SessionFilter()), key=lambda one: (one.weighed_at, one.bridge, one.tickets))


def facts(found: Iterable[Any]) -> list[tuple[Any, ...]]:
    """What a session says, of the database or not."""
    return [
        (one.site, one.bridge, one.vehicle, one.vehicle_id, one.plate, one.entered_at, one.left_at, one.weighed_at,
         one.gross_kg, one.tare_kg, one.net_kg, one.tare_source, one.flow, one.matched_by, one.confidence,
         one.material, one.manifest, tuple(one.tickets), tuple(tuple(each) for each in one.weighings))
        for one in found
    ]  # fmt: skip


def take(store: SessionStore, *found: Weighing, last: int = 1, source: str = "file", now: int = NOW) -> None:
    store.take(source, last, found, now)


def test_gross_and_then_the_whole_ticket_are_one_session_with_two_revisions(store: SessionStore) -> None:
    take(store, half(0, 27_840, "in", material="spoil"))
    take(store, whole(160, 27_840, 12_500), last=2, now=NOW + 5)
    [one] = standing(store)
    assert (one.net_kg, one.revision, one.updated_at, one.material) == (15_340, 2, NOW + 5, "spoil")
    detail = store.session(one.id)
    assert detail is not None
    first, second = detail.changes
    assert (first.before, first.revision, first.at) == (None, 1, NOW)
    assert (second.before or {})["net_kg"] == 15_840  # by the registered tare
    assert (second.after or {})["net_kg"] == 15_340
    assert store.progress("file") == 2


def test_what_comes_again_changes_nothing(store: SessionStore) -> None:
    sent = [half(0, 27_840, "in"), whole(160, 27_840, 12_500)]
    take(store, *sent)
    before = standing(store)
    take(store, *sent, last=2, now=NOW + 9)
    assert standing(store) == before
    take(store, sent[0], last=1)
    assert store.progress("file") == 2


def test_a_correction_moves_a_load_from_one_truck_to_another(store: SessionStore) -> None:
    take(store, whole(0, 27_840, 12_500))
    take(store, whole(3_600, 27_840, 12_500, plate="晋ET2", ticket="A2", corrects="A"), last=2)
    [one] = standing(store)
    assert (one.vehicle_id, one.net_kg, one.revision) == ("VT2", 15_340, 2)


def test_a_late_half_makes_one_session_of_two_and_the_other_is_withdrawn(store: SessionStore) -> None:
    take(store, half(600, 12_500, "out", ticket="B"))
    [lone] = standing(store)
    take(store, half(0, 27_840, "in"), last=2)
    [one] = standing(store)
    assert (one.net_kg, one.tickets) == (15_340, ("A", "B"))
    withdrawn = store.session(lone.id)
    assert withdrawn is not None
    assert (withdrawn.session.withdrawn, withdrawn.changes[-1].after) == (True, None)


def test_pages_and_filters(store: SessionStore) -> None:
    take(store, *(whole(HOUR_S * n, 27_000, 12_000, ticket=f"{n}", plate=f"晋ET{n % 2 + 1}") for n in range(5)))
    first = store.sessions(SessionFilter(), limit=3)
    rest = store.sessions(SessionFilter(), limit=3, before=first.next_cursor)
    assert [one.tickets[0] for one in (*first.items, *rest.items)] == ["4", "3", "2", "1", "0"]
    assert rest.next_cursor is None
    by: Callable[..., list[str]] = lambda **where: [  # noqa: E731
        one.tickets[0] for one in store.sessions(SessionFilter(**where), limit=9).items
    ]
    assert by(vehicle_id="VT2") == ["3", "1"]
    assert by(vehicles=frozenset({"VT1"})) == ["4", "2", "0"]
    assert by(vehicles=frozenset()) == []
    assert by(start=T0 + HOUR_MS, end=T0 + 3 * HOUR_MS) == ["2", "1"]
    assert by(site="othertip") == by(flow=Flow.OUT) == []
    for cursor in ("x", "eA==", "MSAy"):
        with pytest.raises(InvalidCursor):
            store.sessions(SessionFilter(), limit=3, before=cursor)


def test_revisions_of_some_days(store: SessionStore) -> None:
    day_ms = 24 * HOUR_MS
    take(store, *(whole(24 * HOUR_S * n, 27_000, 12_000, ticket=f"{n}") for n in range(3)))
    take(store, whole(24 * HOUR_S + 60, 26_000, 12_000, ticket="1b", corrects="1"), last=2)
    found = list(store.changes_since(0, start=T0 + day_ms, end=T0 + 2 * day_ms))
    assert [(one.revision, (one.after or {})["net_kg"]) for one in found] == [(1, 15_000), (2, 14_000)]


def decision(vehicle_id: str | None, at: int = NOW) -> Decision:
    return Decision(vehicle_id, "li.wei", "seen on the camera", at)


def test_a_person_resolves_what_no_plate_fits_and_it_holds_when_all_is_read_again(
    engine: Engine, store: SessionStore
) -> None:
    sent = [half(0, 27_840, "in", plate="豫A99999"), whole(160, 27_840, 12_500, plate="豫A99999"),
            whole(9_000, 20_000, 12_000, plate=None, ticket="B")]  # fmt: skip
    take(store, *sent)
    waiting = store.sessions(SessionFilter(unmatched=True), limit=9).items
    assert [one.tickets for one in waiting] == [("B",), ("A",)]
    resolved = store.resolve(waiting[1].id, decision("VT3"))
    assert (resolved.session.vehicle_id, resolved.session.vehicle, resolved.session.net_kg) == ("VT3", "T3", 15_340)
    assert (str(resolved.session.matched_by), resolved.session.confidence) == ("person", 1.0)
    dismissed = store.resolve(waiting[0].id, decision(None))
    assert (dismissed.session.vehicle_id, dismissed.session.dismissed) == (None, True)
    assert store.sessions(SessionFilter(unmatched=True), limit=9).items == ()
    held = standing(store)

    with engine.begin() as connection:  # everything but the decisions is lost, and read again
        for table in (tables.weighing, tables.weighing_session, tables.weighing_session_change):
            connection.execute(table.delete())
    take(store, *reversed(sent), last=3, source="another file")
    assert facts(standing(store)) == facts(held)
    assert store.sessions(SessionFilter(unmatched=True), limit=9).items == ()


def test_a_decision_may_be_changed_and_both_stay(store: SessionStore) -> None:
    take(store, whole(0, 27_840, 12_500, plate="豫A99999"))
    [one] = standing(store)
    store.resolve(one.id, decision("VT3"))
    assert store.resolve(one.id, decision("VT4")).session.vehicle_id == "VT4"
    back = store.resolve(one.id, decision(None)).session
    assert (back.vehicle_id, back.dismissed, back.revision) == (None, True, 4)
    assert len(standing(store)) == 1


def test_a_ticket_that_corrects_a_resolved_one_stays_with_its_truck(store: SessionStore) -> None:
    take(store, whole(0, 27_840, 12_500, plate="豫A99999"))
    [one] = standing(store)
    store.resolve(one.id, decision("VT3"))
    take(store, whole(600, 27_800, 12_500, plate="豫A99999", ticket="A2", corrects="A"), last=2)
    [one] = standing(store)
    assert (one.vehicle_id, one.net_kg) == ("VT3", 15_300)


def test_what_cannot_be_resolved_is_refused_and_says_why(store: SessionStore) -> None:
    take(store, whole(0, 27_840, 12_500), whole(900, 20_000, 12_000, plate="豫A99999", ticket="B"))
    matched, unknown = standing(store)
    with pytest.raises(ResolveRefused, match="its plate is that of vehicle VT1"):
        store.resolve(matched.id, decision("VT2"))
    with pytest.raises(ResolveRefused, match="vehicle_id: no vehicle 'V9'"):
        store.resolve(unknown.id, decision("V9"))
    with pytest.raises(UnknownSession):
        store.resolve("0" * 16, decision("VT1"))
    assert store.session("0" * 16) is None


def test_a_vehicle_that_is_registered_later_gets_its_weighings(engine: Engine) -> None:
    city = [CITY]
    store = SessionStore(engine, lambda: city[0])
    take(store, half(0, 27_840, "in", plate="豫A99999"), half(600, 12_500, "out", plate="豫A99999", ticket="B"))
    assert [one.vehicle_id for one in standing(store)] == [None]
    city[0] = replaced(CITY, revision=1, vehicles={**CITY.vehicles, "V9": Vehicle("V9", "豫A·99999")})
    changed = store.rematch(NOW)
    assert (changed.added, changed.amended, changed.withdrawn) == (0, 1, 0)
    assert [(one.vehicle_id, one.net_kg) for one in standing(store)] == [("V9", 15_340)]
    assert store.rematch(NOW) == (0, 0, 0, ())


def test_tares_of_a_vehicle_without_a_registered_one_are_those_it_weighed_before(engine: Engine) -> None:
    city = replaced(CITY, vehicles={"VT1": Vehicle("VT1", "晋ET1")})
    store = SessionStore(engine, lambda: city)
    weighed = [whole(HOUR_S * n, 27_000, 12_000 + 20 * n, ticket=f"{n}") for n in range(5)]
    alone = half(HOUR_S * 6, 27_000, "in", ticket="9")
    take(store, alone)
    assert [one.net_kg for one in standing(store)] == [None]
    take(store, *weighed, last=2)
    last = standing(store)[-1]
    assert (last.tare_kg, str(last.tare_source), last.net_kg) == (12_040, "history", 14_960)


class Killed(Exception):
    """Stands for a process that is killed."""


def test_a_process_that_is_killed_at_any_statement_leaves_all_or_nothing(tmp_path: Path) -> None:
    sent = [half(0, 27_840, "in"), whole(160, 27_840, 12_500), whole(900, 20_000, 12_000, ticket="B", plate="晋ET2")]
    reached = 0
    for kill_at in range(1, 100):
        engine = open_database(f"sqlite:///{tmp_path / str(kill_at)}")
        tables.metadata.create_all(engine)
        store, count = SessionStore(engine, lambda: CITY), [0]

        def counted(*_: Any, count: list[int] = count, kill_at: int = kill_at) -> None:
            count[0] += 1
            if count[0] == kill_at:
                raise Killed

        event.listen(engine, "before_cursor_execute", counted)
        try:
            take(store, *sent)
        except Killed:
            reached += 1
            event.remove(engine, "before_cursor_execute", counted)
            assert (store.progress("file"), standing(store)) == (0, [])
            take(store, *sent)
        else:
            event.remove(engine, "before_cursor_execute", counted)
        assert facts(standing(store)) == facts(sessions(*sent))
        engine.dispose()
        if count[0] < kill_at:
            break
    assert reached > 10


def batches(sent: Sequence[Weighing], rng: Random) -> Iterator[list[Weighing]]:
    """In any order, in batches of any size, some of it twice."""
    shuffled = [*sent, *(one for one in sent if rng.random() < 0.2)]
    rng.shuffle(shuffled)
    while shuffled:
        size = rng.randint(1, 5)
        yield shuffled[:size]
        shuffled = shuffled[size:]


@settings(max_examples=examples(25, exploring=300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tours, st.randoms(use_true_random=False))
def test_any_order_in_any_batches_ends_in_the_sessions_of_the_whole_set(
    tmp_path: Path, of_trucks: list[tuple[str, int, str, str, int]], rng: Random
) -> None:
    """Those that one pass over all weighings makes, and their net weights are the true ones."""
    sent, nets = told(of_trucks)
    engine = open_database("sqlite://")
    tables.metadata.create_all(engine)
    store = SessionStore(engine, lambda: CITY)
    for number, batch in enumerate(batches(sent, rng), 1):
        take(store, *batch, last=number)
    found = standing(store)
    assert facts(found) == facts(sessions(*sent))
    assert sorted(one.net_kg or 0.0 for one in found) == sorted(nets)
    engine.dispose()


@settings(max_examples=examples(25, exploring=300))
@given(
    st.lists(
        st.tuples(
            st.integers(0, 200), st.sampled_from(["T1", "T2", "豫A99999", None]), st.sampled_from(["in", "out"]),
            st.sampled_from(["A", "B", "C"]), st.sampled_from([None, None, "A", "B"]),
            st.sampled_from([12_000.0, 12_020.0, 27_000.0]), st.sampled_from([None, 12_000.0]),
            st.sampled_from(["W1", "W2"]),
        ),
        max_size=14, unique_by=lambda one: (one[0], one[7]),
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_any_weighings_of_a_week_in_any_order_end_alike(tickets: list[Any], rng: Random) -> None:
    sent = [
        half(HOUR_S * at, kg, direction, plate=f"晋E{truck}" if truck in {"T1", "T2"} else truck, ticket=number,
             corrects=corrects, tare_kg=tare, device_id=bridge)
        for at, truck, direction, number, corrects, kg, tare, bridge in tickets
    ]  # fmt: skip
    engine = open_database("sqlite://")
    tables.metadata.create_all(engine)
    store = SessionStore(engine, lambda: CITY)
    for number, batch in enumerate(batches(sent, rng), 1):
        take(store, *batch, last=number)
    assert facts(standing(store)) == facts(sessions(*sent))
    engine.dispose()


def test_a_weighing_on_no_site_waits_until_the_bridge_is_registered(engine: Engine) -> None:
    city: list[City] = [replaced(CITY, devices={name: one for name, one in CITY.devices.items() if name != "W1"})]
    store = SessionStore(engine, lambda: city[0])
    take(store, whole(0, 27_840, 12_500))
    assert standing(store) == []
    city[0] = CITY
    store.rematch(NOW)
    assert [one.net_kg for one in standing(store)] == [15_340]
