"""Uplink and registry → readings: a sign of life for every uplink, and a level where one was measured.

No level is guessed. What is missing for one (a profile, the depth of the bin) is a flaw that names the field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from devices.codecs.codec import CorrectedItems, Flaw
from devices.codecs.lorawan.payloads.decoded import DISTANCE_EXCEPTION, Past, PayloadError, Value, Values
from devices.codecs.lorawan.profiles import BUILT_IN, Profile, is_number, profile_of
from devices.codecs.lorawan.uplink import Event, Uplink
from devices.readings.decoding import Decoding
from devices.readings.field_check import Correction, corrected_reading
from devices.readings.models import MAX_LEVEL_PCT, Kind, Reading
from devices.readings.refusals import DecodeError, Reason, Refusal, refused

BEYOND_FLOOR: Final = 1.2
"""A distance up to so many depths counts as an empty bin: floors are uneven, and depths are registered roundly."""
MAX_FRAME_BYTES: Final = 255
"""No LoRaWAN frame is longer."""
_EXTRA: Final = {"temperature_c": "temperature_c", "tilt_deg": "tilt_deg", "inclination_deg": "tilt_deg"}
"""Beside the level: names of decoders, and the field of the reading."""


class _Item(NamedTuple):
    """A reading with what was corrected in it, or why there is none."""

    what: Reading | Refusal
    corrections: Sequence[Correction] = ()


def items_of(uplink: Uplink, dialect: str, decoding: Decoding, raw: bytes) -> list[Reading | Flaw]:
    """What one event says: levels and flaws first, the sign of life last.

    `raw`: the message, byte for byte, for a flaw. Raises DecodeError: the time of the event is out of bounds.
    """
    found: list[_Item] = []
    values: Values = {}
    # The reading of a device that is not registered with this dialect is refused: the sign of life stands for it.
    if uplink.event is Event.UP and decoding.dialect == dialect and (uplink.payload or uplink.decoded):
        try:
            profile = _registered(decoding)
            values, past = _values(uplink, profile)
            found = _levels(uplink, profile, decoding.depth_mm, values, past)
        except PayloadError as exc:
            found = [_Item(Refusal(Reason.NOT_A_READING, f"payload: {exc} ({decoding.profile})", field="payload"))]
        except DecodeError as exc:
            found = [_Item(exc.refusal)]
    found.append(_Item(*corrected_reading(Kind.STATUS, _status(uplink, values), uplink.device_id)))
    items = [Flaw(raw, item.what) if isinstance(item.what, Refusal) else item.what for item in found]
    corrections = {index: item.corrections for index, item in enumerate(found) if item.corrections}
    return CorrectedItems(items, corrections) if corrections else items


def _registered(decoding: Decoding) -> Profile:
    profile = profile_of(decoding)
    if profile is None:
        wrong = f"{decoding.profile!r} is neither of the city nor built in" if decoding.profile else "is not registered"
        detail = f"{wrong}: set the profile of the device to one of profiles.yaml, or to one of {', '.join(BUILT_IN)}"
        raise refused(Reason.MISSING_FIELD, "profile", detail)
    return profile


def _values(uplink: Uplink, profile: Profile) -> tuple[Values, Sequence[Past]]:
    """The values of the uplink by the names of `UNITS` and of decoders, and what the device had stored."""
    if profile.decoder is None:
        return _mapped(profile, uplink.decoded or {}), ()
    if not uplink.payload:
        return {}, ()
    if len(uplink.payload) > MAX_FRAME_BYTES:
        raise PayloadError(f"has {len(uplink.payload)} bytes, a LoRaWAN frame at most {MAX_FRAME_BYTES}")
    decoded = profile.decoder(uplink.f_port, uplink.payload)
    if not profile.sources:
        return decoded.values, decoded.past
    past = [replace(one, values=_mapped(profile, one.values)) for one in decoded.past]
    return _mapped(profile, decoded.values), past


def _mapped(profile: Profile, tree: Mapping[str, Any]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for target, source in profile.sources.items():
        value = _at(tree, source.path)
        if value is None:
            continue
        if not is_number(value):
            detail = f"{'.'.join(source.path)} should be a number (found {value!r:.60})"
            raise refused(Reason.WRONG_TYPE, target, detail)
        found[target] = value * source.factor
    if not found and tree:
        paths = ", ".join(".".join(source.path) for source in profile.sources.values())
        detail = f"{profile.name} reads {paths}, and none of them is in the message: correct it in profiles.yaml"
        raise refused(Reason.MISSING_FIELD, "profile", detail)
    return found


def _at(tree: object, path: Sequence[str]) -> Any:
    """The value at a path; None if there is none. A step into a list is an index."""
    for step in path:
        if isinstance(tree, Mapping):
            tree = tree.get(step)
        elif isinstance(tree, list) and step.isascii() and step.isdigit() and int(step[:4]) < len(tree):
            tree = tree[int(step[:4])]
        else:
            return None
    return tree


def _levels(
    uplink: Uplink, profile: Profile, depth_mm: float | None, values: Values, past: Sequence[Past]
) -> list[_Item]:
    """One level for each moment. Of refusals that say the same, the first stands for all."""
    found: list[_Item] = []
    refused: set[tuple[Reason, str | None]] = set()
    for ts, seq, measured in (
        *((one.unix_s * 1000, None, one.values) for one in past),
        (uplink.ts, uplink.f_cnt, values),
    ):
        try:
            level = _level(measured, profile, depth_mm)
            if level is not None:
                given: dict[str, Any] = {"ts": ts, "fill_pct": level} | ({} if seq is None else {"seq": seq})
                given |= {field: measured[name] for name, field in _EXTRA.items() if name in measured}
                found.append(_Item(*corrected_reading(Kind.FILL, given, uplink.device_id)))
        except DecodeError as exc:
            what = exc.refusal.reason, exc.refusal.field
            if what not in refused:
                refused.add(what)
                found.append(_Item(exc.refusal))
    return found


def _level(values: Values, profile: Profile, depth_mm: float | None) -> float | None:
    """Level in percent; None where nothing of a level was measured. Raises DecodeError.

    A distance counts by the registered depth, which is that of the sensor above the floor. Without one the level that
    the device itself works out is taken.
    """
    exception = values.get(DISTANCE_EXCEPTION)
    if exception is not None:
        detail = f"the sensor has none ({exception}): clean it, and check that it looks into the bin"
        raise refused(Reason.OUT_OF_BOUNDS, "distance_mm", detail)
    distance_mm, liquid_mm = _millimetres(values)
    own = values.get("fill_pct")
    if distance_mm is None and liquid_mm is None:
        return float(own) if is_number(own) else None
    if depth_mm is None:
        if is_number(own):
            return float(own)
        measured = f"distance {distance_mm:.0f} mm" if distance_mm is not None else f"depth {liquid_mm:.0f} mm"
        detail = f"{measured} is no level without it: register depth_mm (sensor to floor) of the device, then redrive"
        raise refused(Reason.MISSING_FIELD, "depth_mm", detail)
    usable_mm = depth_mm - profile.sensor_offset_mm
    if usable_mm <= 0:
        detail = f"is {depth_mm:g}, not more than sensor_offset_mm {profile.sensor_offset_mm:g} of the profile"
        raise refused(Reason.OUT_OF_BOUNDS, "depth_mm", detail)
    if distance_mm is None:
        return _clamped(100.0 * (liquid_mm or 0.0) / usable_mm)
    if distance_mm > BEYOND_FLOOR * depth_mm:
        detail = f"is {distance_mm:g}, and the floor is at depth_mm {depth_mm:g}: check sensor and registered depth"
        raise refused(Reason.OUT_OF_BOUNDS, "distance_mm", detail)
    return _clamped(100.0 * (depth_mm - distance_mm) / usable_mm)


def _clamped(level: float) -> float:
    """A level between an empty bin and a heap. What is above 100 % is counted where the reading is made."""
    return min(max(level, 0.0), MAX_LEVEL_PCT)


def _millimetres(values: Values) -> tuple[float | None, float | None]:
    """Distance to the surface, and height of a liquid."""
    distance_mm, distance_cm, depth_cm = (values.get(name) for name in ("distance_mm", "distance_cm", "depth_cm"))
    if not is_number(distance_mm) and is_number(distance_cm):
        distance_mm = distance_cm * 10
    return (
        float(distance_mm) if is_number(distance_mm) else None,
        float(depth_cm) * 10 if is_number(depth_cm) else None,
    )


def _status(uplink: Uplink, values: Values) -> dict[str, Any]:
    given: dict[str, Any] = {
        "ts": uplink.ts,
        "online": True,
        "session": 0,  # LoRaWAN has no connection that could end
        "cause": "birth" if uplink.event is Event.JOIN else "heartbeat",
        "seq": uplink.f_cnt,
        "rssi_dbm": uplink.rssi_dbm,
        "battery_pct": uplink.battery_pct if uplink.battery_pct is not None else values.get("battery_pct"),
    }
    return {name: value for name, value in given.items() if value is not None}
