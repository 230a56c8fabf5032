"""Random shifts of one truck, with blind zones uploaded in any order and any restarts: the incidents that were acted,
and no other.

Each kind of round has its labels written beside it; no second run of the engine says what is right.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.readings.models import Reading
from rules.alerts.model import Amendment, Phase
from tests.rules.engine.test_any_order import MIXED, NEWEST, OLDEST, Record, Restart, as_records, keepers, play
from tests.rules.town import T0, Trip, ticket

LOADED_KG, EMPTY_KG, KMH = 12_000.0, 300.0, 72.0
SCATTERED = "each by itself"
SOURCE, TIP = (0.0, 0.0), (10_000.0, 0.0)
SHIFT_ENDS_S = 4 * 3600
EXACT = {"illegal_dumping", "bed_raised_outside", "route_deviation"}
"""Rules whose alerts are compared one by one."""


class Label(NamedTuple):
    """One incident that people must be told of, exactly once. Times are seconds since `T0`."""

    rule: str
    begins_s: float
    begins_until_s: float


class Shift:
    """What the truck's terminal measures, what the weighbridge of the tip measures, and what was done wrong."""

    def __init__(self) -> None:
        self.truck = Trip("T1", *SOURCE, load="empty", load_kg=EMPTY_KG, lift_up=False, cover_open=False)
        self.tickets: list[Reading] = []
        self.labels: list[Label] = []
        self.truck.stand(60)

    def load(self) -> None:
        self.truck.stand(60).now(load_kg=LOADED_KG, load="loaded").stand(60)

    def weigh(self, net_kg: float, direction: Literal["in", "out"]) -> None:
        number = str(len(self.tickets))
        self.tickets.append(ticket("T1", self.truck.now_s + 2, net_kg=net_kg, direction=direction, ticket=number))

    def tip_at_the_tip(self) -> None:
        """It drives the rest of the road, is weighed, tips, is weighed empty, and goes back to its source."""
        truck = self.truck.drive(*TIP, kmh=KMH).stand(20)
        self.weigh(LOADED_KG, "in")
        truck.stand(20).now(cover_open=True).stand(20, lift_up=True).now(load_kg=EMPTY_KG, load="empty")
        truck.stand(40, lift_up=True).now(cover_open=False).stand(40)
        self.weigh(0.0, "out")
        truck.stand(20).drive(*SOURCE, kmh=KMH)

    def honest(self) -> None:
        self.load()
        self.tip_at_the_tip()

    def dumps(self) -> None:
        """It tips at 4 km and goes back for another load."""
        self.load()
        truck = self.truck.drive(4000, 0, kmh=KMH)
        began_s = truck.now_s
        truck.now(cover_open=True).stand(20).stand(40, lift_up=True).now(load_kg=EMPTY_KG, load="empty")
        truck.stand(40, lift_up=True).now(cover_open=False).stand(30).drive(*SOURCE, kmh=KMH)
        self.labels.append(Label("illegal_dumping", began_s - 10, began_s + 120))

    def raises_its_bed(self) -> None:
        """It raises its bed at 6 km for a minute; the load stays on it, and goes to the tip."""
        self.load()
        truck = self.truck.drive(6000, 0, kmh=KMH)
        began_s = truck.now_s
        truck.stand(20).stand(60, lift_up=True).stand(60)
        self.labels.append(Label("bed_raised_outside", began_s, began_s + 60))
        self.tip_at_the_tip()

    def deviates(self) -> None:
        """It leaves the road at 3 km for a place 1.2 km away, and comes back."""
        self.load()
        truck = self.truck.drive(3000, 0, kmh=KMH)
        began_s = truck.now_s
        truck.drive(3000, 1200, kmh=36).drive(3000, 0, kmh=36)
        self.labels.append(Label("route_deviation", began_s - 10, began_s + 60))
        self.tip_at_the_tip()


ROUNDS: dict[str, Callable[[Shift], None]] = {
    "honest": Shift.honest,
    "dumps": Shift.dumps,
    "raises its bed": Shift.raises_its_bed,
    "deviates": Shift.deviates,
}


