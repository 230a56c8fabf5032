"""A few rounds of `make chaos`, small and with a fixed seed; `make chaos` itself runs all of them."""

from pathlib import Path

import pytest

from tests.chaos.faults import CI, Fault
from tests.chaos.kinds import broker_faults, disk_faults, kills, payload_faults, store_faults
from tests.chaos.rounds import run_rounds

CHOSEN = (
    Fault("kill -9 of any of the four", kills.anyone),
    Fault("broker restarted", broker_faults.restarted),
    Fault("store away", store_faults.away),
    Fault("disk full under the raw log", disk_faults.disk_full),
    Fault("mutated payloads", payload_faults.mutated),
)


@pytest.mark.real
@pytest.mark.long
def test_faults_lose_nothing_double_nothing_and_change_no_alert(tmp_path: Path) -> None:
    bad = {done.fault: done.complaints for done in run_rounds(CHOSEN, CI, 7, tmp_path) if not done.good}
    assert not bad
