"""The clock of a scale: set while a truck stands there, it goes on; afterwards it follows."""

from typing import Final

from ingest.gateways.scale.site_clock import SiteClock

START: Final = 1_795_305_263_000


def test_clock_that_is_set_does_not_jump_until_it_may() -> None:
    wall, elapsed = [START], [7_000]
    clock = SiteClock(lambda: wall[0], lambda: elapsed[0])
    assert clock() == START
    elapsed[0] += 500
    wall[0] -= 3_600_000
    assert clock() == START + 500
    clock.follow_wall()
    assert clock() == wall[0]
