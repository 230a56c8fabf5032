"""Passes in doubt: trucks bumper to bumper, and a tare key that is pressed under one."""

from typing import Final

import pytest

from ingest.gateways.scale.passes import NoTicket, Unweighed, Weighed
from simulators.dialects.scale.frames import toledo
from tests.ingest.gateways.scale.gate import START, Gate, keyed, passed, profile, sent, shows, still


def in_steps(*steps: tuple[int, float]) -> Gate:
    """An empty platform, then each weight for so many seconds, then an empty platform."""
    shown, at = [*still(0, 3, START)], START + 3_000
    for kg, seconds in (*steps, (0, 3.0)):
        shown += still(kg, seconds, at)
        at += round(seconds * 1000)
    return passed("yaohua-kg", shown)


@pytest.mark.parametrize(
    ("steps", "weighed", "without"),
    [
        # A lighter truck follows a heavier one: no part of it weighs more, so the first weight stands.
        ([(30_000, 3), (9_000, 0.6), (14_000, 3)], [30_000], [NoTicket.NOT_ALONE]),
        # A heavier truck follows: the first weight may be that of some of its axles.
        ([(14_000, 3), (6_000, 0.6), (30_000, 3)], [], [NoTicket.NOT_ALONE] * 2),
        # The next truck's front axle rests on the platform before the first one leaves.
        ([(30_000, 3), (36_000, 3), (6_000, 0.6), (18_000, 3)], [], [NoTicket.NOT_ALONE] * 2),
        # Its rear axles rest there as the first one leaves: they change nothing.
        ([(30_000, 3), (18_000, 3), (8_000, 0.6), (22_000, 3)], [30_000], [NoTicket.NOT_ALONE]),
        # Three trucks.
        ([(30_000, 3), (9_000, 0.6), (14_000, 3), (5_000, 0.6), (28_000, 3)], [30_000], [NoTicket.NOT_ALONE] * 2),
        # The first one rolls over without a stop.
        ([(30_000, 0.6), (9_000, 0.6), (14_000, 3)], [], [NoTicket.NEVER_SETTLED, NoTicket.NOT_ALONE]),
        # Between them the platform is nearly empty, below what a truck weighs at least.
        ([(30_000, 3), (300, 0.6), (14_000, 3)], [30_000], [NoTicket.NOT_ALONE]),
    ],
)
def test_trucks_bumper_to_bumper_are_told_apart(
    steps: list[tuple[int, float]], weighed: list[int], without: list[NoTicket]
) -> None:
    gate = in_steps(*steps)
    assert (gate.weighed, gate.without) == (weighed, without)


@pytest.mark.parametrize(
    "steps",
    [
        [(30_000, 3), (20_000, 0.6), (30_000, 3)],  # rolls back a little, and on again
        [(30_000, 3), (20_000, 0.6), (29_980, 3)],
        [(29_500, 0.6), (22_000, 0.6), (30_000, 3)],  # too far, and back before it stood
        [(12_000, 3), (30_000, 3), (18_000, 3)],  # axle by axle
        [(30_000, 3), (27_500, 0.6), (30_000, 3)],  # rocks
        [(30_000, 3), (100, 0.2), (30_000, 3)],  # two frames are a fault of the line
    ],
)
def test_one_truck_that_moves_on_the_platform_is_one_weighing(steps: list[tuple[int, float]]) -> None:
    gate = in_steps(*steps)
    assert (gate.weighed, gate.without) == ([30_000], [])


def test_pass_of_the_first_of_two_trucks_ends_as_it_leaves() -> None:
    """Plates that are read later are those of the second."""
    gate = in_steps((30_000, 3), (9_000, 0.6), (14_000, 3))
    [weighed] = [event for event in gate.events if isinstance(event, Weighed)]
    assert weighed.ended_at == START + 6_200, "the third frame that shows 9,000 kg"
    [second] = [event for event in gate.events if isinstance(event, Unweighed)]
    assert (second.began_at, int(second.heaviest_kg)) == (weighed.ended_at, 14_000)


