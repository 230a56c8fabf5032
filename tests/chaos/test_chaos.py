"""A few rounds of `make chaos`, small and with a fixed seed; `make chaos` itself runs all of them."""

from pathlib import Path

import pytest

from tests.chaos.faults import CI, Fault
from tests.chaos.kinds import broker_faults, disk_faults, kills, payload_faults, store_faults
from tests.chaos.rounds import run_rounds
from tests.chaos.yard import Yard


class LightYard(Yard):
    """Without the work of its dozen of starts, and of a large city's traffic for as long as rounds take."""

    starts_loaded = True
    rate = 300


CHOSEN = (
    Fault("kill -9 of any of the four", kills.anyone, LightYard),
    Fault("broker restarted", broker_faults.restarted, LightYard),
    Fault("store away", store_faults.away, LightYard),
    Fault("disk full under the raw log", disk_faults.disk_full, LightYard),
    Fault("mutated payloads", payload_faults.mutated, LightYard),
)


@pytest.mark.real
@pytest.mark.long
def test_faults_lose_nothing_double_nothing_and_change_no_alert(tmp_path: Path) -> None:
    bad = {done.fault: done.complaints for done in run_rounds(CHOSEN, CI, 7, tmp_path) if not done.good}
    assert not bad
