"""A wrong unit or count of decimals in a profile is noticed after a few trucks, and an honest bridge never doubted."""

from random import Random
from typing import Any, Final

import pytest

from devices.codecs.scale.frame import Frame
from devices.codecs.scale.settings import read_settings
from devices.codecs.scale.stream import FrameStream
from ingest.gateways.scale.passes import Passes
from ingest.gateways.scale.plausibility import LIGHT_TRUCKS, Doubt, Plausibility
from simulators.dialects.scale.bridge import Visit, display, trucks

START: Final = 1_795_305_263_000


def doubts(profile: dict[str, Any], kgs: list[int], *, tenths: int = 10, point: int = 0) -> set[Doubt]:
    """What is doubted after these trucks. The display shows so many tenths of their weights, with `point` decimals."""
    settings = read_settings(profile)
    stream, passes, tested = FrameStream(settings), Passes(settings), Plausibility(settings)
    visits = [Visit(kg, stands_s=2.0, empty_s=2.0) for kg in kgs]
    for one in display(visits, Random(2), start_ms=START):
        digits = one.kg * tenths // 10
        text = f"{digits:06d}" if not point else f"{digits / 10**point:.{point}f}".zfill(7)
        for frame in stream.feed(f"=0{text:>7}".replace(" ", "0").encode()):
            if isinstance(frame, Frame):
                tested.frame(frame)
                for event in passes.take(frame, one.at):
                    tested.event(event)
    return set(tested.doubts())


KG: Final = {"format": "yaohua_forward", "unit": "kg", "decimals": 0}
FLEET: Final = [visit.kg for visit in trucks(Random(7), LIGHT_TRUCKS)]


def test_an_honest_bridge_is_not_doubted() -> None:
    assert doubts(KG, FLEET) == set()
    assert doubts({"format": "yaohua_forward", "unit": "t"}, FLEET[:4], point=3) == set()


@pytest.mark.parametrize(
    ("profile", "display_is", "found"),
    [
        ({"format": "yaohua_forward", "unit": "kg"}, {"point": 3}, Doubt.FINER_THAN_A_TRUCK_SCALE),
        ({"format": "yaohua_forward", "unit": "t", "decimals": 0}, {}, Doubt.OVER_CAPACITY),
        (KG, {"tenths": 1}, Doubt.ALL_LIGHT),
        (KG | {"capacity_kg": 60_000}, {"tenths": 100}, Doubt.OVER_CAPACITY),
    ],
    ids=["tonnes as kilograms", "kilograms as tonnes", "ten times too light", "ten times too heavy"],
)
def test_wrong_unit_or_decimals_are_noticed(profile: dict[str, Any], display_is: dict[str, int], found: Doubt) -> None:
    assert doubts(profile, FLEET, **display_is) == {found}


def test_ten_times_too_heavy_is_noticed_without_a_stated_capacity() -> None:
    assert doubts(KG, [12_000, 15_000, 18_000], tenths=100) == {Doubt.TOO_HEAVY}


def test_a_bridge_for_small_vehicles_is_not_doubted() -> None:
    """Its profile says so by a smaller minimum."""
    small = KG | {"minimum_kg": 60, "empty_kg": 30, "zero_kg": 5}
    assert doubts(small, [600] * (LIGHT_TRUCKS + 1)) == set()
