"""One record of the raw log → decode → admit → judge. Every message passes here; compiled like the engine."""

from collections.abc import Sequence
from typing import Final

from devices.city.model import Device
from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw
from devices.codecs.manifests import MANIFEST
from devices.codecs.registry import codec_of
from devices.readings.decoding import NATIVE_DIALECT
from devices.readings.models import Fill, Reading
from devices.readings.refusals import DecodeError, Reason, Refusal
from ingest.admission import admit, at_corrected_time, by_sensors, within_region
from ingest.log.records import REVISION_TOPICS, TICK_TOPIC, LogRecord, RawMessage
from rules.alerts.model import AlertChange
from rules.engine.engine import RuleEngine

_MANIFEST: Final = MANIFEST.dialect


def judge_record(
    engine: RuleEngine, record: LogRecord, max_payload_bytes: int = MAX_PAYLOAD_BYTES
) -> list[AlertChange]:
    """Decode, admit and judge one record of the raw log. Returns the alert changes."""
    message = record.message
    if message.topic == TICK_TOPIC:
        quiet_ms = int(message.payload) if message.payload.isdigit() else 0
        passed = engine.advance(quiet_ms)
        engine.receive(message.received_at)  # the tick itself said how long it was quiet
        return passed if quiet_ms else passed + engine.advance(0)  # or its receive time did, in a partition
    if message.topic in REVISION_TOPICS:
        # Rules may be off now for some devices, and another correction of clocks may move fleet time.
        return engine.end_rules_off() + engine.advance(0)
    if not message.waited:
        engine.receive(message.received_at)
    changes: list[AlertChange] = []
    if message.dialect == _MANIFEST:
        return _judge_manifest(engine, message)
    readings = _accepted_readings(engine, message, max_payload_bytes, changes)
    if not readings:
        return changes + engine.advance(0)  # time goes on while a device sends what is refused
    for reading in readings:
        changes += engine.judge_retained(reading) if message.retained else engine.judge(reading)
    return changes


def _judge_manifest(engine: RuleEngine, message: RawMessage) -> list[AlertChange]:
    """Judge what people did with the manifest of a truck that the city has."""
    changes: list[AlertChange] = []
    device = engine.device(MANIFEST.device_of(message.topic))
    if device is not None:
        try:
            decoded = MANIFEST.decode(message.topic, message.payload)
        except DecodeError:
            decoded = []
        for item in decoded:
            if not isinstance(item, Flaw):
                changes += engine.judge(item)
    return changes + engine.advance(0)


def _accepted_readings(
    engine: RuleEngine, message: RawMessage, max_payload_bytes: int, changes: list[AlertChange]
) -> Sequence[Reading]:
    """The readings to be judged; what follows from refused ones is added to `changes`."""
    dialect = message.dialect
    codec = codec_of(dialect)
    device_id, received_at = codec.device_of(message.topic), message.received_at
    device = engine.device(device_id)
    decoded: Sequence[Reading | Flaw]
    try:
        if dialect == NATIVE_DIALECT:  # which the registry says nothing about
            decoded = codec.decode(message.topic, message.payload, max_bytes=max_payload_bytes)
        else:
            decoding = engine.city.decoding_of(device_id, dialect)
            decoded = codec.decode(message.topic, message.payload, max_bytes=max_payload_bytes, decoding=decoding)
    except DecodeError:
        if device is not None:
            engine.refuse(device_id)
        return ()
    if device is not None and device.clock_correction_s:
        decoded = at_corrected_time(decoded, device.clock_correction_s)
    accepted = [
        within_region(by_sensors(item, device, engine.city), engine.city)
        for item in decoded
        if not isinstance(item, Flaw) and not isinstance(admit(item, received_at, device_id, device, dialect), Refusal)
    ]
    # A message of the native dialect has readings of one kind.
    if accepted and (type(accepted[0]) is Fill or dialect != NATIVE_DIALECT):
        accepted = [one for one in accepted if not isinstance(one, Fill) or engine.takes_compartment(one)]
    if device is not None and len(accepted) < len(decoded):
        if not message.retained:
            changes += _refuse_times(engine, decoded, message, device)
        if not accepted:
            engine.refuse(device_id)
    return accepted


def _refuse_times(
    engine: RuleEngine, decoded: Sequence[Reading | Flaw], message: RawMessage, device: Device
) -> list[AlertChange]:
    """Let the clock of the device be judged by readings that are refused because they are too far ahead."""
    changes: list[AlertChange] = []
    for item in decoded:
        if not isinstance(item, Flaw):
            refusal = admit(item, message.received_at, device.id, device, message.dialect)
            if isinstance(refusal, Refusal) and refusal.reason is Reason.FUTURE_TIME:
                changes += engine.refuse_time(device.id, item.ts)
    return changes
