"""A broker that goes and comes back, or forgets.

What it had acknowledged to a device and not yet delivered is lost with its memory or the session, and so is what it
takes while nobody subscribes: no client can prevent either. So the devices pause where it forgets.
"""

import time
from typing import Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

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
    """Killed, and its memory gone: the collector makes a new session and subscribes again by itself."""
    yard.rest(0.5, 1.5)
    with yard.devices_paused():
        yard.broker.kill()
        yard.broker_memory.unlink()
        yard.broker.start()
        _connected_anew(yard)


def session_lost(yard: Yard, size: Size) -> None:
    """Somebody comes under the collector's name and wipes its session; it comes back and subscribes again."""
    yard.rest(0.5, 1.5)
    with yard.devices_paused():
        reconnects = yard.status()["reconnects"]
        wipe_session(yard, yard.settings.mqtt.client_id)
        yard.expect(lambda: yard.status()["reconnects"] > reconnects, "the collector comes back", 20)
        _connected_anew(yard)


def wipe_session(yard: Yard, client_id: str) -> None:
    """Whoever has it is cut off, and what the broker keeps under that name is gone."""
    intruder = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
    intruder.connect("127.0.0.1", yard.broker.port, clean_start=True)
    intruder.loop_start()
    try:
        yard.expect(intruder.is_connected, "the broker lets an intruder in", 10)
    finally:
        intruder.disconnect()
        intruder.loop_stop()


def _connected_anew(yard: Yard) -> None:
    """What it says of itself is at most a second old."""
    yard.until_connected(time.time_ns() // 1_000_000 + 1_000)


FAULTS: Final = (
    Fault("broker restarted", restarted),
    Fault("broker killed, its memory lost", forgetful),
    Fault("collector's session lost", session_lost),
)
