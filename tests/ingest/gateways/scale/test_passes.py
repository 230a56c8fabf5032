"""Passes over a scale, against labels of the simulator: one weighing a truck, right to the division, and no other."""

from decimal import Decimal
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.codecs.scale.settings import read_settings
from ingest.gateways.scale.passes import NoTicket, Settled, Weighed
from simulators.dialects.scale.bridge import DIVISION_KG, Display, Visit, display
from simulators.dialects.scale.frames import WRITERS, text, toledo, yaohua
from simulators.dialects.scale.line import Faults, spoiled
from tests.ingest.gateways.scale.gate import START, Gate, passed, profile, sent, still

TRUCK: Final = Visit(15_620)


VISITS: Final = st.lists(
    st.builds(
        Visit,
        kg=st.integers(60, 2_450).map(lambda divisions: divisions * DIVISION_KG),
        stands_s=st.floats(2.5, 8),
        axles=st.integers(2, 5),
        axle_pause_s=st.sampled_from([0.0, 0.4, 2.5]),
        stops=st.sampled_from([True, True, True, False]),
        over=st.sampled_from([False, False, False, True]),
        empty_s=st.floats(0.5, 6),
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize("name", ["toledo", "text", "yaohua-a12"])
@settings(max_examples=12)
@given(visits=VISITS, seed=st.integers(0, 1_000))
def test_each_truck_that_stops_is_weighed_once_and_right(name: str, visits: list[Visit], seed: int) -> None:
    """Also where one that rolls over rests on some of its axles: the weight of a part is none."""
    gate = passed(name, display(visits, Random(seed), start_ms=START))
    assert gate.weighed == [visit.label_kg for visit in visits if visit.label_kg is not None]
    assert len(gate.without) == len(visits) - len(gate.weighed)


@settings(max_examples=12)
@given(visits=VISITS, seed=st.integers(0, 1_000), data=st.data())
def test_restarts_at_any_frame_change_no_weighing(visits: list[Visit], seed: int, data: st.DataObject) -> None:
    ordinary = [Visit(one.kg, one.stands_s, one.axles, one.axle_pause_s, empty_s=one.empty_s) for one in visits]
    reads = list(sent("yaohua-kg", display(ordinary, Random(seed), start_ms=START)))
    deaths = data.draw(st.sets(st.integers(0, len(reads) - 1), max_size=6))
    gate = Gate(profile("yaohua-kg"))
    for number, (at, read) in enumerate(reads):
        if number in deaths:
            gate.restart()
        gate.take(at, read)
    assert gate.weighed == [visit.kg for visit in ordinary]


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_bad_line_changes_no_weighing(name: str) -> None:
    rng = Random(11)
    visits = [Visit(rng.randrange(2_000, 49_000, DIVISION_KG), stands_s=9.0) for _ in range(12)]
    shown = list(display(visits, rng, start_ms=START))
    bad = spoiled(map(WRITERS[name], shown), Faults(cut=0.02, flipped=0.02, noise=0.02, doubled=0.02), rng)
    gate = Gate(profile(name))
    for one, data in zip(shown, bad, strict=True):
        gate.take(one.at, data)
    assert gate.weighed == [visit.kg for visit in visits]


def test_nothing_is_weighed_before_the_weight_has_settled() -> None:
    """A public stream: eleven values while the truck drives on, then 16,020 kg thirteen times."""
    shown = [0] * 12 + [480, 3120, 9870, 14210, 15980, 16040, 16020, 16030] + [16020] * 13 + [9000, 400] + [0] * 3
    gate = passed("yaohua-kg", [Display(START + 150 * n, kg, moving=False) for n, kg in enumerate(shown)])
    [settled] = [event for event in gate.events if isinstance(event, Settled)]
    [weighed] = [event for event in gate.events if isinstance(event, Weighed)]
    assert weighed.settled == settled
    assert (settled.kg, settled.zero_kg, len(settled.frames)) == (Decimal(16_020), Decimal(0), 8)
    assert settled.began_at == START + 150 * 12, "480 kg is the first value above the minimum"
    assert settled.at == START + 150 * 27, "the eighth equal frame"
    assert weighed.ended_at == START + 150 * (len(shown) - 1)


@pytest.mark.parametrize("zero_kg", [-40, 40, 180])
def test_platform_that_was_not_at_zero_gives_no_ticket(zero_kg: int) -> None:
    gate = passed("toledo", display([TRUCK], Random(1), start_ms=START, zero_kg=zero_kg))
    assert (gate.weighed, gate.without) == ([], [NoTicket.NOT_ZEROED])


def test_zero_in_the_wind_is_zero_after_somebody_crossed_the_platform() -> None:
    wind = [Display(START + 5_000 + 100 * n, 20 * (n // 3 % 2), moving=True) for n in range(60)]
    shown = [*still(0, 3, START), *still(80, 2, START + 3_000), *wind, *still(15_620, 3, START + 11_000)]
    assert passed("yaohua-kg", [*shown, *still(0, 3, START + 14_000)]).weighed == [15_620]


def test_one_division_off_zero_is_zero() -> None:
    gate = passed("toledo", display([TRUCK], Random(1), start_ms=START, zero_kg=20))
    assert gate.weighed == [15_640]


def test_slow_frames_are_not_in_a_row() -> None:
    slow = [*still(0, 5, START), *still(9_000, 60, START + 5_000, every_ms=1_500), *still(0, 5, START + 65_000)]
    assert passed("yaohua-kg", slow).without == [NoTicket.NEVER_SETTLED]


def test_equal_frames_that_come_all_at_once_are_not_at_rest() -> None:
    """A converter that hands over its buffer: eight frames within a millisecond."""
    burst = [*still(0, 5, START), *(Display(START + 5_000, 9_000, moving=False) for _ in range(40))]
    gate = passed("yaohua-kg", [*burst, *still(0, 5, START + 5_900)])
    assert gate.without == [NoTicket.NEVER_SETTLED]


def after_gap(first_kg: int, gap_s: int, second_kg: int) -> Gate:
    at = START + 10_000 + gap_s * 1000
    shown = [
        *still(0, 5, START),
        *still(first_kg, 5, START + 5_000),
        *still(second_kg, 5, at),
        *still(0, 5, at + 5_000),
    ]
    return passed("yaohua-kg", shown)


@pytest.mark.parametrize("gap_s", [2, 19])
def test_after_a_short_gap_the_same_truck_stands_there(gap_s: int) -> None:
    """No truck leaves and another settles in less than 20 s: the lighter weight was that of some axles."""
    assert after_gap(6_000, gap_s, 15_620).weighed == [15_620]
    assert after_gap(15_620, gap_s, 6_000).weighed == [15_620]


@pytest.mark.parametrize(
    ("second_kg", "weighed", "without"),
    [
        (15_620, [15_620], []),  # it still stands there
        (15_600, [15_620], []),  # a division less: fuel, or the driver got out
        (22_000, [15_620, 22_000], []),  # another truck: no part of the first weighs more
        (6_000, [15_620], [NoTicket.AFTER_GAP]),  # perhaps its rear axles
    ],
)
def test_after_a_long_gap_another_truck_may_stand_there(
    second_kg: int, weighed: list[int], without: list[NoTicket]
) -> None:
    gate = after_gap(15_620, 60, second_kg)
    assert (gate.weighed, gate.without) == (weighed, without)


def test_truck_that_left_during_a_gap_is_weighed() -> None:
    shown = [*still(0, 5, START), *still(15_620, 5, START + 5_000), *still(0, 5, START + 600_000)]
    gate = passed("yaohua-kg", shown)
    assert gate.weighed == [15_620]


def test_restart_remembers_that_the_scale_was_over_its_range() -> None:
    """What is left after it, the rear axles alone, would be a false ticket."""
    reads = [
        *((one.at, toledo(one)) for one in still(0, 5, START)),
        *((one.at, toledo(one)) for one in still(40_000, 5, START + 5_000)),
        *((one.at, toledo(one._replace(over=True))) for one in still(90_000, 5, START + 10_000)),
    ]
    gate = Gate(profile("toledo"))
    for at, data in reads:
        gate.take(at, data)
    gate.restart()
    for one in [*still(41_000, 5, START + 15_000), *still(0, 5, START + 20_000)]:
        gate.take(one.at, toledo(one))
    assert (gate.weighed, gate.without) == ([], [NoTicket.OUT_OF_RANGE])


def test_net_weights_without_their_tare_are_noticed_and_give_no_ticket() -> None:
    gate = Gate(profile("text"))
    for one in [*still(-200, 3, START), *still(15_420, 5, START + 3_000), *still(-200, 3, START + 8_000)]:
        gate.take(one.at, text(one).replace(b"GS", b"NT"))
    assert (gate.weighed, gate.without) == ([], [NoTicket.NO_GROSS])


def test_scale_that_was_not_zeroed_since_it_was_switched_on_gives_no_ticket() -> None:
    """The bit of Mettler-Toledo's table; a maker who uses it otherwise has a profile that says so."""
    for heeded, weighed in ((True, []), (False, [15_620])):
        gate = Gate(read_settings({"format": "toledo", "heed_zeroed": heeded}))
        for one in [*still(0, 3, START), *still(15_620, 5, START + 3_000), *still(0, 3, START + 8_000)]:
            raw = bytearray(toledo(one))
            raw[2] |= 0x40
            raw[17] = -sum(raw[:17]) & 0x7F
            gate.take(one.at, bytes(raw))
        assert gate.weighed == weighed
        assert gate.without == ([NoTicket.NOT_ZEROED] if heeded else [])


def test_frames_of_the_settled_weight_are_kept_as_they_came() -> None:
    gate = passed("toledo-7e1", display([TRUCK], Random(1), start_ms=START))
    [settled] = [event for event in gate.events if isinstance(event, Settled)]
    assert set(settled.frames) == {WRITERS["toledo-7e1"](Display(0, 15_620, moving=False))}
    assert settled.kg == Decimal(15_620)


def test_weight_of_some_axles_is_no_weighing() -> None:
    """Two of three axles rest on the platform, then the truck rolls over it."""
    gate = passed("yaohua-kg", display([Visit(30_000, axle_pause_s=3.0, stops=False)], Random(1), start_ms=START))
    assert (gate.weighed, gate.without) == ([], [NoTicket.NEVER_SETTLED])


def test_braking_on_the_platform_is_no_second_truck() -> None:
    braked = [15_900, 16_200, 16_500, 16_400, 16_300, 15_800]
    shown = [
        *still(0, 3, START),
        *(Display(START + 3_000 + 100 * n, kg, moving=True) for n, kg in enumerate(braked)),
        *still(15_620, 3, START + 3_600),
        *still(0, 3, START + 6_600),
    ]
    assert passed("yaohua-kg", shown).weighed == [15_620]


def test_clock_that_is_set_back_before_a_weight_has_settled_hinders_nothing() -> None:
    back = START - 3_600_000
    shown = [
        *still(0, 5, START),
        *still(15_620, 0.5, START + 5_000),
        *still(15_620, 3, back),
        *still(0, 5, back + 3_000),
    ]
    assert passed("yaohua-kg", shown).weighed == [15_620]


def test_person_on_the_platform_is_no_pass() -> None:
    gate = passed("yaohua-kg", [*still(0, 5, START), *still(80, 5, START + 5_000), *still(0, 5, START + 10_000)])
    assert gate.events == []
    assert yaohua(Display(0, 80, moving=False))[1:8] == b"+000080"
