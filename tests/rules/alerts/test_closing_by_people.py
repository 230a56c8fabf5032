"""Engine and journal together: what becomes of alerts that a person closes while judgement goes on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.db.database import open_database
from devices.readings.models import Reading
from rules.alerts.actions import AlertFilter, AlertView, Close, Outcome
from rules.alerts.journal import AlertJournal
from rules.alerts.tables import metadata
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from tests.rules.town import T0, Trip, fills, in_time, run, town

NOW = 1_790_000_500_000
SENSORS: dict[str, Any] = {"load_kg": 12_000.0, "load": "loaded", "lift_up": False, "cover_open": False}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[AlertJournal]:
    engine = open_database(f"sqlite:///{tmp_path / 'journal.db'}")
    metadata.create_all(engine)
    yield AlertJournal(engine)
    engine.dispose()


class Desk:
    """Judges readings into a journal, beside somebody who closes what is open."""

    def __init__(self, journal: AlertJournal) -> None:
        self.journal, self.engine = journal, RuleEngine(town(), build_rules())

    def judge(self, readings: list[Reading], quiet_s: float = 0) -> None:
        self.journal.record(run(self.engine, readings, quiet_s), NOW)

    def alerts(self, rule: str, *, is_open: bool | None = None) -> list[AlertView]:
        found = self.journal.alerts(AlertFilter(rule=rule, open=is_open), limit=100).items
        return sorted(found, key=lambda alert: alert.opened_at)

    def close(self, rule: str) -> str:
        (alert,) = self.alerts(rule, is_open=True)
        self.journal.act(alert.alert_id, Close(actor="li", at=NOW, outcome=Outcome.CONFIRMED_VIOLATION))
        return alert.alert_id


def tips(trip: Trip, kg: float = 400.0) -> Trip:
    trip.stand(20).now(cover_open=True).stand(20).now(lift_up=True).stand(20).now(load_kg=kg, load="empty")
    return trip.stand(30).now(lift_up=False, cover_open=False).stand(60)


def before(trip: Trip, minute: float) -> list[Reading]:
    return [reading for reading in trip.readings if reading.ts <= T0 + minute * 60_000]


@pytest.mark.parametrize("closed", [False, True])
def test_the_other_half_tipped_after_the_first_was_closed_is_a_new_alert(journal: AlertJournal, closed: bool) -> None:
    desk = Desk(journal)
    trip = tips(Trip("T1", 500, 0, **SENSORS).drive(4000, 0), kg=6_000.0)
    trip.drive(4150, 0, kmh=15).now(load="loaded").stand(40)
    first_end = len(trip.readings)
    tips(trip).stand(500).drive(8000, 0).stand(800)
    desk.judge(trip.readings[:first_end])
    first = desk.close("illegal_dumping") if closed else ""
    desk.judge(trip.readings[first_end:], quiet_s=150)
    if not closed:
        assert len(desk.alerts("illegal_dumping")) == 1
        return
    old, new = desk.alerts("illegal_dumping")
    assert (old.alert_id, old.open, old.outcome) == (first, False, Outcome.CONFIRMED_VIOLATION)
    assert (new.open, str(new.severity)) == (True, "P1")


def test_a_dump_that_was_closed_does_not_come_back_for_its_last_weight(journal: AlertJournal) -> None:
    desk = Desk(journal)
    trip = tips(Trip("T1", 500, 0, **SENSORS).drive(4000, 0))
    told = len(trip.readings)
    trip.drive(8000, 0).stand(900)
    desk.judge(trip.readings[:told])
    key = desk.close("illegal_dumping")
    desk.judge(trip.readings[told:], quiet_s=150)
    (alert,) = desk.alerts("illegal_dumping")
    assert (alert.alert_id, alert.outcome, alert.reopened_at) == (key, Outcome.CONFIRMED_VIOLATION, None)


def test_a_truck_that_stays_off_its_route_is_open_again_and_its_next_excursion_new(journal: AlertJournal) -> None:
    desk = Desk(journal)
    trip = Trip("T1", 500, 0).drive(3000, 0).drive(3000, 800)
    off = len(trip.readings)
    trip.stand(2_400)
    stays = len(trip.readings)
    trip.drive(3000, 0).drive(3200, 0).stand(30).drive(3200, 700).stand(300)
    desk.judge(trip.readings[:off], quiet_s=90)
    first = desk.close("route_deviation")
    desk.judge(trip.readings[off:stays])
    (alert,) = desk.alerts("route_deviation", is_open=True)
    assert alert.alert_id == first
    assert alert.reopened_at == NOW
    desk.judge(trip.readings[stays:], quiet_s=150)
    old, new = desk.alerts("route_deviation")
    assert (old.alert_id, old.open, new.open) == (first, False, True)


def test_a_closing_that_is_held_back_survives_a_restart(journal: AlertJournal) -> None:
    levels = [91.0] * 3 + [68.0] * 3 + [91.0] * 3 + [68.0] * 3
    desk = Desk(journal)
    keeps_time = Trip("T6", 500, 500).stand(60 * 60).readings
    everything = in_time(fills(levels, every_s=120, deposits=1), keeps_time)
    half = [reading for reading in everything if reading.ts <= T0 + 30 * 60_000]
    desk.judge(half)
    (alert,) = desk.alerts("bin_overflow")
    assert alert.open
    fleet, devices = desk.engine.unsaved()
    restored = RuleEngine(town(), build_rules())
    restored.restore(fleet, list(devices))
    desk.engine = restored
    desk.judge(everything[len(half) :])
    (alert,) = desk.alerts("bin_overflow")
    assert not alert.open
    assert alert.closed_at == T0 + 20 * 60_000
