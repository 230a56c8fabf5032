"""A broker that goes and comes back."""

import time
from typing import Final

from tests.chaos.faults import Fault, Size
from tests.chaos.yard import Yard


def restarted(yard: Yard, size: Size) -> None:
    """Told to leave, it saves sessions and queues; the collector comes back to its session and misses nothing."""
    yard.rest(0.5, 1.5)
    yard.broker.stop()
    yard.expect_unready("collector", "not connected", 10)
    yard.broker.start()
    yard.until_connected()


def forgetful(yard: Yard, size: Size) -> None:
    """Killed, and its memory gone: the collector makes a new session and subscribes again by itself.

    What the broker had acknowledged to a device and not yet delivered is lost with its memory, and so is what it takes
    while nobody subscribes: no client can prevent either. So the devices pause before the kill until the collector has
    drained the broker, and go on when it is connected again: acknowledged is what was published outside that pause.
    """
    yard.rest(0.5, 1.5)
    yard.stream.pause()
    try:
        sent = {entry.message for entry in yard.stream.sent}
        yard.expect(lambda: sent <= yard.logged(), "the collector drains the broker", 30)
        yard.broker.kill()
        yard.broker_memory.unlink()
        yard.broker.start()
        yard.until_connected(time.time_ns() // 1_000_000 + 1_000)
    finally:
        yard.stream.go_on()


FAULTS: Final = (
    Fault("broker restarted", restarted),
    Fault("broker killed, its memory lost", forgetful),
)