class Blind(NamedTuple):
    """The terminal has no network, and uploads what it measured so long after it is back; or, where that is its order,
    each reading of this time is delayed by itself, by up to so long.
    """

    from_permille: int
    lasts_s: int
    upload_after_s: int
    order: str


def shift_of(rounds: Sequence[str]) -> Shift:
    shift = Shift()
    for name in rounds:
        ROUNDS[name](shift)
    shift.truck.stand(60)
    return shift


def arrivals(shift: Shift, zones: Sequence[Blind], seed: int) -> list[Record]:
    """The weighbridge is always online; the terminal is, outside its blind zones."""
    dice, begun, ended = Random(seed), T0, shift.truck.readings[-1].ts
    spans = [
        (start := begun + (ended - begun) * zone.from_permille // 1000, start + zone.lasts_s * 1000, zone)
        for zone in zones
    ]
    arriving, held = [(reading.ts + 500, reading) for reading in shift.tickets], dict[Blind, list[Reading]]()
    for reading in shift.truck.readings:
        zone = next((zone for start, end, zone in spans if start <= reading.ts < end), None)
        if zone is None:
            arriving.append((reading.ts + 500, reading))
        else:
            held.setdefault(zone, []).append(reading)
    for _, end, zone in spans:
        part = held.get(zone, [])
        if zone.order == SCATTERED:
            arriving += [(reading.ts + dice.randint(0, 1000 * zone.upload_after_s), reading) for reading in part]
            continue
        if zone.order == NEWEST:
            part.reverse()
        elif zone.order == MIXED:
            dice.shuffle(part)
        arriving += [(end + zone.upload_after_s * 1000 + 150 * n, reading) for n, reading in enumerate(part)]
    return as_records([*arriving, *keepers(SHIFT_ENDS_S)])


def check(rounds: Sequence[str], zones: Sequence[Blind], restarts: Sequence[Restart], seed: int) -> None:
    shift = shift_of(rounds)
    engine, journal = play(arrivals(shift, zones, seed), restarts)
    taken_back = {Amendment.RETRACTED, Amendment.MERGED}
    standing = [change for change in journal.last() if change.amendment not in taken_back]
    found = sorted(
        (change for change in standing if change.rule in EXACT), key=lambda change: (change.opened_at, change.rule)
    )
    assert [change.rule for change in found] == [label.rule for label in shift.labels]
    for change, label in zip(found, shift.labels, strict=True):
        assert label.begins_s <= (change.opened_at - T0) / 1000 <= label.begins_until_s, (change, label)
        steps = [step for step in journal.changes.values() if step.alert_id == change.alert_id]
        assert any(step.phase is Phase.CONFIRMED for step in steps), steps
    assert {change.rule for change in standing} - EXACT <= {"silent_device"}
    assert engine.not_judged == {}


@pytest.mark.parametrize("name", ROUNDS)
def test_each_round_in_order(name: str) -> None:
    check([name, "honest"], (), (), seed=0)


def test_a_dump_stands_when_the_ticket_of_the_next_load_came_before_the_readings_of_its_loading() -> None:
    """The ticket seems to show the load that was tipped; the upload shows that it is another one."""
    check(["dumps", "honest"], [Blind(300, 1200, 60, OLDEST)], (), seed=0)


_zones = st.lists(
    st.builds(
        Blind,
        st.integers(0, 999),
        st.integers(60, 3_600),
        st.integers(0, 3_600),
        st.sampled_from([OLDEST, NEWEST, MIXED, SCATTERED]),
    ),
    max_size=3,
)
_restarts = st.lists(
    st.builds(Restart, st.integers(0, 999), st.sampled_from(["checkpoint", "restart", "kill"])), max_size=3
)


@settings(max_examples=12, deadline=None)
@given(
    rounds=st.lists(st.sampled_from(list(ROUNDS)), min_size=1, max_size=3),
    zones=_zones,
    restarts=_restarts,
    seed=st.integers(0, 1 << 16),
)
def test_blind_zones_and_restarts_leave_the_incidents_that_were_acted(
    rounds: list[str], zones: list[Blind], restarts: list[Restart], seed: int
) -> None:
    check(rounds, zones, restarts, seed)
