"""A truck moves as trucks do."""

import math
from itertools import pairwise

import pytest

from devices.geo.geometry import XY
from simulators.vehicles.drive import ACCELERATION_MPS2, BRAKING_MPS2, Drive, Way

BENT = Way.along([XY(0, 0), XY(800, 0), XY(800, 0), XY(800, 700), XY(1500, 1400)])


def off_path_m(place: XY, path: Way) -> float:
    def to_leg(a: XY, b: XY) -> float:
        length2 = (b.x - a.x) ** 2 + (b.y - a.y) ** 2
        part = max(0.0, min(1.0, ((place.x - a.x) * (b.x - a.x) + (place.y - a.y) * (b.y - a.y)) / length2))
        return place.distance_m(XY(a.x + part * (b.x - a.x), a.y + part * (b.y - a.y)))

    return min(to_leg(a, b) for a, b in pairwise(path.points))


def test_a_drive_starts_and_ends_standing_and_keeps_limit_acceleration_and_braking() -> None:
    drive = Drive(BENT.rounded(), limit_kmh=50, waits={})
    speeds = [drive.at(t / 10).speed_mps for t in range(int(drive.duration_s * 10) + 2)]
    assert speeds[0] == speeds[-1] == 0
    assert max(speeds) <= 50 / 3.6 + 1e-9
    steps = [(after - before) * 10 for before, after in pairwise(speeds)]
    assert max(steps) <= ACCELERATION_MPS2 + 1e-6
    assert min(steps) >= -BRAKING_MPS2 - 1e-6


def test_the_place_never_goes_back_and_agrees_with_the_speed() -> None:
    drive = Drive(BENT, limit_kmh=40, waits={600.0: 20.0})
    motions = [drive.at(t / 10) for t in range(int(drive.duration_s * 10))]
    for before, after in pairwise(motions):
        assert after.s_m >= before.s_m
        assert after.s_m - before.s_m == pytest.approx((before.speed_mps + after.speed_mps) / 20, abs=0.01)


def test_a_right_angle_is_taken_slowly() -> None:
    drive = Drive(BENT.rounded(), limit_kmh=50, waits={})
    corner_s = drive.time_at(798)
    assert drive.at(corner_s).speed_mps * 3.6 < 20
    assert drive.at(drive.time_at(400)).speed_mps * 3.6 > 45


def test_a_red_light_is_waited_out() -> None:
    drive = Drive(BENT, limit_kmh=50, waits={400.0: 25.0})
    standing_s = sum(0.1 for t in range(int(drive.duration_s * 10)) if drive.at(t / 10).speed_mps == 0)
    assert standing_s == pytest.approx(25, abs=0.5)


def test_rounded_corners_stay_within_three_metres_of_the_line() -> None:
    rounded = BENT.rounded()
    assert max(off_path_m(rounded.at(s), BENT) for s in range(int(rounded.length_m))) < 3.0


def test_a_path_has_headings_from_north_and_parts() -> None:
    assert BENT.heading_deg(10) == pytest.approx(90)
    assert BENT.heading_deg(900) == pytest.approx(0)
    part = BENT.part(700, 900)
    assert part.length_m == pytest.approx(200)
    assert part.then(part.reverse()).length_m == pytest.approx(400)
    assert math.isclose(BENT.reverse().at(0).x, 1500)


def test_a_path_of_one_place_is_refused() -> None:
    with pytest.raises(ValueError, match="two different points"):
        Way.along([XY(1, 1), XY(1, 1)])
