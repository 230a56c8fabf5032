"""Admission: accepts or refuses a reading. Pure; recorder and judge share it and so see the same readings."""

from collections.abc import Sequence

from msgspec import structs

from devices.city.haulage import KG_OF_UNIT
from devices.city.model import KINDS_OF_ROLE, City, Device
from devices.codecs.codec import CorrectedItems, Flaw
from devices.readings.decoding import NATIVE_DIALECT
from devices.readings.models import MAX_AHEAD_MS, MAX_KG, MAX_TS_MS, MIN_TS_MS, Kind, Position, Reading
from devices.readings.refusals import Reason, Refusal


def admit(
    reading: Reading, received_at: int, topic_device: str, device: Device | None, dialect: str = NATIVE_DIALECT
) -> Device | Refusal:
    """Return the device that measured, or why its reading is refused; `device` is the one it names, if registered.

    A reading is accepted if its device is registered and valid at device time, payload and topic name the same device,
    it speaks the message's dialect, devices of its role send readings of this kind, and device time is at most 120 s
    after receive time. The models have checked the physical bounds of its values.
    """
    if reading.device_id != topic_device:
        detail = f"device_id: payload says {reading.device_id!r}, topic {topic_device!r}: a device reports only itself"
        return Refusal(Reason.FOREIGN_DEVICE, detail, field="device_id")
    ts = reading.ts
    if device is None or not device.validity.covers(ts):
        return _unknown_device(reading.device_id, None if device is None else ts)
    if device.dialect != dialect or reading.kind not in KINDS_OF_ROLE[device.role]:
        return _unfit(reading.kind, dialect, device)
    if device.clock_correction_s and not MIN_TS_MS <= ts <= MAX_TS_MS:
        corrected = f"ts: {ts} with clock_correction_s {device.clock_correction_s}"
        detail = f"{corrected}, not from 2000 to 2100: set it right in devices.yaml and redrive"
        return Refusal(Reason.OUT_OF_BOUNDS, detail, field="ts")
    ahead_ms = ts - received_at
    if ahead_ms > MAX_AHEAD_MS:
        allowed = f"at most {MAX_AHEAD_MS // 1000} s"
        remedy = ", or its clock_correction_s in devices.yaml" if device.clock_correction_s else ""
        detail = f"ts: {ahead_ms / 1000:.0f} s ahead of receive time, {allowed}: set the device's clock{remedy}"
        return Refusal(Reason.FUTURE_TIME, detail, field="ts")
    return device


def refusal_of_flaw(flaw: Flaw, topic_device: str, device: Device | None, dialect: str) -> Refusal:
    """Return why an element that is no reading is refused.

    In a dialect other than the native one it may be no reading only because it was not read as its device needs it:
    then the reason is that the device is not registered, or with another dialect.
    """
    refusal = flaw.refusal
    if not topic_device or refusal.reason is Reason.TOO_LARGE:
        return refusal
    if device is None:
        return refusal if dialect == NATIVE_DIALECT else _unknown_device(topic_device)
    return refusal if device.dialect == dialect else _another_dialect(dialect, device)


def _unknown_device(device_id: str, ts: int | None = None) -> Refusal:
    """`ts`: device time at which it is registered and not valid, ms."""
    detail = (
        f"device_id: {device_id!r} is not registered: add it to the city and redrive"
        if ts is None
        else f"device_id: {device_id!r} is not valid at ts {ts}: check its validity interval"
    )
    return Refusal(Reason.UNKNOWN_DEVICE, detail, field="device_id")


def _another_dialect(dialect: str, device: Device) -> Refusal:
    wrong = f"dialect: {device.id!r} is registered with the dialect {device.dialect}, the message is {dialect}"
    detail = f"{wrong}: correct its dialect in the city's devices.yaml, or what sends in its name, then redrive"
    return Refusal(Reason.ANOTHER_DIALECT, detail, field="dialect")


def _unfit(kind: Kind, dialect: str, device: Device) -> Refusal:
    """Of a reading that its device does not send."""
    if device.dialect != dialect:
        return _another_dialect(dialect, device)
    sent = " and ".join(KINDS_OF_ROLE[device.role])
    wrong = f"topic: {device.id!r} has the role {device.role!s} and sends {sent}, not {kind!s}"
    detail = f"{wrong}: correct the terminal, or its role in the city's devices.yaml, then redrive"
    return Refusal(Reason.KIND_OF_ANOTHER_ROLE, detail, field="topic")


def at_corrected_time(items: Sequence[Reading | Flaw], correction_s: int) -> Sequence[Reading | Flaw]:
    """Return what was decoded from a message with every device time corrected by so much (`Device.clock_correction_s`).

    Comes before `admit`. A last will is corrected too: the device wrote its time when it connected.
    """
    by_ms = correction_s * 1000
    corrected = [item if type(item) is Flaw else structs.replace(item, ts=item.ts + by_ms) for item in items]
    return CorrectedItems(corrected, items.corrections) if type(items) is CorrectedItems else corrected


def by_sensors(reading: Reading, device: Device | None, city: City) -> Reading:
    """Return a position with switches and load as the native format has them, by what is registered of the sensors of
    its vehicle at device time, and every other reading unchanged.

    A load beyond what a reading may hold is left out.
    """
    if city.has_plain_sensors or type(reading) is not Position or device is None or device.vehicle_id is None:
        return reading
    vehicle = city.vehicle_at(device.vehicle_id, reading.ts)
    if vehicle is None or vehicle.has_plain_sensors:
        return reading
    lift, cover, load_kg = reading.lift_up, reading.cover_open, reading.load_kg
    if load_kg is not None:
        load_kg = load_kg * KG_OF_UNIT[vehicle.load_unit]
    return structs.replace(
        reading,
        lift_up=not lift if vehicle.lift_inverted and lift is not None else lift,
        cover_open=not cover if vehicle.cover_inverted and cover is not None else cover,
        load_kg=load_kg if load_kg is not None and load_kg <= MAX_KG else None,
    )


def within_region(reading: Reading, city: City) -> Reading:
    """Return a position outside the city's region with `located` false, and every other reading unchanged.

    Receivers without a fix send 0, 0, the place of their factory or another default. The place is stored as it was sent
    and counts as no fix: rules, boards and API pass over it as over the fixes that a terminal itself calls lost.
    """
    if type(reading) is not Position or not reading.located or city.region.covers(reading.lat, reading.lon):
        return reading
    return structs.replace(reading, located=False)
