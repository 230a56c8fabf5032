"""A device that floods the collector, and two collectors that share the work."""

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
from tests.chaos.faults import Fault, Size
from tests.chaos.fleet import message
from tests.chaos.kinds.broker_faults import wipe_session
from tests.chaos.yard import Complaint, Yard
from tests.installation import Installation

_CULPRIT: Final = "truck-023"
"""A registered device that takes no part in the labelled stream."""
_LONG_AGO_MS: Final = 2 * 86_400_000
"""Its device times are outside the labelled stream."""
_LIMITS: Final = {"HAULWATCH_DEVICE_MESSAGES_PER_S": "60", "HAULWATCH_DEVICE_BURST_MESSAGES": "600"}
"""Twice the rate of the other devices, whose device time runs fast."""
_SECOND: Final = "second"


def flooding(yard: Yard, size: Size) -> None:
    """Messages beyond the device's rate are quarantined in aggregate, each counted; no other device is affected."""
    with _restarted(yard, _LIMITS):
        _publish(yard, size.flood)
        yard.expect(lambda: _culprit(yard).received >= size.flood, "the flood is counted", 60)
        yard.expect(lambda: not _culprit(yard).queued, "the flood is processed", 60)
        line = _culprit(yard)
        refused = line.quarantined.get(Reason.FLOOD, 0)
        if line.received != size.flood or line.stored + line.duplicate + refused != size.flood or not line.stored:
            raise Complaint(f"the flood had {size.flood} messages; the ledger: {line}")
        if refused < size.flood // 2:
            raise Complaint(f"only {refused} of {size.flood} messages exceeded the rate")
        total = current_ledger(yard.settings).total.quarantined.get(Reason.FLOOD, 0)
        if total != refused:
            raise Complaint(f"{total - refused} messages of other devices were counted as a flood")


def _culprit(yard: Yard) -> DeviceLedgerLine:
    lines = current_ledger(yard.settings).devices
    return next((line for line in lines if line.device == _CULPRIT), DeviceLedgerLine(device=_CULPRIT))


def two_collectors(yard: Yard, size: Size) -> None:
    """Two collectors share the messages; each is killed in turn, and its unacknowledged messages are delivered again.

    Device time runs so fast here that messages which wait for a new process are hours late: alerts equal those of the
    log, not those of an undisturbed run.
    """
    yard.unjudged = range(yard.stream.start_ms, yard.stream.start_ms + _LONG_AGO_MS)
    shared = {"HAULWATCH_BROKER_SHARE_GROUP": "chaos"}
    with _restarted(yard, shared):
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
        status = json.loads(path.read_text()) if path.exists() else {"at": 0}
        return bool(status["at"] >= since_ms and status["connected"])

    yard.until(connected, "the second collector connects")


@contextmanager
def _restarted(yard: Yard, variables: dict[str, str]) -> Iterator[None]:
    """Restart the collector with these variables, and as before after the block. Its messages wait in the broker."""
    former = yard.environment
    yard.environment = {**former, **variables}
    try:
        yard.kill_and_start("collect")
        yard.until_connected()
        yield
    finally:
        yard.environment = former
        with yard.devices_paused():
            yard.kill_and_start("collect")
            yard.until_connected()


def _publish(yard: Yard, count: int) -> None:
    """Publish as fast as possible on a connection of its own; return when the broker has acknowledged everything."""
    client = Client(CallbackAPIVersion.VERSION2, _CULPRIT, protocol=MQTTProtocolVersion.MQTTv311)
    client.max_inflight_messages_set(1_000)
    client.connect("127.0.0.1", yard.broker.port)
    client.loop_start()
    ts = yard.stream.start_ms - _LONG_AGO_MS
    messages = [
        message(Position(device_id=_CULPRIT, ts=ts + seq, seq=seq, lat=35.5, lon=112.8, accuracy_m=4.0))
        for seq in range(count)
    ]
    infos = [client.publish(flood.topic, flood.payload, qos=1) for flood in messages]
    try:
        yard.expect(lambda: all(info.is_published() for info in infos), "the broker accepts the flood", 60)
    finally:
        client.disconnect()
        client.loop_stop()


FAULTS: Final = (
    Fault("a device floods", flooding),
    Fault("two collectors, killed in turn", two_collectors),
)
