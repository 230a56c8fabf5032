"""Real drives on their own track, as terminals of all sorts report them: no rule of the catalogue has anything to say.

Two alerts are true and allowed: the car drives faster than any limit on a motorway, and a terminal whose reports are
lost is not heard.
"""

from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest

from devices.readings.models import Reading, Status
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from tests.rules.power.drives import Drive, bus, car, garbage_trucks, line_of
from tests.rules.power.fleet import Truck, judge
from tests.rules.power.terminals import T0_MS, Noise, Terminal, reports

pytestmark = pytest.mark.recording

SILENT_S = 170
"""No rule calls a truck silent sooner."""
LOADED: dict[str, object] = {"load": "loaded", "load_kg": 12_000.0, "lift_up": False, "cover_open": False}


def alerts(drive: Drive, terminal: Terminal, noise: Noise, seed: int, **fields: object) -> list[AlertChange]:
    """The last change of each alert about the drive that nothing in it explains."""
    dice = np.random.default_rng([seed, terminal.interval_s, round(noise.white_m)])
    readings = reports("T0", drive.places, terminal, noise, dice, **fields)
    end = Status(device_id="T0", ts=readings[-1].ts + 1_000, online=False, session=1, cause="shutdown")
    told = judge([Truck([*readings, end], line_of(drive.places), terminal.interval_s)], build_rules())  # type: ignore[list-item]
    last = [steps[-1].change for steps in told.values()]
    return [change for change in last if not is_true(change, drive, readings)]


def is_true(change: AlertChange, drive: Drive, readings: Sequence[Reading]) -> bool:
    """True if it says what is so: looked up in the recording and in what arrived, not in the alert."""
    if change.rule == "speeding":
        second = (change.opened_at - T0_MS) // 1000
        metres = np.hypot(*(drive.places[second + 10] - drive.places[second - 1]))
        return bool(metres / 11 * 3.6 > 105)
    if change.rule == "silent_device":
        times = [reading.ts for reading in readings]
        gaps = [(before, later) for before, later in pairwise(times) if later - before > SILENT_S * 1000]
        return change.opened_at >= times[-1] or any(start <= change.opened_at <= end for start, end in gaps)
    return False


TERMINALS = [
    pytest.param(interval_s, sigma_m, lost, sensors, id=f"{interval_s}-{sigma_m}-{lost}-{name}")
    for interval_s in (1, 15, 30, 60)
    for at, (sigma_m, lost, (name, sensors)) in enumerate(
        product((0.0, 4.0, 12.0), (0.0, 0.2), (("loaded", LOADED), ("unknown", {})))
    )
    if interval_s > 1 or at in {0, 3, 5, 6, 8, 11}
]
"""Each error of the receiver with all else; of those that report each second, which are most of the readings, each
pair of error, loss and sensors."""


@pytest.mark.parametrize(("interval_s", "sigma_m", "lost", "sensors"), TERMINALS)
def test_a_bus_and_a_car(
    recordings: Path, interval_s: int, sigma_m: float, lost: float, sensors: dict[str, object]
) -> None:
    """With all fields, and from terminals that send a place and nothing else."""
    for drive in (bus(recordings), car(recordings)):
        for tells in (True, False):
            terminal = Terminal(interval_s, tells, odometer=tells, lost=lost)
            assert alerts(drive, terminal, Noise(sigma_m), seed=1, **sensors) == []


@pytest.mark.long
@pytest.mark.parametrize(("interval_s", "sigma_m"), [(30, 0.0), (30, 4.0), (30, 12.0), (60, 4.0), (60, 12.0)])
def test_garbage_trucks(recordings: Path, interval_s: int, sigma_m: float) -> None:
    """42 h of 110 drives, each fifth report lost; they come in about once a minute."""
    drives = garbage_trucks(recordings)
    assert len(drives) == 110
    for number, drive in enumerate(drives):
        terminal = Terminal(interval_s, number % 2 == 0, odometer=number % 2 == 0, lost=0.2)
        assert alerts(drive, terminal, Noise(sigma_m), seed=number) == []


def test_a_drive_off_its_track_is_not_honest(recordings: Path) -> None:
    """What the other tests hold for is not that nothing is judged: 420 m aside for 12 min is found at each interval."""
    drive = bus(recordings)
    for interval_s in (1, 15, 30, 60):
        seconds = np.arange(drive.seconds)
        aside_m = np.interp(seconds, [1_500, 1_560, 2_240, 2_300], [0.0, 300.0, 300.0, 0.0])
        places = drive.places + aside_m[:, np.newaxis]
        dice = np.random.default_rng(interval_s)
        readings = reports("T0", places, Terminal(interval_s), Noise(4.0), dice, load="loaded")
        told = judge([Truck(readings, line_of(drive.places), interval_s)], build_rules())
        assert "route_deviation" in {steps[0].change.rule for steps in told.values()}, interval_s
