"""Readings of the elements of a payload: a position of a location, a status of a message of the session. Pure.

What a terminal does not know is absent, never 0: motion without a fix, an odometer that was never set. A sequence
number is absent too: the serial of a frame counts every message and begins anew at each start of the terminal.
"""

from typing import Final

from devices.codecs.jt808.body import BodyError
from devices.codecs.jt808.elements import Element
from devices.codecs.jt808.frame import Frame
from devices.codecs.jt808.location import ACC_ON, ODOMETER, SATELLITES, items_of, parse_location
from devices.codecs.jt808.messages import HEARTBEAT, LOG_OUT, Authentication, Stamp
from devices.codecs.jt808.profile import Settings
from devices.readings.field_check import Correction, corrected_reading
from devices.readings.models import Kind, Reading
from devices.readings.refusals import DecodeError, Reason, Refusal

_ODOMETER_BYTES: Final = 4


def reading_of_element(
    element: Element, settings: Settings, clock_correction_s: int = 0
) -> tuple[Reading, list[Correction]]:
    """Return the reading of an element, and what was corrected in it. Raises DecodeError.

    `clock_correction_s`: what is added to its time later, so it is taken from a time that is right already.
    """
    message = element.message
    if message is None:
        raise DecodeError(element.refusal or Refusal(Reason.NOT_A_READING, "payload: holds no frame", field="payload"))
    try:
        if element.is_location:
            return corrected_reading(Kind.POSITION, _position(message.body, settings), message.phone)
        return corrected_reading(Kind.STATUS, _status(message, element.stamp, clock_correction_s), message.phone)
    except BodyError as exc:
        raise DecodeError(Refusal(Reason.NOT_A_READING, str(exc), field=exc.field)) from exc


def _position(body: bytes, settings: Settings) -> dict[str, object]:
    """Values of a position. Raises BodyError, DecodeError."""
    location = parse_location(body)
    if location.ts_ms is None:
        detail = f"ts: {body[22:28].hex()} is no time, should be yymmddhhmmss: the terminal's clock was never set"
        raise DecodeError(Refusal(Reason.OUT_OF_BOUNDS, detail, field="ts"))
    items = dict(items_of(location.items))
    located = location.located and (location.lat_deg, location.lon_deg) != (0, 0)
    values: dict[str, object] = {
        "ts": location.ts_ms,
        "lat": location.lat_deg,
        "lon": location.lon_deg,
        "located": located,
        "ignition_on": bool(location.status_bits & ACC_ON),
        "alarm_bits": location.alarm_bits,
        **settings.sensors(location, items),
    }
    if located:
        values |= {
            "speed_kmh": location.speed_kmh,
            "heading_deg": float(location.course_deg),
            "altitude_m": float(location.altitude_m),
        }
    odometer, satellites = items.get(ODOMETER, b""), items.get(SATELLITES, b"")
    if len(odometer) == _ODOMETER_BYTES and any(odometer):
        values["odometer_km"] = int.from_bytes(odometer) / 10
    if len(satellites) == 1:
        values["satellites"] = satellites[0]
    return values


def _status(message: Frame, stamp: Stamp | None, clock_correction_s: int) -> dict[str, object]:
    """Values of a status. Raises BodyError, DecodeError."""
    if stamp is None:
        detail = f"ts: message {message.message_id:04X} has no time of its own, and its gateway gave none"
        raise DecodeError(Refusal(Reason.MISSING_FIELD, detail, field="ts"))
    values: dict[str, object] = {
        "ts": stamp.at_ms - clock_correction_s * 1000 if stamp.is_true_time else stamp.at_ms,
        "session": stamp.session,
        "online": message.message_id != LOG_OUT,
        "cause": _CAUSES.get(message.message_id, "birth"),
    }
    if message.message_id == Authentication.ID and (software := Authentication.read(message).software):
        values["firmware"] = software
    return values


_CAUSES: Final = {HEARTBEAT: "heartbeat", LOG_OUT: "shutdown"}
