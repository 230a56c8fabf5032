"""One device that sends without measure, and two collectors that divide the work."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices.readings.models import Position
from devices.readings.refusals import Reason
from haulwatch.settings.data_files import collector_status_path
from haulwatch.wiring.stores import current_ledger
from ingest.ledger.report import DeviceLedgerLine
from tests.chaos.broker_faults import wipe_session
from tests.chaos.faults import Fault, Size
from tests.chaos.fleet import message
from tests.chaos.yard import Complaint, Yard
from tests.e2e.conftest import Installation

_CULPRIT: Final = "truck-023"
"""A registered device that takes no part in the labelled stream."""
_LONG_AGO_MS: Final = 2 * 86_400_000
"""It says nothing of a time that the labelled stream speaks of."""
_LIMITS: Final = {"HAULWATCH_DEVICE_MESSAGES_PER_S": "60", "HAULWATCH_DEVICE_BURST_MESSAGES": "600"}
"""Twice what the others send, whose time runs fast."""
_SECOND: Final = "second"


def flooding(yard: Yard, size: Size) -> None:
    """What is beyond its rate is quarantined in aggregate, counted to the message; nobody else is touched."""
    with _started_again(yard, _LIMITS):
        _publish(yard, size.flood)
        yard.expect(lambda: _culprit(yard).received >= size.flood, "the flood is counted", 60)
        yard.expect(lambda: not _culprit(yard).queued, "the flood is settled", 60)
        said = _culprit(yard)
        refused = said.quarantined.get(Reason.FLOOD, 0)
        if said.received != size.flood or said.stored + said.duplicate + refused != size.flood or not said.stored:
            raise Complaint(f"of {size.flood} messages of the flood the ledger says {said}")
        if refused < size.flood // 2:
            raise Complaint(f"only {refused} of {size.flood} messages were beyond the rate")
        total = current_ledger(yard.settings).total.quarantined.get(Reason.FLOOD, 0)
        if total != refused:
            raise Complaint(f"{total - refused} messages of others are taken for a flood")


def _culprit(yard: Yard) -> DeviceLedgerLine:
    lines = current_ledger(yard.settings).devices
    return next((line for line in lines if line.device == _CULPRIT), DeviceLedgerLine(device=_CULPRIT))


def two_collectors(yard: Yard, size: Size) -> None:
    """They divide the messages; one is killed, then the other, and what it had not acknowledged comes again.

    Device time runs so fast here that what waits for a new process is hours late: alerts are those of the log, not
    those of an undisturbed run.
    """
    yard.unjudged = range(yard.stream.start_ms, yard.stream.start_ms + _LONG_AGO_MS)
    shared = {"HAULWATCH_BROKER_SHARE_GROUP": "chaos"}
    with _started_again(yard, shared):
        second = Installation(yard.folder, yard.environment | shared)
        try:
            _start_second(yard, second)
            for number in range(2 * size.kills):
                yard.rest(0.3, 1.0)
                if number % 2:
                    yard.kill_and_start("collect")
                    yard.until_connected()
                else:
                    second.kill("collect")
                    yard.kills += 1
                    _start_second(yard, second)
            with yard.devices_paused():
                second.stop("collect")
                wipe_session(yard, f"{yard.settings.mqtt.client_id}-{_SECOND}")
        finally:
            second.close()


def _start_second(yard: Yard, second: Installation) -> None:
    since_ms = time.time_ns() // 1_000_000
    second.start("collect", "--instance", _SECOND)
    path = collector_status_path(yard.settings, _SECOND)

    def connected() -> bool:
        said = json.loads(path.read_text()) if path.exists() else {"at": 0}
        return bool(said["at"] >= since_ms and said["connected"])

    yard.until(connected, "the second collector connects")


@contextmanager
def _started_again(yard: Yard, variables: dict[str, str]) -> Iterator[None]:
    """The collector is, with these variables, and afterwards as before. What it is sent meanwhile waits for it."""
    plain = yard.environment
    yard.environment = {**plain, **variables}
    try:
        yard.kill_and_start("collect")
        yard.until_connected()
        yield
    finally:
        yard.environment = plain
        with yard.devices_paused():
            yard.kill_and_start("collect")
            yard.until_connected()


def _publish(yard: Yard, count: int) -> None:
    """As fast as it can, on a connection of its own; return when the broker has taken all."""
    client = Client(CallbackAPIVersion.VERSION2, _CULPRIT, protocol=MQTTProtocolVersion.MQTTv311)
    client.max_inflight_messages_set(1_000)
    client.connect("127.0.0.1", yard.broker.port)
    client.loop_start()
    ts = yard.stream.start_ms - _LONG_AGO_MS
    said = [
        message(Position(device_id=_CULPRIT, ts=ts + seq, seq=seq, lat=35.5, lon=112.8, accuracy_m=4.0))
        for seq in range(count)
    ]
    infos = [client.publish(one.topic, one.payload, qos=1) for one in said]
    try:
        yard.expect(lambda: all(info.is_published() for info in infos), "the broker takes the flood", 60)
    finally:
        client.disconnect()
        client.loop_stop()


FAULTS: Final = (
    Fault("a device floods", flooding),
    Fault("two collectors, killed in turn", two_collectors),
)
