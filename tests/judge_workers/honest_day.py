"""A day as one collector writes it: a busy hour, a truck that uploads late, and silence, one after the other.

`tests.integration.test_kafka_day` has these at once, so that trucks are in two places, and ticks tell of silence while
others are heard. Judged as one log or in partitions, such a day may differ in when it is noticed that an alert is
wrong.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from msgspec.structs import replace as with_

from ingest.collector.collector import TICK_EVERY_MS
from ingest.log.records import TICK_TOPIC, LogRecord, RawMessage
from ingest.log.revisions import city_record
from tests.ingest.judge.test_shuffle import CITY, busy_log, late_log, quiet_log
from tests.rules.town import T0

_PAUSE_MS = 300_000


@cache
def honest_day() -> tuple[RawMessage, ...]:
    """Messages in the order of receive time: some twice, and some that are refused. In the middle a device leaves."""
    messages: list[RawMessage] = []
    for part in (busy_log(), late_log(), quiet_log()):
        begins = messages[-1].received_at + _PAUSE_MS if messages else T0
        while messages and messages[-1].received_at < begins:
            messages.append(RawMessage(TICK_TOPIC, b"%d" % TICK_EVERY_MS, messages[-1].received_at + TICK_EVERY_MS))
        messages += _later(part, begins - T0)
    repeated = [message for message in messages[::37] if message.topic != TICK_TOPIC]
    refused = [
        RawMessage("haulwatch/v1/T1/position", b"{broken", messages[300].received_at),
        RawMessage("somebody/else", b"", messages[400].received_at),
        RawMessage("haulwatch/v1/T9/position", messages[0].payload, messages[500].received_at),
    ]
    without = replace(CITY, devices={name: device for name, device in CITY.devices.items() if name != "P02"})
    middle = messages[len(messages) // 2].received_at
    cities = [city_record(CITY, messages[0].received_at - 1), city_record(without, middle - 1)]
    return tuple(sorted([*messages, *repeated, *refused, *cities], key=lambda message: message.received_at))


def _later(part: Iterable[LogRecord], by_ms: int) -> Iterable[RawMessage]:
    for record in part:
        message = record.message
        payload = message.payload
        if message.topic != TICK_TOPIC:
            reading = json.loads(payload)
            payload = json.dumps(reading | {"ts": reading["ts"] + by_ms}, separators=(",", ":")).encode()
        yield with_(message, payload=payload, received_at=message.received_at + by_ms)
