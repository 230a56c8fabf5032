"""A broker that restarts, or loses its sessions.

Messages that it acknowledged to a device and has not delivered are lost with its database or with the session, and so
are messages that it accepts while nobody subscribes. No client can prevent this, so devices pause in these rounds.
"""

import time
from typing import Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.chaos.faults import Fault, Size
from tests.chaos.yard import Yard


def restarted(yard: Yard, size: Size) -> None:
    """On SIGTERM it saves sessions and queues; the collector resumes its session and misses nothing."""
    yard.rest(0.5, 1.5)
    yard.broker.stop()
    yard.expect_unready("collector", "not connected", 10)
    yard.broker.start()
    yard.until_connected()


def database_lost(yard: Yard, size: Size) -> None:
    """Killed, and its database deleted: the collector opens a new session and subscribes again by itself."""
    yard.rest(0.5, 1.5)
    with yard.devices_paused():
        yard.broker.kill()
        yard.broker_database.unlink()
        yard.broker.start()
        _wait_reconnected(yard)


def session_lost(yard: Yard, size: Size) -> None:
    """Another client takes the collector's client id and clears its session; it reconnects and subscribes again."""
    yard.rest(0.5, 1.5)
    with yard.devices_paused():
        reconnects = yard.status()["reconnects"]
        wipe_session(yard, yard.settings.mqtt.client_id)
        yard.expect(lambda: yard.status()["reconnects"] > reconnects, "the collector reconnects", 20)
        _wait_reconnected(yard)


def killed_under_traffic(yard: Yard, size: Size) -> None:
    """Killed three times while devices publish and the collector is at work: what it acknowledged is in the raw log.

    Everybody reconnects by themselves; devices repeat what was not acknowledged.
    """
    for _ in range(3):
        yard.rest(1.0, 2.5)
        yard.broker.kill()
        yard.kills += 1
        yard.expect_unready("collector", "not connected", 10)
        yard.broker.start()
        _wait_reconnected(yard)


def wipe_session(yard: Yard, client_id: str) -> None:
    """Disconnect the client with this id, and delete what the broker keeps for it."""
    intruder = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
    intruder.connect("127.0.0.1", yard.broker.port, clean_start=True)
    intruder.loop_start()
    try:
        yard.expect(intruder.is_connected, "the broker accepts an intruder", 10)
    finally:
        intruder.disconnect()
        intruder.loop_stop()


def _wait_reconnected(yard: Yard) -> None:
    """Return when the collector is connected. Its status file is up to a second old."""
    yard.until_connected(time.time_ns() // 1_000_000 + 1_000)


FAULTS: Final = (
    Fault("broker restarted", restarted),
    Fault("broker killed, its database lost", database_lost),
    Fault("broker killed under traffic", killed_under_traffic),
    Fault("collector's session lost", session_lost),
)