def test_restart_remembers_that_a_weight_settled_in_steps() -> None:
    gate = passed("yaohua-kg", shows((0, 3), (30_000, 3), (36_000, 3)))
    gate.restart()
    for at, data in sent("yaohua-kg", shows((0, 9), (36_000, 3), (6_000, 0.6), (18_000, 3), (0, 3))[90:]):
        gate.take(at, data)
    assert (gate.weighed, gate.without) == ([], [NoTicket.NOT_ALONE] * 2)


def test_restart_remembers_that_a_truck_came_before_the_one_in_front_had_left() -> None:
    shown = [*still(0, 3, START), *still(30_000, 3, START + 3_000), *still(9_000, 0.6, START + 6_000)]
    gate = passed("yaohua-kg", [*shown, *still(14_000, 3, START + 6_600)])
    gate.restart()
    for at, data in sent("yaohua-kg", [*still(14_000, 3, START + 9_600), *still(0, 3, START + 12_600)]):
        gate.take(at, data)
    assert (gate.weighed, gate.without) == ([30_000], [NoTicket.NOT_ALONE])


LEAVES_TARED: Final = [(-4_000, 0.3), (-9_000, 0.3), (-15_620, 3.0)]
NEXT: Final = [(0, 3.0), (9_000, 0.3), (18_000, 3.0), (6_000, 0.3), (0, 3.0)]


@pytest.mark.parametrize(
    ("steps", "weighed", "without"),
    [
        # The truck leaves the tared scale: its gross weight had settled before. Cleared, the scale goes on.
        ([(15_620, 3), (0, 3), *LEAVES_TARED, *NEXT], [15_620, 18_000], []),
        # Nobody clears it: the next truck comes to a platform that is not at zero.
        ([(15_620, 3), (0, 3), *LEAVES_TARED, (2_380, 3), (-15_620, 3)], [15_620], [NoTicket.NOT_ZEROED]),
        # It is loaded where it stands: 8 t net are no gross weight, and 15,620 kg no longer.
        ([(15_620, 3), (0, 3), (4_000, 0.5), (8_000, 3), (0, 1), *LEAVES_TARED, *NEXT], [18_000], [NoTicket.TARE_KEY]),
        # Cleared with the truck on it.
        ([(15_620, 3), (0, 3), (15_620, 3), (7_000, 0.3), (0, 3), *NEXT], [15_620, 18_000], []),
        # Held display of a truck that left: no more than the next one is in doubt.
        ([(15_620, 3), (0, 3), *NEXT[1:], *NEXT], [18_000], [NoTicket.TARE_KEY]),
    ],
)
def test_tare_key_under_a_truck_makes_no_net_weight_a_gross_one(
    steps: list[tuple[int, float]], weighed: list[int], without: list[NoTicket]
) -> None:
    gate = keyed("yaohua-kg", shows((0, 3), (7_000, 0.5), *steps))
    assert (gate.weighed, gate.without) == (weighed, without)


def test_tare_key_and_nothing_after_it_ends_the_pass_in_the_end() -> None:
    gate = keyed("yaohua-kg", [*shows((0, 3), (15_620, 3), (0, 3)), *still(0, 2, START + 1_900_000)])
    assert gate.weighed == [15_620]


def test_where_frames_say_net_the_tare_key_changes_nothing() -> None:
    """With Mettler-Toledo the gateway adds the tare of the frame."""
    gate = Gate(profile("toledo"))
    for one in shows((0, 3), (15_620, 3), (15_620, 3), (7_000, 0.3), (0, 3)):
        raw = bytearray(toledo(one))
        if one.at >= START + 6_000:  # net, with the tare 5,000
            raw[2] |= 0x01
            raw[4:10] = b"%06d" % max(one.kg - 5_000, 0)
            raw[10:16] = b"005000" if one.kg else b"000000"
            raw[17] = -sum(raw[:17]) & 0x7F
        gate.take(one.at, bytes(raw))
    assert gate.weighed == [15_620]
